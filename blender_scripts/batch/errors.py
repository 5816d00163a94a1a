"""The one kind of error of a batch."""


class BatchError(ValueError):
    """A spec or an input that cannot be used. The message says where, what is wrong and what to do."""

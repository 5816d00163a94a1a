"""The one kind of error of the scene room."""


class SceneError(ValueError):
    """Bad input. The message is one clear sentence that says what is wrong and what to do."""

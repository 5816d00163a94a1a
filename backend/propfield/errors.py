"""The one kind of error that reaches a user: a sentence that says what is wrong and what to do."""


class PropfieldError(Exception):
    """Bad input or a missing part. The message is one clear sentence; no traceback reaches a user.

    `exit_code` is the terminal's, `http_status` the wire's.
    """

    exit_code = 2
    http_status = 422


class NotFound(PropfieldError):
    """Something named by the user (a category, a field, a job, a file) is not there."""

    http_status = 404


class Unavailable(PropfieldError):
    """A part that is needed (a package, weights, a port, a device) cannot be used here."""

    exit_code = 3
    http_status = 503


class Cancelled(PropfieldError):
    """The user asked for the work to stop."""

    exit_code = 130
    http_status = 409


def nearest_names(word: str, names: list[str], count: int = 3) -> list[str]:
    """The known names most like `word`, best first, for "did you mean" sentences."""
    from difflib import SequenceMatcher

    ranked = sorted(names, key=lambda name: -SequenceMatcher(None, word.lower(), name.lower()).ratio())
    return ranked[:count]

"""A request's body as JSON."""

import json

from propfield.errors import PropfieldError


def json_of(body: bytes) -> object:
    """What a body says. PropfieldError for one that is no JSON."""
    try:
        return json.loads(body)
    # Deep nesting ends in a RecursionError, a number of thousands of digits in a ValueError.
    except (ValueError, RecursionError) as error:
        raise PropfieldError("The request's body is not JSON; send one JSON object.") from error

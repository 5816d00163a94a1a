"""A way of using an object: what the field tells apart."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InteractionType:
    """A way of using an object: CHORUS Eq. 7's pair of a prompt and a body part, with a short name."""

    name: str
    """Short verb, unique in its category, such as "ride"."""
    prompt: str
    """The sentence that the pictures of this type are of; its observations carry it."""
    part: str | None = None
    """Name in skeleton.BODY_PARTS: only pictures whose object meets that part count; None: all pictures."""

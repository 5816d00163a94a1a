"""A way of using an object: what the field tells apart."""

from dataclasses import dataclass

WHOLE_BODY = "body"
"""The name of all body parts together: the paper's whole-body part."""


@dataclass(frozen=True)
class InteractionType:
    """A way of using an object: CHORUS Eq. 7's pair of a prompt and a body part, with a short name.

    A picture counts if its object meets the part and all of `passes`, and none of `blocks`. Parts are names
    in skeleton.BODY_PARTS, or "body" for any of them.
    """

    name: str
    """Short verb, unique in its category, such as "ride"."""
    prompt: str
    """The sentence that the pictures of this type are of; its observations carry it."""
    part: str | None = None
    """The body part that the object meets; None: wherever it is."""
    passes: tuple[str, ...] = ()
    """Further parts that it must meet as well."""
    blocks: tuple[str, ...] = ()
    """Parts that it must not meet."""

    @property
    def met(self) -> tuple[str, ...]:
        """All parts that the object must meet."""
        return (*([self.part] if self.part else []), *self.passes)

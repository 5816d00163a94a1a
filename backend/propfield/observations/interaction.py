"""A way of using an object: what the field tells apart."""

import re
from dataclasses import dataclass

from propfield.body.skeleton import BODY_PARTS
from propfield.errors import NotFound, PropfieldError, nearest_names

WHOLE_BODY = "body"
"""The name of all body parts together: the paper's whole-body part."""
PART_NAMES = (WHOLE_BODY, *BODY_PARTS)


@dataclass(frozen=True)
class InteractionType:
    """A way of using an object: CHORUS Eq. 7's pair of a prompt and a body part, with a short name.

    A picture counts if its object meets the part and all of `passes`, and none of `blocks` (§3.4): it meets
    a part where its mask shows a voxel of the part's region (field/regions.py). Parts are PART_NAMES.
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

    def at(self, parts: str) -> "InteractionType":
        """The same prompt with other parts, in `parse_parts`' words: "kick" at "left foot" is the type
        "kick, left foot". Errors as there."""
        met, blocks = parse_parts(parts)
        name = f"{self.name}, {parts_text(met, blocks)}"
        return InteractionType(name, self.prompt, met[0], met[1:], blocks)


def parse_parts(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parts that an object must meet and those that it must not, from words such as
    "right hand+left hand-head". NotFound, with the nearest names, for a part that no body has; PropfieldError
    for words of another form and for a part on both sides."""
    pieces = re.split(r"([+-])", f"+{text.strip().lower()}")
    signed = [(sign, name.strip()) for sign, name in zip(pieces[1::2], pieces[2::2], strict=True)]
    for _, name in signed:
        if name not in PART_NAMES:
            nearest = nearest_names(name, list(PART_NAMES)) if name else PART_NAMES
            raise NotFound(
                f"No body part is called “{name}” (in “{text}”); the nearest are {', '.join(nearest)}."
            )
    met, blocks = (tuple(dict.fromkeys(name for sign, name in signed if sign == own)) for own in "+-")
    both = set(met) & set(blocks)
    if both:
        raise PropfieldError(f"“{text}” wants {', '.join(sorted(both))} both met and not met.")
    return met, blocks


def parts_text(met: tuple[str, ...], blocks: tuple[str, ...]) -> str:
    """The words that `parse_parts` reads."""
    return "+".join(met) + "".join(f"-{name}" for name in blocks)

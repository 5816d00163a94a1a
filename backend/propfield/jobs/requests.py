"""What can be asked of a job: each kind's request, validated with one sentence."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from propfield.errors import PropfieldError
from propfield.observations.interaction import parse_parts

_ID = r"^[0-9a-f]{32}$"
# Categories and types are lower case by convention; a capital letter is no reason to refuse one.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True, to_lower=True)]

_Factor = Annotated[float, Field(ge=0.01, le=100, strict=False)]
_KINDS = ("learn", "reconstruct", "place", "check")


def _whole_parts(text: str) -> str:
    parse_parts(text)
    return text


_Parts = Annotated[
    str, StringConstraints(min_length=1, max_length=200, to_lower=True), AfterValidator(_whole_parts)
]


MOST_VIEWS = 1_000_000
"""Pictures for each type. Views stream, so memory sets no limit; a table of so many takes some gigabytes of
disk, and the studio makes them in half a day. What asks for more has a digit too many."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class LearnRequest(_Request):
    """Learn a category's field."""

    kind: Literal["learn"] = "learn"
    category: _Name
    """COCO's name of the object."""
    types: Annotated[list[_Name], Field(min_length=1, max_length=50)] | None = None
    """Names of interaction types; all that the source has when None."""
    parts: Annotated[list[_Parts], Field(min_length=1, max_length=50)] | None = None
    """Body parts that the object meets, such as "right hand+left hand-head"; each makes a further type of
    each of the types."""
    source: Annotated[str, Field(pattern=r"^(studio|coco:.+|folder:.+)$", max_length=4000)] = "studio"
    """"studio", "coco:FILE" or "folder:DIR"."""
    views: Annotated[int, Field(ge=1, le=MOST_VIEWS)] = 500
    """Pictures for each type."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    resolution: Annotated[int, Field(ge=8, le=256)] = 48
    """Voxels a side of the grid."""
    estimator: Literal["voting", "fit"] = "voting"
    """Count votes as the paper does, or go on from them to a field that explains the masks (field/fit)."""
    commercial_safe: bool = False
    """Refuse inputs whose licence does not allow commercial use, and pictures of unknown licence."""


class ReconstructRequest(_Request):
    """Rebuild the person and the object of one photo. Photo and annotations are ids of uploads."""

    kind: Literal["reconstruct"] = "reconstruct"
    photo: Annotated[str, Field(pattern=_ID)]
    annotations: Annotated[str, Field(pattern=_ID)] | None = None
    category: _Name | None = None
    """The object's; None, and so below: what is most likely meant."""
    person: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Which of several people, from 1, from left to right."""
    object: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Which of several objects of the category, likewise."""
    type: _Name | None = None
    """The interaction type whose field is taken."""
    licence: Annotated[str, Field(max_length=200)] | None = None
    """The photo's; the annotations' when None."""
    commercial_safe: bool = False
    """As for learning."""


class PlaceRequest(_Request):
    """Place a prop on a character. Problem and field file are ids of uploads; a field is in the library."""

    kind: Literal["place"] = "place"
    problem: Annotated[str, Field(pattern=_ID)]
    """The prop and the posed character, an .npz: see uses/placement/problem.py."""
    field: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """A field's name in the library; this or the next."""
    field_file: Annotated[str, Field(pattern=_ID)] | None = None
    type: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    """The interaction type of the field."""
    count: Annotated[int, Field(ge=1, le=50)] = 12
    """How many placements at most, of one frame; several frames have one each."""
    scale: Annotated[list[_Factor], Field(min_length=2, max_length=2)] | None = None
    """The least and the greatest factor on the prop; its size stays when None."""
    ground: Annotated[float, Field(ge=-1e6, le=1e6, strict=False)] | None = None
    """The ground's height along y, metres."""
    commercial_safe: bool = False
    """As for learning."""

    @model_validator(mode="after")
    def _fits_together(self) -> "PlaceRequest":
        if (self.field is None) == (self.field_file is None):
            raise PydanticCustomError("fields", "Give one of “field” and “field_file”.")
        if self.scale and self.scale[0] > self.scale[1]:
            raise PydanticCustomError("order", "“scale” is the least factor, then the greatest.")
        return self


class CheckRequest(_Request):
    """Count to `steps` in `seconds` while holding `megabytes`: shows that jobs run here and on what."""

    kind: Literal["check"] = "check"
    steps: Annotated[int, Field(ge=1, le=100_000)] = 20
    seconds: Annotated[float, Field(ge=0, le=3600, strict=False)] = 1.0
    megabytes: Annotated[int, Field(ge=0, le=1_000_000)] = 64


JobRequest = LearnRequest | ReconstructRequest | PlaceRequest | CheckRequest
_ANY: TypeAdapter[JobRequest] = TypeAdapter(Annotated[JobRequest, Field(discriminator="kind")])


def parse_request(data: object) -> JobRequest:
    """The request that JSON data describes. PropfieldError with one sentence when it describes none."""
    try:
        return _ANY.validate_python(data)
    except ValidationError as error:
        raise PropfieldError(sentence(error)) from error


def learn_request(**values: object) -> LearnRequest:
    """A LearnRequest of the given fields. PropfieldError with one sentence for a wrong one."""
    try:
        return LearnRequest.model_validate(values)
    except ValidationError as error:
        raise PropfieldError(sentence(error)) from error


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong, in one sentence."""
    first = error.errors(include_url=False, include_input=False)[0]
    # A discriminated union puts the kind before the field's name.
    place = [str(part) for part in first["loc"] if part not in _KINDS]
    if first["type"].startswith("union_tag"):
        return "A job's “kind” must be “learn”, “reconstruct”, “place” or “check”."
    if first["type"] in ("fields", "order"):
        return first["msg"]
    if place == ["source"]:
        return "A source is “studio”, “coco:FILE” or “folder:DIR”."
    if place in (["photo"], ["annotations"], ["problem"], ["field_file"]):
        return f"“{place[0]}” must be the id that uploading the file gave."
    if not place:
        return "A job is a JSON object with a “kind”."
    name, reason = ".".join(place)[:80], first["msg"]
    if first["type"] == "extra_forbidden":
        return f"A job of this kind has no “{name}”; leave it out."
    if first["type"] == "missing":
        return f"“{name}” is missing; give it."
    return f"“{name}” is wrong: {reason[:1].lower()}{reason[1:200]}."

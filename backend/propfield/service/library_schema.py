"""What crosses the wire of the library, as types."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from propfield.library.catalogue import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS

_Name = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldType(_Answer):
    """A way of using the object."""

    name: str
    prompt: str
    part: str | None = Field(description="The body part that the object meets.")
    passes: list[str]
    blocks: list[str]
    views: int
    peak: float


class Input(_Answer):
    """Something that went into a field."""

    what: str
    licence: str
    commercial: bool | None


class FieldEntry(_Answer):
    """What a list shows of a field."""

    name: str
    category: str
    types: list[FieldType]
    views: int
    resolution: int
    estimator: str
    bytes: int
    created: str = Field(description="ISO 8601, UTC.")
    tags: list[str] = Field(description="That follow from what it is.")
    own_tags: list[str] = Field(description="That its user gave it.")
    note: str
    tags_problem: str | None = Field(description="Why the user's tags cannot be read.")
    commercial: bool | None = Field(description="Whether all inputs allow it; null without a ledger.")
    licences: list[Input]
    preview: bool = Field(description="Whether there is a picture; one that is asked for is made.")
    problem: str | None = Field(description="Why the file cannot be read.")


class Fields(_Answer):
    """The fields of the library."""

    fields: list[FieldEntry]


class Drawing(_Answer):
    """A picture that is not there yet."""

    drawing: str = Field(description="The field's name.")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FieldChange(_Body):
    """What is to be different; the rest stays."""

    name: _Name | None = None
    tags: (
        Annotated[list[Annotated[str, Field(max_length=LONGEST_TAG)]], Field(max_length=MOST_TAGS)] | None
    ) = None
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] | None = None


class NewField(_Body):
    """An upload that is to become a field of the library."""

    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: _Name | None = None


def body(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI of a body that the route itself reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A square picture.",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    },
    202: {"model": Drawing, "description": "It is being drawn: ask again."},
}

"""What crosses the wire, as types, and the OpenAPI document that is made of them."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from propfield.jobs.requests import JobRequest


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Error(_Answer):
    """What went wrong, and what to do."""

    error: str


class Device(_Answer):
    """What the backend computes on."""

    kind: Literal["cpu", "cuda"]
    name: str
    memory_free: int = Field(description="Bytes: the GPU's, or the machine's.")


class Provider(_Answer):
    """A part from outside that does one job."""

    job: str
    name: str
    what: str
    available: bool
    reason: str = Field(description="What is missing and how to get it; empty where nothing is.")
    licence: str
    weights_licence: str | None
    commercial: bool | None


class Kind(_Answer):
    """One way of using an object."""

    name: str
    prompt: str
    part: str | None


class Category(_Answer):
    """An object that the studio can show."""

    name: str
    types: list[Kind]


class Hello(_Answer):
    """Who the backend is and what it can do."""

    name: Literal["propfield"]
    version: str
    protocol: int
    pid: int
    instance: str = Field(description="Another at each start: tells a restart from the one that was there.")
    device: Device
    providers: list[Provider]
    categories: list[Category]


class Pulse(_Answer):
    """A sign of life."""

    name: Literal["propfield"]
    protocol: int
    pid: int
    instance: str
    clients: int = Field(description="Programs that are entered.")
    device: Device


class Client(_Answer):
    """A program that uses the backend, and asks that it lives as long."""

    model_config = ConfigDict(extra="forbid", strict=True)
    pid: int = Field(ge=1, lt=2**31, description="Its process on this machine.")
    keep: bool = Field(default=False, description="The backend is to stay when it is gone.")


class Clients(_Answer):
    """How many programs are entered."""

    clients: int
    ends: bool = Field(description="Whether the backend ends with the last of them.")


class Created(_Answer):
    """What was made."""

    id: str


class Job(_Answer):
    """A piece of long work, as it stands."""

    id: str
    kind: str
    request: dict[str, Any]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str
    progress: float = Field(ge=0, le=1)
    message: str
    result: dict[str, Any] | None
    error: str | None
    created: str = Field(description="ISO 8601, UTC.")
    finished: str | None


class Jobs(_Answer):
    """The newest jobs, newest first."""

    jobs: list[Job]


class FieldHeader(BaseModel):
    """The header of a field file; the page about file formats tells all of it."""

    model_config = ConfigDict(extra="allow")
    format: Literal["propfield.field"]
    version: int
    category: str


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Error, "description": "The token is missing or wrong."},
    403: {"model": Error, "description": "The Host header names another machine."},
    404: {"model": Error, "description": "There is nothing of that name."},
    413: {"model": Error, "description": "The body is over its limit."},
    422: {"model": Error, "description": "The request is not one that this backend takes."},
    500: {"model": Error, "description": "A defect, or a disk that cannot be used."},
    503: {"model": Error, "description": "A part that is needed cannot be used here."},
}
BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file's bytes.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines `data: …` with the job's JSON, one on each change, until it ends.",
        "content": {"text/event-stream": {"schema": {"description": "Server-sent events."}}},
    }
}
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def body_of(kind: Any) -> dict[str, Any]:
    """The part of an operation's description that tells of a JSON body of that type."""
    schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "x-definitions": definitions,
    }


JOB_BODY = body_of(Annotated[JobRequest, Field(discriminator="kind")])
# Over the wire no path is opened: the terminal alone learns from files and folders.
JOB_BODY["x-definitions"]["LearnRequest"]["properties"]["source"] = {"const": "studio", "default": "studio"}
CLIENT_BODY = body_of(Client)


def openapi(app: FastAPI) -> dict[str, Any]:
    """The application's OpenAPI document: each address, what it takes, and all that it may answer."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for address in document["paths"].values():
        for operation in address.values():
            # A type's own parts belong among the document's.
            schemas.update(operation.pop("x-definitions", {}))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    return document

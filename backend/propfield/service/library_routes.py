"""The wire of the library: lists, pictures, tags, files coming and going."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ValidationError

from propfield.errors import PropfieldError, Unavailable
from propfield.home import Home
from propfield.library import Library
from propfield.library.catalogue import found
from propfield.service import library_schema, schema
from propfield.service.body import json_of
from propfield.uploads import find_upload

_DRAWING_SECONDS = 120
_Model = TypeVar("_Model", bound=BaseModel)


def add_library_routes(app: FastAPI, home: Home) -> None:
    """Hangs the library of a home folder into the application."""
    library = Library(home.library)
    drawing = _Drawing(home, library)

    @app.get("/v1/fields", response_model=library_schema.Fields)
    def list_fields(
        search: Annotated[str, Query(max_length=200)] = "", commercial: bool = False
    ) -> JSONResponse:
        """The fields, newest first; of a search those in which each word occurs, the best first."""
        return JSONResponse({"fields": found(library.entries(), search, commercial=commercial)})

    @app.post(
        "/v1/fields",
        status_code=201,
        response_model=library_schema.FieldEntry,
        openapi_extra=library_schema.body(library_schema.NewField),
    )
    async def add_field(request: Request) -> JSONResponse:
        """Takes an uploaded field file into the library, once it was read and found whole."""
        wanted = _parsed(library_schema.NewField, await request.body())
        file = await run_in_threadpool(find_upload, home.uploads, wanted.upload)
        name = await run_in_threadpool(library.add, file, wanted.name)
        return JSONResponse(await run_in_threadpool(library.entry, name), status_code=201)

    @app.get("/v1/fields/{name}", response_model=schema.FieldHeader)
    def show_field(name: str) -> JSONResponse:
        """The header of a field's file."""
        try:
            return JSONResponse(library.header(name))
        except ValueError as error:
            # A header may hold what Python reads and JSON has none of: not-a-numbers, halves of letters.
            raise PropfieldError(f"The header of “{name}” holds what JSON cannot say.") from error

    @app.patch(
        "/v1/fields/{name}",
        response_model=library_schema.FieldEntry,
        openapi_extra=library_schema.body(library_schema.FieldChange),
    )
    async def change_field(name: str, request: Request) -> JSONResponse:
        """Renames a field, and writes its tags and its note."""
        change = _parsed(library_schema.FieldChange, await request.body())

        def changed() -> dict:
            now = library.change(name, new_name=change.name, tags=change.tags, note=change.note)
            return library.entry(now)

        return JSONResponse(await run_in_threadpool(changed))

    @app.get("/v1/fields/{name}/file", response_class=FileResponse, responses=schema.BINARY)
    def field_file(name: str) -> FileResponse:
        """The field file itself."""
        path = library.path(name)
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    @app.get("/v1/fields/{name}/preview", response_class=FileResponse, responses=library_schema.PICTURE)
    async def field_preview(
        name: str, type: Annotated[str | None, Query(max_length=200)] = None
    ) -> FileResponse:
        """A picture of a field, or of one of its types; drawn now where there is none."""
        picture = await run_in_threadpool(library.preview, name, type)
        if not await run_in_threadpool(library.is_fresh, name, picture):
            await drawing.draw(name, picture)
        return FileResponse(picture, media_type="image/png")

    @app.delete("/v1/fields/{name}", status_code=204)
    def delete_field(name: str) -> Response:
        """Removes a field, its tags and its pictures."""
        library.delete(name)
        return Response(status_code=204)


class _Drawing:
    """Draws pictures one after the other, each in a process of its own: a large field may take all memory,
    which must not be the service's end."""

    def __init__(self, home: Home, library: Library) -> None:
        self._home, self._library = home, library
        self._one_at_a_time = asyncio.Lock()
        self._failed: dict[tuple[str, int], str] = {}

    async def draw(self, name: str, picture: Path) -> None:
        """Sees to it that a picture is there. PropfieldError where it cannot be drawn, which is not tried
        again before the file changes."""
        async with self._one_at_a_time:
            await run_in_threadpool(self._draw, name, picture)

    def _draw(self, name: str, picture: Path) -> None:
        if self._library.is_fresh(name, picture):
            return
        version = name, self._library.path(name).stat().st_mtime_ns
        if version not in self._failed:
            reason = self._process(name)
            if self._library.is_fresh(name, picture):
                return
            self._failed[version] = reason
        raise Unavailable(f"“{name}” has no picture: {self._failed[version]}")

    def _process(self, name: str) -> str:
        """Runs the terminal's verb; gives the sentence with which it failed."""
        command = [
            sys.executable,
            "-m",
            "propfield",
            "library",
            "preview",
            name,
            "--home",
            str(self._home.folder),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_DRAWING_SECONDS, check=False, text=True
            )
        except (OSError, subprocess.TimeoutExpired):
            return "drawing it took too long."
        told = done.stderr.strip().rpartition("\n")[2].removeprefix("propfield: ")
        return told[:500] or "memory ran out while it was drawn."


def _parsed(model: type[_Model], content: bytes) -> _Model:
    try:
        return model.model_validate(json_of(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:80]
        if not place:
            raise PropfieldError("Send a JSON object.") from error
        if first["type"] == "extra_forbidden":
            raise PropfieldError(f"There is no “{place}” here; leave it out.") from error
        if first["type"] == "missing":
            raise PropfieldError(f"“{place}” is missing; give it.") from error
        reason = first["msg"]
        raise PropfieldError(f"“{place}” is wrong: {reason[:1].lower()}{reason[1:200]}.") from error

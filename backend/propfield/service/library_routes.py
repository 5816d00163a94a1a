"""The wire of the library: lists, pictures, tags, files coming and going."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
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
_ANSWER_SECONDS = 5.0
_MOST_FAILED = 1000
_Model = TypeVar("_Model", bound=BaseModel)


def add_library_routes(app: FastAPI, home: Home) -> Callable[[], None]:
    """Hangs the library of a home folder into the application. Gives what ends its work when the service
    stops."""
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
    async def field_preview(name: str, type: Annotated[str | None, Query(max_length=200)] = None) -> Response:
        """A picture of a field, or of one of its types. Where there is none it is drawn: 202 as long as that
        takes, so ask again."""
        picture = await run_in_threadpool(library.preview, name, type)
        if not await run_in_threadpool(library.is_fresh, name, picture) and not await drawing.drawn(
            name, picture
        ):
            return JSONResponse({"drawing": name}, status_code=202, headers={"Retry-After": "1"})
        return FileResponse(picture, media_type="image/png", headers={"Cache-Control": "no-cache"})

    @app.delete("/v1/fields/{name}", status_code=204)
    def delete_field(name: str) -> Response:
        """Removes a field, its tags and its pictures."""
        library.delete(name)
        return Response(status_code=204)

    return drawing.end


class _Drawing:
    """Draws pictures one after the other, each in a process of its own: a large field may take all memory,
    which must not be the service's end."""

    def __init__(self, home: Home, library: Library) -> None:
        self._home, self._library = home, library
        self._one_at_a_time = asyncio.Lock()
        self._under_way: dict[tuple[Path, int], asyncio.Task[None]] = {}
        self._failed: dict[tuple[str, int], str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def end(self) -> None:
        """Ends what is being drawn, and begins nothing any more: the service's end waits for its threads."""
        self._ended = True
        process = self._process
        if process is not None:
            process.kill()

    async def drawn(self, name: str, picture: Path) -> bool:
        """Whether a picture is there, after some seconds at most; it is drawn on if not. Unavailable, with a
        sentence, where it cannot be drawn, which is not tried again before the file changes."""
        # Of a field as it is now: one that was under the name before may still be drawn.
        key = picture, (await run_in_threadpool(self._library.path(name).stat)).st_mtime_ns
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._draw_next(name, picture))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        await asyncio.wait({task}, timeout=_ANSWER_SECONDS)
        if task.done():
            # Raises what it ended with.
            task.result()
        return task.done()

    async def _draw_next(self, name: str, picture: Path) -> None:
        async with self._one_at_a_time:
            await run_in_threadpool(self._draw, name, picture)

    def _draw(self, name: str, picture: Path) -> None:
        if self._library.is_fresh(name, picture):
            return
        version = name, self._library.path(name).stat().st_mtime_ns
        if version not in self._failed:
            reason = self._drawn_apart(name)
            if self._library.is_fresh(name, picture):
                return
            if len(self._failed) > _MOST_FAILED:
                self._failed.clear()
            self._failed[version] = reason
        raise Unavailable(f"“{name}” has no picture: {self._failed[version]}")

    def _drawn_apart(self, name: str) -> str:
        """Runs the terminal's verb; gives the sentence with which it failed."""
        verb = ["library", "preview", name, "--home", str(self._home.folder), "--json"]
        command = [sys.executable, "-m", "propfield", *verb]
        if self._ended:
            return "the backend is ending."
        try:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as self._process:
                try:
                    said, _ = self._process.communicate(timeout=_DRAWING_SECONDS)
                finally:
                    self._process.kill()
            told = json.loads(said.splitlines()[-1])
        except (OSError, subprocess.TimeoutExpired):
            return "drawing it took too long."
        except (ValueError, IndexError):
            return "memory ran out while it was drawn."
        return str(told.get("error", "its file changed while it was drawn."))[:500]


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

"""The wire: HTTP over jobs, fields and uploads, as DESIGN.md lists it."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from propfield import __version__
from propfield.errors import NotFound, PropfieldError, nearest_names
from propfield.home import Home
from propfield.jobs.requests import LearnRequest, ReconstructRequest, parse_request
from propfield.jobs.runner import JobRunner
from propfield.jobs.store import JobStore
from propfield.library import Library
from propfield.service.events import job_events
from propfield.service.guard import Guard
from propfield.service.hello import Introduction
from propfield.uploads import find_upload, forget_old_uploads, store_upload

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


def create_app(home: Home, *, at_once: int = 1) -> FastAPI:
    """The application that serves a home folder; its lifespan runs the jobs, `at_once` at a time.

    `app.state.stopping` (bool) ends the event streams.
    """
    store = JobStore(home.database)
    library = Library(home.library)
    runner = JobRunner(home, store, at_once)
    introduction = Introduction()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(forget_old_uploads, home.uploads)
        await run_in_threadpool(runner.start)
        try:
            yield
        finally:
            await run_in_threadpool(runner.stop)

    # No pages of documentation: a browser has no business here.
    app = FastAPI(
        title="propfield",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.stopping = False
    app.add_middleware(Guard, token=home.token())
    _answer_errors_with_sentences(app)

    @app.get("/v1/hello")
    def hello() -> JSONResponse:
        return JSONResponse(introduction.as_json())

    @app.post("/v1/jobs")
    async def add_job(request: Request) -> JSONResponse:
        wanted = parse_request(_json(await request.body()))
        if isinstance(wanted, LearnRequest):
            await run_in_threadpool(_check_learn, wanted, introduction)
        elif isinstance(wanted, ReconstructRequest):
            find_upload(home.uploads, wanted.photo)
            if wanted.annotations:
                find_upload(home.uploads, wanted.annotations)
        job_id = await run_in_threadpool(store.add, wanted.kind, wanted.model_dump(exclude={"kind"}))
        runner.wake()
        return JSONResponse({"id": job_id}, status_code=201)

    @app.get("/v1/jobs")
    def list_jobs() -> JSONResponse:
        return JSONResponse({"jobs": [job.as_json() for job in store.jobs()]})

    @app.get("/v1/jobs/{job_id}")
    def show_job(job_id: str) -> JSONResponse:
        return JSONResponse(store.get(job_id).as_json())

    @app.delete("/v1/jobs/{job_id}")
    def cancel_job(job_id: str) -> JSONResponse:
        job = store.cancel(job_id)
        runner.wake()
        return JSONResponse(job.as_json())

    @app.get("/v1/jobs/{job_id}/events")
    async def follow_job(job_id: str) -> StreamingResponse:
        await run_in_threadpool(store.get, job_id)
        events = job_events(store, job_id, lambda: app.state.stopping)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @app.get("/v1/jobs/{job_id}/files/{name}")
    def job_file(job_id: str, name: str) -> FileResponse:
        job = store.get(job_id)
        names = (job.result or {}).get("files", [])
        path = home.job_folder(job.id) / "result" / name
        if name not in names or not _FILE_NAME.match(name) or not path.is_file():
            raise NotFound("The job's result has no file of that name.")
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    @app.post("/v1/uploads")
    async def upload(request: Request) -> JSONResponse:
        name = request.headers.get("x-filename", "")
        upload_id = await store_upload(home.uploads, name, request.stream())
        return JSONResponse({"id": upload_id}, status_code=201)

    @app.get("/v1/fields")
    def list_fields() -> JSONResponse:
        return JSONResponse({"fields": [vars(entry) for entry in library.entries()]})

    @app.get("/v1/fields/{name}")
    def show_field(name: str) -> JSONResponse:
        return JSONResponse(library.header(name))

    @app.get("/v1/fields/{name}/file")
    def field_file(name: str) -> FileResponse:
        path = library.path(name)
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    @app.delete("/v1/fields/{name}")
    def delete_field(name: str) -> Response:
        library.delete(name)
        return Response(status_code=204)

    return app


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    # Deep nesting ends in a RecursionError, a number of thousands of digits in a ValueError.
    except (ValueError, RecursionError) as error:
        raise PropfieldError("The request's body is not JSON; send one JSON object.") from error


def _check_learn(wanted: LearnRequest, introduction: Introduction) -> None:
    if wanted.source != "studio":
        # Over the wire no path is opened; the terminal learns from files and folders.
        raise PropfieldError("Over the wire the source is “studio”; learn from files with `propfield learn`.")
    categories = {category["name"]: category for category in introduction.categories()}
    if wanted.category not in categories:
        nearest = ", ".join(nearest_names(wanted.category, list(categories)))
        raise NotFound(f"The studio has no “{wanted.category}”; the nearest are {nearest}.")
    names = [kind["name"] for kind in categories[wanted.category]["types"]]
    for name in wanted.types or []:
        if name not in names:
            raise NotFound(f"The studio's {wanted.category} has no type “{name}”; it has {', '.join(names)}.")


def _answer_errors_with_sentences(app: FastAPI) -> None:
    @app.exception_handler(PropfieldError)
    async def known(request: Request, error: PropfieldError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=error.http_status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "The request is not one that this backend knows."}, status_code=422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        sentence = {
            404: "There is nothing at this address; the backend's protocol is 1.",
            405: "This address does not answer to that method.",
        }.get(error.status_code, f"The request was refused ({error.detail}).")
        return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)

    @app.exception_handler(OSError)
    async def unreadable(request: Request, error: OSError) -> JSONResponse:
        place = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        return JSONResponse(
            {"error": f"The backend could not read or write {place} ({error.strerror})."}, status_code=500
        )

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> JSONResponse:
        # Starlette writes the traceback to the server's own log and sends this.
        return JSONResponse(
            {"error": f"The backend has a defect ({type(error).__name__}); its log says more."},
            status_code=500,
        )

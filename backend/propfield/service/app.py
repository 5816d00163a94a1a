"""The wire: HTTP over jobs, fields and uploads, as DESIGN.md lists it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import ValidationError

from propfield import __version__
from propfield.errors import NotFound, PropfieldError, nearest_names
from propfield.home import Home
from propfield.jobs.memory import refuse_impossible
from propfield.jobs.requests import LearnRequest, PlaceRequest, ReconstructRequest, parse_request
from propfield.jobs.runner import JobRunner
from propfield.jobs.store import JobStore
from propfield.library import Library
from propfield.service import schema
from propfield.service.body import json_of
from propfield.service.clients import Clients
from propfield.service.events import job_events
from propfield.service.guard import Guard
from propfield.service.hello import Introduction
from propfield.service.library_routes import add_library_routes
from propfield.service.refusals import answer_errors_with_sentences
from propfield.uploads import find_upload, forget_old_uploads, store_upload

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


def create_app(
    home: Home, *, clients: Clients | None = None, host: str = "127.0.0.1", at_once: int = 1
) -> FastAPI:
    """The application that serves a home folder; its lifespan runs the jobs, `at_once` at a time.

    `clients` is the book of programs that use it; `host` the address whose name a request may bear beside the
    local ones. `app.state.stopping` (bool) ends the event streams.
    """
    clients = clients or Clients()
    store = JobStore(home.database)
    runner = JobRunner(home, store, at_once)
    introduction = Introduction()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(forget_old_uploads, home.uploads)
        await run_in_threadpool(runner.start)
        try:
            yield
        finally:
            end_drawing()
            await run_in_threadpool(runner.stop)

    # No pages of documentation: a browser has no business here.
    app = FastAPI(
        title="propfield",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=schema.ERRORS,
    )
    app.state.stopping = False
    app.add_middleware(Guard, token=home.token(), host=host)
    answer_errors_with_sentences(app)

    @app.get("/v1/hello", response_model=schema.Hello)
    def hello() -> JSONResponse:
        """Who the backend is and what it can do."""
        return JSONResponse(introduction.as_json())

    @app.get("/v1/pulse", response_model=schema.Pulse)
    async def pulse() -> JSONResponse:
        """A sign of life, for a heartbeat: it waits for nothing."""
        return JSONResponse(introduction.pulse(clients.count()))

    @app.get("/v1/openapi.json", response_model=dict)
    def document() -> JSONResponse:
        """This document."""
        return JSONResponse(schema.openapi(app))

    @app.post("/v1/clients", response_model=schema.Clients, openapi_extra=schema.CLIENT_BODY)
    async def attach(request: Request) -> JSONResponse:
        """Enters a program of this machine: a backend that a program started ends with the last of them."""
        try:
            client = schema.Client.model_validate(json_of(await request.body()))
        except ValidationError as error:
            raise PropfieldError(
                "Send an object with the “pid” of a process, and “keep” if need be."
            ) from error
        count = await run_in_threadpool(clients.attach, client.pid, keep=client.keep)
        return JSONResponse({"clients": count, "ends": clients.ends})

    @app.delete("/v1/clients/{pid}", response_model=schema.Clients)
    def leave(pid: Annotated[int, Path(ge=1, lt=2**31)], end: bool = False) -> JSONResponse:
        """Strikes a program out, whether it is there or not; `end`: the backend is not kept any more."""
        return JSONResponse({"clients": clients.leave(pid, end=end), "ends": clients.ends})

    @app.post("/v1/jobs", status_code=201, response_model=schema.Created, openapi_extra=schema.JOB_BODY)
    async def add_job(request: Request) -> JSONResponse:
        """Queues work."""
        wanted = parse_request(json_of(await request.body()))
        if isinstance(wanted, LearnRequest):
            await run_in_threadpool(_check_learn, wanted, introduction)
        elif isinstance(wanted, ReconstructRequest):
            find_upload(home.uploads, wanted.photo)
            if wanted.annotations:
                find_upload(home.uploads, wanted.annotations)
        elif isinstance(wanted, PlaceRequest):
            for upload_id in filter(None, (wanted.problem, wanted.field_file)):
                find_upload(home.uploads, upload_id)
            if wanted.field:
                await run_in_threadpool(Library(home.library).path, wanted.field)
        refuse_impossible(wanted)
        job_id = await run_in_threadpool(store.add, wanted.kind, wanted.model_dump(exclude={"kind"}))
        runner.wake()
        return JSONResponse({"id": job_id}, status_code=201)

    @app.get("/v1/jobs", response_model=schema.Jobs)
    def list_jobs() -> JSONResponse:
        """The newest 200 jobs."""
        return JSONResponse({"jobs": [job.as_json() for job in store.jobs()]})

    @app.get("/v1/jobs/{job_id}", response_model=schema.Job)
    def show_job(job_id: str) -> JSONResponse:
        """How far a job is, or what came of it."""
        return JSONResponse(store.get(job_id).as_json())

    @app.delete("/v1/jobs/{job_id}", response_model=schema.Job)
    def cancel_job(job_id: str) -> JSONResponse:
        """Asks a job to stop; one that runs is cancelled once its processes are gone."""
        job = store.cancel(job_id)
        runner.wake()
        return JSONResponse(job.as_json())

    @app.get("/v1/jobs/{job_id}/events", response_class=StreamingResponse, responses=schema.EVENTS)
    async def follow_job(job_id: str) -> StreamingResponse:
        """The job on each change, until it ends."""
        await run_in_threadpool(store.get, job_id)
        events = job_events(store, job_id, lambda: app.state.stopping)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @app.get("/v1/jobs/{job_id}/files/{name}", response_class=FileResponse, responses=schema.BINARY)
    def job_file(job_id: str, name: str) -> FileResponse:
        """A file of a job's result."""
        job = store.get(job_id)
        names = (job.result or {}).get("files", [])
        path = home.job_folder(job.id) / "result" / name
        if name not in names or not _FILE_NAME.match(name) or not path.is_file():
            raise NotFound("The job's result has no file of that name.")
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    @app.post("/v1/uploads", status_code=201, response_model=schema.Created, openapi_extra=schema.UPLOAD_BODY)
    async def upload(request: Request, x_filename: Annotated[str, Header()] = "") -> JSONResponse:
        """Keeps a file for a week, under an id that a job can name; X-Filename is its own name."""
        upload_id = await store_upload(home.uploads, x_filename, request.stream())
        return JSONResponse({"id": upload_id}, status_code=201)

    end_drawing = add_library_routes(app, home)
    return app


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

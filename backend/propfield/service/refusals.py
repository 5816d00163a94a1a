"""Every error as one sentence, whatever raised it."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from propfield.errors import PropfieldError


def answer_errors_with_sentences(app: FastAPI) -> None:
    """Hands the application its answers to what goes wrong: `{"error": one sentence}` and a status."""

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

"""Requests to the backend on loopback: a token, a deadline, and one sentence when something is wrong."""

import http.client
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from .exchange import TimedConnection
from .version import is_spoken, which_to_update

# Python holds its one lock while it decodes JSON: more than this would be felt in the window.
MOST_JSON_BYTES = 4 * 2**20
MOST_FILE_BYTES = 256 * 2**20
# Deadlines of whole requests; SILENCE is how long nothing at all may come.
ANSWER_SECONDS, PULSE_SECONDS, FILE_SECONDS = 10.0, 3.0, 300.0
SILENCE_SECONDS = 10.0


class BackendError(Exception):
    """One sentence for the user: what is wrong and what to do."""


class NotAnswering(BackendError):
    """Nothing listens on the port, or it does not answer in time."""


class NotThere(NotAnswering):
    """Nothing listens on the port."""


class Foreign(BackendError):
    """The port belongs to something that is not this user's propfield."""


class Refused(BackendError):
    """The backend does not take the token."""


class Backend:
    """The backend on a port of this machine. Each request opens its own connection, so any thread may call.

    Attributes:
        port: where it listens on loopback.
        token: what the `Authorization` header carries.
    """

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def hello(self, timeout: float = 5.0) -> dict:
        """What the backend is: version, device, providers, categories. Foreign for any other server."""
        try:
            answer = self.ask("GET", "/v1/hello", timeout=timeout)
        except Refused as error:
            raise Foreign(
                f"Port {self.port} answers but refuses this user ({_clause(str(error))}): stop that program, "
                "or set another port in the add-on's preferences."
            ) from error
        if answer.get("name") != "propfield":
            raise self._foreign()
        if not is_spoken(answer.get("protocol")):
            sentence = which_to_update(answer.get("protocol"), str(answer.get("version"))[:40], self.port)
            raise Foreign(sentence) if sentence else self._foreign()
        return answer

    def pulse(self) -> dict:
        """A sign of life: process, instance, device, how many programs use it. Foreign for another server."""
        answer = self.ask("GET", "/v1/pulse", timeout=PULSE_SECONDS)
        if answer.get("name") != "propfield":
            raise self._foreign()
        return answer

    def attach(self, pid: int, keep: bool) -> int:
        """Enters a process, so that the backend lives as long; gives how many there are. `keep`: longer."""
        answer = self.ask("POST", "/v1/clients", {"pid": pid, "keep": keep}, PULSE_SECONDS)
        return int(answer.get("clients") or 0)

    def leave(self, pid: int, end: bool = False) -> int:
        """Strikes a process out; gives how many are left. `end`: nobody keeps the backend any more."""
        path = f"/v1/clients/{pid}?end={'true' if end else 'false'}"
        return int(self.ask("DELETE", path, timeout=PULSE_SECONDS).get("clients") or 0)

    def post_job(self, request: dict) -> str:
        """Queues work; gives the job's id."""
        answer = self.ask("POST", "/v1/jobs", request)
        if not isinstance(answer.get("id"), str):
            raise self._foreign()
        return answer["id"]

    def job(self, identifier: str) -> dict:
        """The job's state, stage, progress, message, result and error."""
        return self.ask("GET", f"/v1/jobs/{quote(identifier, safe='')}")

    def jobs(self) -> list[dict]:
        """All jobs that the backend remembers."""
        return list(self.ask("GET", "/v1/jobs").get("jobs", []))

    def cancel(self, identifier: str) -> dict:
        """Asks the job to stop; gives the job."""
        return self.ask("DELETE", f"/v1/jobs/{quote(identifier, safe='')}")

    def fields(self) -> list[dict]:
        """The fields in the backend's library."""
        return list(self.ask("GET", "/v1/fields").get("fields", []))

    def download_field(self, name: str, folder: Path) -> Path:
        """Saves a field of the library in `folder`; gives the file. Nothing half-written stays."""
        stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".")
        destination = folder / f"{stem.removesuffix('.field.npz') or 'field'}.field.npz"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".download-")
        except OSError as error:
            raise BackendError(
                f"The field cannot be saved in {folder} ({error.strerror or error}): "
                "make the folder writable."
            ) from error
        try:
            with os.fdopen(handle, "wb") as stream:
                self.save(f"/v1/fields/{quote(name, safe='')}/file", stream)
            Path(temporary).replace(destination)
        except OSError as error:
            raise BackendError(
                f"The field cannot be saved as {destination} ({error.strerror or error}): free some space."
            ) from error
        finally:
            Path(temporary).unlink(missing_ok=True)
        return destination

    def upload(self, file: Path) -> str:
        """Sends a photo or an annotation file; gives the upload's id."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise BackendError(f"{file} cannot be read ({error.strerror or error}).") from error
        # A header is Latin-1; what is not ASCII in a name is of no use to the backend.
        name = file.name.encode("ascii", "replace").decode().replace("?", "_")
        headers = {"Content-Type": "application/octet-stream", "X-Filename": name}
        with _Exchange(self, "POST", "/v1/uploads", data, FILE_SECONDS, headers) as response:
            answer = self._decoded(response.read(MOST_JSON_BYTES))
            if response.status >= 400:
                raise self._refusal(response.status, answer)
        if answer is None or not isinstance(answer.get("id"), str):
            raise self._foreign()
        return answer["id"]

    def download_files(self, job: str, names: list[str], folder: Path) -> Path:
        """Saves files of a job's result in a new folder inside `folder`; gives that one. Nothing half-written
        stays."""
        path = f"/v1/jobs/{quote(job, safe='')}/files"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=folder, prefix="photo-"))
        except OSError as error:
            raise BackendError(
                f"The scene cannot be saved in {folder} ({error.strerror or error}): "
                "make the folder writable."
            ) from error
        try:
            for name in names:
                if Path(name).name != name:
                    raise self._foreign()
                with open(made / name, "wb") as stream:
                    self.save(f"{path}/{quote(name, safe='')}", stream)
        except (OSError, BackendError) as error:
            shutil.rmtree(made, ignore_errors=True)
            if isinstance(error, BackendError):
                raise
            raise BackendError(
                f"The scene cannot be saved in {made} ({error.strerror or error}): free some space."
            ) from error
        return made

    def ask(self, method: str, path: str, body: dict | None = None, timeout: float | None = None) -> dict:
        """One request whose answer is JSON, or nothing."""
        data = None if body is None else json.dumps(body).encode()
        with _Exchange(self, method, path, data, timeout, {"Content-Type": "application/json"}) as response:
            raw = response.read(MOST_JSON_BYTES + 1)
        if len(raw) > MOST_JSON_BYTES:
            raise self._foreign()
        if response.status == 204:
            return {}
        answer = self._decoded(raw)
        if response.status >= 400:
            raise self._refusal(response.status, answer)
        if answer is None:
            raise self._foreign()
        return answer

    def save(self, path: str, stream) -> None:
        """Writes what lies at a path of the wire into a stream."""
        with _Exchange(self, "GET", path, timeout=FILE_SECONDS) as response:
            if response.status >= 400:
                raise self._refusal(response.status, self._decoded(response.read(MOST_JSON_BYTES)))
            told, received = response.length, 0
            while chunk := response.read(2**20):
                received += len(chunk)
                if received > MOST_FILE_BYTES:
                    raise BackendError(
                        f"The file is over {MOST_FILE_BYTES >> 20} MiB: learn at a lower resolution."
                    )
                stream.write(chunk)
        if told is not None and received != told:
            raise NotAnswering("The backend stopped in the middle of a file: start it and try again.")

    def _decoded(self, raw: bytes) -> dict | None:
        try:
            answer = json.loads(raw)
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def _refusal(self, status: int, answer: dict | None) -> BackendError:
        sentence = (answer or {}).get("error")
        if not isinstance(sentence, str) or not sentence:
            return self._foreign()
        return Refused(sentence) if status in (401, 403) else BackendError(sentence)

    def _foreign(self) -> Foreign:
        return Foreign(
            f"Port {self.port} is in use by another program: close it, or set another port in the add-on's "
            "preferences."
        )


class _Exchange:
    """One request and its response; what goes wrong in between becomes a BackendError."""

    def __init__(
        self,
        backend: Backend,
        method: str,
        path: str,
        body: bytes | None = None,
        timeout: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.backend = backend
        self.method, self.path = method, path
        self.body, self.headers = body, headers or {}
        self.connection = TimedConnection(backend.port, timeout or ANSWER_SECONDS, SILENCE_SECONDS)

    def __enter__(self) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self.backend.token}", "Accept": "*/*"}
        if self.body is not None:
            headers |= self.headers
        try:
            self.connection.connect()
            with suppress(ConnectionResetError, BrokenPipeError):
                # A server that refuses a large body answers before it has read it.
                self.connection.request(self.method, self.path, self.body, headers)
            return self.connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.connection.hang_up()
            raise self._sentence(error) from error

    def __exit__(self, kind, error, trace) -> None:
        self.connection.hang_up()
        if isinstance(error, http.client.HTTPException | ConnectionError | TimeoutError):
            raise self._sentence(error) from error

    def _sentence(self, error: OSError | http.client.HTTPException) -> BackendError:
        port = self.backend.port
        if isinstance(error, TimeoutError):
            return NotAnswering(f"The backend on port {port} is silent: stop it and start it again.")
        if isinstance(error, ConnectionRefusedError):
            return NotThere(f"No backend answers on port {port}: start it in the Propfield tab.")
        if isinstance(error, http.client.RemoteDisconnected | ConnectionError | http.client.IncompleteRead):
            return NotAnswering(f"No backend answers on port {port}: start it in the Propfield tab.")
        if isinstance(error, http.client.HTTPException):
            return self.backend._foreign()
        return NotAnswering(f"Port {port} cannot be reached ({error}): check this computer's firewall.")


def _clause(sentence: str) -> str:
    return sentence.strip().rstrip(".")

"""A job's changes as server-sent events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from propfield.jobs.store import JobStore

_BETWEEN_LOOKS = 0.1
_BETWEEN_SIGNS_OF_LIFE = 10.0


async def job_events(store: JobStore, job_id: str, stopping: Callable[[], bool]) -> AsyncIterator[str]:
    """The job's JSON as an event on each change, until it ends (or the service stops); a comment line every
    ten seconds tells a client that both are alive."""
    seen, last = -1, time.monotonic()
    while not stopping():
        job = await asyncio.to_thread(store.get, job_id)
        if job.revision != seen:
            seen, last = job.revision, time.monotonic()
            yield f"data: {json.dumps(job.as_json())}\n\n"
            if job.ended:
                return
        elif time.monotonic() - last > _BETWEEN_SIGNS_OF_LIFE:
            last = time.monotonic()
            yield ": alive\n\n"
        await asyncio.sleep(_BETWEEN_LOOKS)

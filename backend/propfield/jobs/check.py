"""The self-test job: small, but it goes through all that a long job goes through."""

import json
import time
from pathlib import Path

import numpy as np

from propfield.jobs.device import find_device
from propfield.jobs.requests import CheckRequest
from propfield.progress import Progress


def check(request: CheckRequest, *, checkpoint: Path | None, progress: Progress) -> dict:
    """Holds memory, counts steps (each is checkpointed), and looks for the device.

    Gives {"steps", "resumed_at", "megabytes", "device"}; `resumed_at` is the step at which it took up
    an earlier run's work, 0 for none.
    """
    mark = checkpoint / "step.json" if checkpoint else None
    resumed_at = json.loads(mark.read_text())["step"] if mark and mark.is_file() else 0
    # Written to, so that the memory is there and not merely promised.
    held = np.ones(request.megabytes * 2**20, dtype=np.uint8)
    for step in range(resumed_at, request.steps):
        progress("count", step / request.steps, f"step {step + 1} of {request.steps}")
        time.sleep(request.seconds / request.steps)
        if mark:
            temporary = mark.with_suffix(".tmp")
            temporary.write_text(json.dumps({"step": step + 1}))
            temporary.replace(mark)
    progress("ask the device", 0.0)
    device = find_device()
    progress("ask the device", 1.0)
    return {
        "steps": request.steps,
        "resumed_at": resumed_at,
        "megabytes": held.nbytes // 2**20,
        "device": device.as_json(),
    }

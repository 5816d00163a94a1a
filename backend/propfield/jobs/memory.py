"""How much memory a job will need, and whether this machine has that much."""

import os
from dataclasses import dataclass

import psutil

from propfield.errors import PropfieldError, Unavailable
from propfield.jobs.device import Device, processor
from propfield.jobs.requests import CheckRequest, JobRequest, LearnRequest

_MB = 10**6
_MARGIN = 1.2
# Measured (docs/measurements.md, "Memory of a job"): a process with its libraries, one that helps, and bytes
# for each voxel: some there once, some for each type, and what a fit takes beside them.
_PROCESS, _HELPER = 335 * _MB, 250 * _MB
_VOXEL, _TYPE, _FIT = 40, 65, 125
# Computed, not measured (field/torch_counter.py): the card's own, and a voxel with ten bones.
_CARD, _CARD_VOXEL = 800 * _MB, 16 + 20 * 10
_SOME_TYPES = 3
_PIECE = 20
"""Views that are rendered as one piece; fewer than six pieces are done without helpers."""


@dataclass(frozen=True)
class Need:
    """Bytes of main memory and of the GPU's, at the worst moment."""

    main: int
    gpu: int = 0


def estimate(request: JobRequest, *, gpu: bool = False, cores: int | None = None) -> Need:
    """What a job takes, a fifth more than was measured. `gpu`: whether it counts on one; `cores`: how many
    processes help (all of this machine's when None).

    A learn job's memory does not depend on the number of views: it grows with the voxels, the types, and the
    processes that render.
    """
    if isinstance(request, CheckRequest):
        return Need(request.megabytes * 2**20 + int(_MARGIN * 100 * _MB))
    if not isinstance(request, LearnRequest):
        return Need(int(_MARGIN * 2 * _PROCESS))
    types = len(request.types or ()) or _SOME_TYPES
    voxels = request.resolution**3
    helpers = (cores or os.cpu_count() or 1) if types * request.views >= 6 * _PIECE else 0
    of_a_voxel = _VOXEL + _TYPE * types * (1 + len(request.parts or ()))
    counting = voxels * (of_a_voxel + (_FIT if request.estimator == "fit" else 0))
    return Need(
        int(_MARGIN * (_PROCESS + max(helpers * _HELPER, counting))),
        int(_MARGIN * (_CARD + voxels * _CARD_VOXEL)) if gpu else 0,
    )


def refuse_impossible(request: JobRequest) -> None:
    """PropfieldError for a job that needs more memory than this machine has, whatever else runs."""
    need, there = estimate(request).main, psutil.virtual_memory().total
    if need > there:
        raise PropfieldError(
            f"This needs about {_gib(need)} of memory and the machine has {_gib(there)}: {_less(request)}."
        )


def check_memory(request: JobRequest, device: Device) -> None:
    """Unavailable, with figures and what to do, for a job that needs more than is free now.

    `device` is what the backend computes on: its memory is looked at beside the machine's own.
    """
    need, free = estimate(request, gpu=device.kind == "cuda"), processor().memory_free
    if need.main > free:
        raise Unavailable(_sentence("the machine", need.main, free, request))
    if device.kind == "cuda" and need.gpu > device.memory_free:
        raise Unavailable(_sentence(device.name, need.gpu, device.memory_free, request))


def _sentence(what: str, need: int, free: int, request: JobRequest) -> str:
    return (
        f"This needs about {_gib(need)} of memory and {what} has {_gib(free)} free: close other programs, or"
        f" {_less(request)}."
    )


def _less(request: JobRequest) -> str:
    if isinstance(request, LearnRequest):
        return "ask for a lower resolution or for fewer types at once"
    return "ask for less at once"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"

"""One point of growth: `python -m propfield.evaluation.growth_point TABLE RESOLUTION VIEWS RADIUS`.

Learns a field from the table's views, repeated until there are so many, and prints what it took as JSON. With
a RADIUS (metres, not 0) they show a ball around the pelvis instead of their object.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import psutil

from propfield.body.loaders import open_body
from propfield.field.grid import Grid
from propfield.field.learning import learn_field
from propfield.field.occupancy import OccupancyField
from propfield.field.support import LEAST
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation, mask_box
from propfield.observations.store import StoredObservations


class Repeated:
    """The same views again and again, up to `count`: a long stream that needs no memory of its own."""

    def __init__(self, views: Sequence[Observation], count: int) -> None:
        self._views, self._count = views, count

    def __iter__(self) -> Iterator[Observation]:
        return islice(cycle(self._views), self._count)


def showing_a_ball(view: Observation, radius: float) -> Observation:
    """The view as if its object were a ball of `radius` metres around the pelvis."""
    x, y, depth = view.camera.K @ (view.camera.R @ open_body().joints[0] + view.camera.t)
    width, height = view.size
    columns, rows = np.arange(width)[None] + 0.5 - x / depth, np.arange(height)[:, None] + 0.5 - y / depth
    mask = columns**2 + rows**2 <= (view.camera.K[0, 0] * radius / depth) ** 2
    return replace(view, objects=1, object_mask=mask, object_box=mask_box(mask))


def peak_memory() -> int:
    """The most bytes that this process ever had in memory."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not ru_maxrss, which begins with what the process that started this one had.
        kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line)
        return int(kilobytes) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(table: Path, resolution: int, views: int, radius: float) -> None:
    """Prints the point."""
    different = list(StoredObservations([table]))
    if radius:
        different = [showing_a_ball(view, radius) for view in different]
    kind = InteractionType("use", different[0].prompt)

    def learned(resolution: int, views: int) -> OccupancyField:
        grid, stream = Grid(resolution=resolution), Repeated(different, views)
        return learn_field("thing", [kind], stream, body=open_body(), grid=grid, expected=views)

    # What compiles or loads compiled code is no part of growth.
    learned(16, len(different))
    before, begin = psutil.Process().memory_info().rss, time.perf_counter()
    field = learned(resolution, views)
    seconds = time.perf_counter() - begin
    point = {
        "resolution": resolution,
        "views": views,
        "radius": radius,
        "counted": int((field.type("all").support > 0).sum()),
        "supported": int(np.any([each.occupancy >= LEAST for each in field.types], axis=0).sum()),
        "seconds": round(seconds, 3),
        "peak_mb": round(peak_memory() / 2**20),
        "start_mb": round(before / 2**20),
    }
    print(json.dumps(point))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))

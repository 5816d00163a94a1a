"""One point of the growth curves: `python -m propfield.evaluation.growth_point TABLE RESOLUTION VIEWS`.

Learns a field from the table's views, repeated until there are so many, and prints what it took as JSON.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import psutil

from propfield.body.loaders import open_body
from propfield.field.grid import Grid
from propfield.field.learning import learn_field
from propfield.field.occupancy import OccupancyField
from propfield.imagery.studio import StudioSource
from propfield.observations.observation import Observation
from propfield.observations.store import StoredObservations


class Repeated:
    """The same views again and again, up to `count`: a long stream that needs no memory of its own."""

    def __init__(self, views: list[Observation], count: int) -> None:
        self._views, self._count = views, count

    def __iter__(self) -> Iterator[Observation]:
        return islice(cycle(self._views), self._count)


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


def main(table: Path, resolution: int, views: int) -> None:
    """Prints the point."""
    different = list(StoredObservations([table]))

    def learned(resolution: int, views: int) -> OccupancyField:
        kinds = [kind for kind in StudioSource().types("surfboard") if kind.name == "carry"]
        return learn_field(
            "surfboard",
            kinds,
            Repeated(different, views),
            body=open_body(),
            grid=Grid(resolution=resolution),
            expected=views,
        )

    # What compiles or loads compiled code is no part of growth.
    learned(16, len(different))
    before, begin = psutil.Process().memory_info().rss, time.perf_counter()
    field = learned(resolution, views)
    seconds = time.perf_counter() - begin
    point = {
        "resolution": resolution,
        "views": views,
        "supported": int((field.type("all").support > 0).sum()),
        "seconds": round(seconds, 3),
        "peak_mb": round(peak_memory() / 2**20),
        "start_mb": round(before / 2**20),
    }
    print(json.dumps(point))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

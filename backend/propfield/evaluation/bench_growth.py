"""How time and memory of learning grow with voxels and views, each point in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from propfield.errors import Unavailable
from propfield.progress import Progress, silent

STAGE = "measure growth"
RESOLUTIONS = (32, 48, 64, 96, 128, 192, 256)
RADII = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Metres of the balls around the pelvis that are learned at 192³."""
VIEWS = (500, 5_000, 50_000, 500_000)
DIFFERENT = 400
"""Views that the studio makes; a point repeats them until it has enough."""


class Point(NamedTuple):
    """What is learned: see growth_point.py."""

    resolution: int
    views: int
    radius: float = 0.0

    @property
    def told(self) -> str:
        ball = f", a ball of {self.radius} m" if self.radius else ""
        return f"{self.resolution}³ voxels, {self.views} views{ball}"

    @property
    def effort(self) -> float:
        """About how long it takes, beside other points."""
        return 20 + self.views * (self.resolution / 48) ** 2


def growth(
    *,
    resolutions: Sequence[int] = RESOLUTIONS,
    radii: Sequence[float] = RADII,
    views: Sequence[int] = VIEWS[:-1],
    different: int = DIFFERENT,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Three curves: {"resolution": [point, …], "support": [point, …], "views": [point, …]}: from grids of all
    sizes, from balls of all sizes in the same grid, from views in all numbers. A point is {"resolution",
    "views", "radius", "counted", "supported", "seconds", "peak_mb", "start_mb"}: voxels that are counted for,
    those of them with an occupancy of 0.01 or more, seconds of learn_field, the most memory that its process
    ever had, and what it had before. Unavailable when a process was ended from outside, as the system does
    when memory runs out."""
    from propfield.imagery.studio import StudioSource
    from propfield.observations.store import write_observations

    curves = {
        "resolution": [Point(resolution, different) for resolution in resolutions],
        "support": [Point(192, different, radius) for radius in radii],
        "views": [Point(48, count) for count in views],
    }
    total = sum(point.effort for curve in curves.values() for point in curve)
    done = 0.0
    result: dict[str, Any] = {name: [] for name in curves}
    with tempfile.TemporaryDirectory(prefix="propfield-") as folder:
        table = Path(folder) / "views.parquet"
        progress(STAGE, 0.0, "making views")
        made = StudioSource(workers=1).observe("skateboard", views=different, seed=0)
        write_observations(table, made, {})
        for name, curve in curves.items():
            for point in curve:
                result[name].append(_measured(table, point, partial(progress, STAGE, done / total)))
                done += point.effort
    progress(STAGE, 1.0)
    return result


def _measured(table: Path, point: Point, tell: Callable[[str], None]) -> dict[str, Any]:
    command = [sys.executable, "-m", "propfield.evaluation.growth_point", str(table), *map(str, point)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None:
            tell(point.told)
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        said, complaint = process.communicate()
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        why = complaint.strip().splitlines()[-1:] or ["it was ended from outside, most likely for its memory"]
        raise Unavailable(f"Learning {point.told} failed: {why[0].rstrip('.')}.")
    return json.loads(said)

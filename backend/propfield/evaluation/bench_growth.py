"""How time and memory of learning grow with the grid and with the views, each point in its own process."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from propfield.errors import Unavailable
from propfield.progress import Progress, silent

RESOLUTIONS = (32, 48, 64, 96, 128, 192, 256)
VIEWS = (500, 5_000, 50_000, 500_000)
FIXED_VIEWS = 200
FIXED_RESOLUTION = 48
DIFFERENT = 100
"""Views that the studio makes; a point repeats them until it has enough."""


def growth(
    *,
    resolutions: Sequence[int] = RESOLUTIONS,
    views: Sequence[int] = VIEWS[:-1],
    fixed_views: int = FIXED_VIEWS,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Both curves: {"resolution": [point, …], "views": [point, …]}, where a point is {"resolution", "views",
    "supported", "seconds", "peak_mb", "start_mb"}: voxels that are counted for and that a view saw, seconds
    of learn_field, the most memory that its process ever had, and what it had before. Unavailable when a
    process was ended from outside, as the system does when memory runs out."""
    from propfield.imagery.studio import StudioSource
    from propfield.observations.store import write_observations

    curves = {
        "resolution": [(resolution, fixed_views) for resolution in resolutions],
        "views": [(FIXED_RESOLUTION, count) for count in views],
    }
    # Views and voxels to a power tell well enough how long a point takes.
    shares = {point: 20 + point[1] * point[0] ** 2 / 48**2 for curve in curves.values() for point in curve}
    total, done = sum(shares[point] for curve in curves.values() for point in curve), 0.0
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="propfield-") as folder:
        table = Path(folder) / "views.parquet"
        progress("measure growth", 0.0, "making views")
        made = StudioSource(workers=1).observe("surfboard", types=["carry"], views=DIFFERENT, seed=0)
        write_observations(table, made, {})
        for name, curve in curves.items():
            result[name] = []
            for resolution, count in curve:
                progress("measure growth", done / total, f"{resolution}³ voxels, {count} views")
                result[name].append(_point(table, resolution, count, progress, done / total))
                done += shares[resolution, count]
    progress("measure growth", 1.0)
    return result


def _point(table: Path, resolution: int, views: int, progress: Progress, done: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "propfield.evaluation.growth_point", str(table)]
    process = subprocess.Popen(
        [*command, str(resolution), str(views)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while process.poll() is None:
            progress("measure growth", done, f"{resolution}³ voxels, {views} views")
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
        raise Unavailable(f"Learning {resolution}³ voxels from {views} views failed: {why[0].rstrip('.')}.")
    return json.loads(said)

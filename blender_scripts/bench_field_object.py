"""How long a frame takes with a field on a moving character, beside the character alone; and to bake one.

    .venv/bin/python blender_scripts/bench_field_object.py FIELD.field.npz

Milliseconds of processor time, the least of several, over all cores; on an idle machine a frame takes less.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addon.scene.bake import bake_frame, read_frame
from addon.scene.body import make_character
from addon.scene.field_file import read_field
from addon.scene.field_mesh import import_field_mesh
from addon.scene.field_object import write_input
from addon.scene.field_points import import_field_points
from addon.scene.field_volume import import_field_volume
from addon.scene.posing import apply_pose

ROUNDS = 8


def milliseconds(work: Callable[[int], object], rounds: int = ROUNDS) -> float:
    """The least processor time of a round."""
    least = np.inf
    for number in range(rounds):
        begin = time.process_time()
        work(number)
        least = min(least, time.process_time() - begin)
    return 1e3 * least


def main() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    field = read_field(sys.argv[1])
    shown = max(field.types, key=lambda kind: kind.peak).name
    armature, _ = make_character(field, scene.collection)
    random = np.random.default_rng(0)
    for frame in range(1, ROUNDS + 2):
        apply_pose(armature, random.normal(0, 0.2, (24, 3)), frame=frame)
    alone = milliseconds(lambda number: scene.frame_set(number + 1))
    print(f"character alone: {alone:.1f} ms")
    made = None
    for make, resolutions in (
        (import_field_mesh, (1.0, 2.0)),
        (import_field_volume, (1.0, 2.0)),
        (import_field_points, (None,)),
    ):
        made = make(field, shown, armature, scene.collection)
        for resolution in resolutions:
            label = made["propfield"]["kind"]
            if resolution is not None:
                write_input(made, "Resolution", resolution)
                label += f" at resolution {resolution:g}"
            took = milliseconds(lambda number: scene.frame_set(number + 1)) - alone
            print(f"{label}: {took:.1f} ms more, {1 + took / alone:.0f} times the character alone")
        made.modifiers[-1].show_viewport = False
    with TemporaryDirectory() as folder:
        posed = read_frame(made, field)
        took = milliseconds(lambda number: bake_frame(field, posed, Path(folder) / f"{number}.vdb"), 2)
    print(f"baking a frame, {field.skinning} skinning: {took:.0f} ms")


if __name__ == "__main__":
    main()

"""How well the add-on's own search places props, without a backend: the studio's truth, as
`propfield evaluate placement` has it for the backend's.

    python blender_scripts/measure_placing.py FOLDER-OF-FIELDS [poses]

Needs the bpy wheel and the package propfield.
"""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addon.scene.errors import SceneError
from addon.scene.field_file import FieldData, read_field
from addon.scene.prop_body import BodyMesh, posed_body
from addon.scene.prop_mesh import PropMesh
from addon.scene.prop_problem import Problem
from addon.scene.prop_search import Wishes, search

from propfield.evaluation import placement
from propfield.evaluation.penetration import placed_penetration
from propfield.field.file import load_field
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.true_places import true_places


def problem_of(field: FieldData, vertices: np.ndarray, faces: np.ndarray, bones: np.ndarray) -> Problem:
    """The add-on's problem of a prop and one pose of the field's own body."""
    body = BodyMesh(False, np.arange(len(field.body_vertices)), field.body_faces)
    points = posed_body(field, body, [], bones, 1.0)
    prop = PropMesh(vertices.astype(float), faces, np.eye(4))
    return Problem(prop, bones[None], (points[None], field.body_faces), np.eye(4), 1.0, (0.0,), ())


def main(folder: str, poses: str = "2") -> None:
    """Prints a line for each pair of a prop and a type, and then all of them."""
    rows = []
    for path in sorted(Path(folder).glob("*.field.npz")):
        field, learned = read_field(path), load_field(path)
        for recipe in recipes().get(field.category, ()):
            if recipe.type.name not in [kind.name for kind in field.types]:
                continue
            for index in range(int(poses)):
                truth = true_places(recipe, placement.HELD_OUT, index)
                given, at = placement._problem(learned, recipe, truth, np.random.default_rng(index))
                problem = problem_of(field, given.prop_vertices, given.prop_faces, given.bones[0])
                start = time.process_time()
                try:
                    found = search(field, problem, Wishes(recipe.type.name, 3), lambda *_: None)
                except SceneError as error:
                    print(f"{field.category:16} {recipe.type.name:12} {index}  {error}", flush=True)
                    rows.append((False, False, 0.0, time.process_time() - start))
                    continue
                seconds = time.process_time() - start
                placed = [
                    SimpleNamespace(matrix=np.array(each["matrix"]), joints=each["joints"]) for each in found
                ]
                deepest = max(
                    placed_penetration(learned, given, recipe.type.name, each.matrix) for each in placed
                )
                symmetry, bones = placement.symmetry_of(recipe), placement._bones(recipe)
                scored = placement.score(placed, truth, at, symmetry, bones, deepest, seconds)
                rows.append((scored.rank > 0, scored.bone_right, scored.penetration, seconds))
                print(
                    f"{field.category:16} {recipe.type.name:12} {index}  rank {scored.rank}"
                    f"  {100 * scored.position:5.1f} cm {scored.turn:5.1f}°  {scored.bone:12}"
                    f" {'right' if scored.bone_right else 'WRONG'}  {seconds:.1f} s",
                    flush=True,
                )
    placed, bone, deep, seconds = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    print(
        f"{len(rows)} poses: placed {placed.mean():.0%}, bone right {bone.mean():.0%},"
        f" deepest {1000 * deep.max():.1f} mm, {np.median(seconds):.1f} s of one core in the median"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

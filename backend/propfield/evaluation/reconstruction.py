"""How well photos are rebuilt: the placed object against its mask, beside two ways that do not look at it.

The first baseline puts the category's mean box around the body, the second the field without types, both
carried into the person's pose and seen through the same recovered camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float32, Float64
from scipy.ndimage import map_coordinates

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.evaluation.evaluate import rounded
from propfield.evaluation.pap import image_scores
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import into_pose
from propfield.imagery.coco import CocoSource
from propfield.perception.choice import PerceptionChoice
from propfield.progress import Progress, silent
from propfield.uses.hypotheses import LEVELS, main_surface
from propfield.uses.object_measures import mask_overlap
from propfield.uses.reconstruction import Reconstruction, Wanted, reconstruct

FAINT = 0.1
"""Voxels less likely than this part of the peak do not count for the mean box."""
IN_BOX = 0.5
"""The probability that a box stands for: PAP asks for one."""


@dataclass(frozen=True)
class SceneScores:
    """Of one way of telling where the object is, in [0, 1].

    Attributes:
        iou: of the object as the scene shows it with its mask: see object_measures.mask_overlap.
        pap: Projective Average Precision through the recovered camera (CHORUS §4.2), and
        pap_aware: without the pixels that the body takes; None where no pixel of the mask is left.
    """

    iou: float | None
    pap: float | None
    pap_aware: float | None


WAYS = ("reconstruction", "box", "mix")


@dataclass(frozen=True)
class PhotoScores:
    """A photo's scores by each of WAYS, and as what the object was rebuilt."""

    photo: str
    category: str
    type: str
    ways: dict[str, SceneScores]


def evaluate_reconstruction(
    on: str,
    fields_by_category: Mapping[str, OccupancyField],
    *,
    choice: PerceptionChoice | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Rebuilds each photo of "coco:FILE" that shows a person with an object of a category that has a field;
    what `propfield evaluate reconstruction --json` prints.

    NotFound when no photo shows one; PropfieldError for another `on`, for files that cannot be used, or when
    no photo can be rebuilt.
    """
    kind, _, place = on.partition(":")
    if kind != "coco" or not place:
        raise PropfieldError(f"“{on[:60]}” is nothing to score reconstruction on; use “coco:FILE”.")
    if not fields_by_category:
        raise NotFound("There is no field to rebuild photos with; learn one, or give files with --field.")
    source = CocoSource(Path(place), choice=choice)
    shown = [name for name in source.categories() if name in fields_by_category]
    if not shown:
        raise NotFound(
            f"No photo of {source.file.name} shows {', '.join(sorted(fields_by_category)[:9])};"
            f" there are: {', '.join(source.categories()[:20])}."
        )
    wanted = [(name, path) for name in shown for path in source.pictures(name)]
    scored: list[PhotoScores] = []
    failed: list[dict[str, str]] = []
    for number, (category, path) in enumerate(wanted):
        progress("rebuild photos", number / len(wanted), f"{path.name}: {category}")
        try:
            scene = reconstruct(
                path,
                Wanted(category),
                annotations=source.annotations,
                field=fields_by_category[category],
                choice=choice,
            )
            scored.append(photo_scores(scene))
        except Unavailable:
            raise
        except PropfieldError as error:
            failed.append({"photo": path.name, "category": category, "why": str(error)})
    progress("rebuild photos", 1.0)
    if not scored:
        raise PropfieldError(f"No photo of {source.file.name} could be rebuilt: {failed[0]['why']}")
    return rounded(
        {
            "on": kind,
            "photos": [
                {"photo": each.photo, "category": each.category, "type": each.type, **_numbers(each.ways)}
                for each in scored
            ],
            "categories": [
                {"category": name, **_summed([each for each in scored if each.category == name])}
                for name in shown
                if any(each.category == name for each in scored)
            ],
            "mean": _summed(scored),
            "failed": failed,
        }
    )


def photo_scores(scene: Reconstruction) -> PhotoScores:
    """Scores of a photo that was rebuilt with its object. PropfieldError for one without."""
    thing, field = scene.object, scene.field
    if thing is None or field is None:
        raise PropfieldError(f"{scene.picture.name} shows no object that can be rebuilt.")
    worn = replace(field, body=scene.worn)
    carried = into_pose(worn, scene.perceived.fit.pose)
    mix = carried(field.type("all").occupancy)
    box = carried(mean_box(field.type("all").occupancy))
    ways = {
        "reconstruction": _scores(
            scene, field.grid, [thing.mesh], moved_field(thing.posed, thing.moved, field.grid)
        ),
        "box": _scores(scene, field.grid, _surfaces(box, field.grid, (0.5,)), box),
        "mix": _scores(scene, field.grid, _surfaces(mix, field.grid, LEVELS), mix),
    }
    return PhotoScores(scene.picture.name, field.category, thing.type, ways)


def mean_box(occupancy: Float32[np.ndarray, "R R R"]) -> Float32[np.ndarray, "R R R"]:
    """The box with the mean and the spread of a field along the axes of the canonical space, as an occupancy
    of IN_BOX inside: where the category's objects are on average, whatever their shape and use."""
    likely = np.where(occupancy >= FAINT * occupancy.max(), occupancy, 0).astype(float)
    inside = np.full(occupancy.shape, likely.max() > 0)
    for axis in range(3):
        share = likely.sum(tuple(each for each in range(3) if each != axis))
        share /= max(share.sum(), 1e-12)
        steps = np.arange(len(share))
        middle = (share * steps).sum()
        # A uniform distribution of that spread; at least a voxel.
        half = max(np.sqrt(3 * (share * (steps - middle) ** 2).sum()), 0.5)
        kept = np.abs(steps - middle) <= half
        inside &= kept.reshape([-1 if each == axis else 1 for each in range(3)])
    return np.where(inside, np.float32(IN_BOX), np.float32(0))


def moved_field(
    posed: Float32[np.ndarray, "R R R"], moved: Float64[np.ndarray, "4 4"], grid: Grid
) -> Float32[np.ndarray, "R R R"]:
    """A posed field moved as an object was, over the same grid."""
    back = np.linalg.inv(moved)
    points = grid.centres().astype(float) @ back[:3, :3].T + back[:3, 3]
    steps = ((points - grid.origin) / grid.voxel - 0.5).T
    values = map_coordinates(posed, steps, order=1, mode="constant")
    return values.reshape(grid.shape).astype(np.float32)


def _surfaces(
    posed: Float32[np.ndarray, "R R R"], grid: Grid, shares: Sequence[float]
) -> list[trimesh.Trimesh]:
    if not posed.max() > 0:
        return []
    return [main_surface(posed, grid, share) for share in shares]


def _scores(
    scene: Reconstruction,
    grid: Grid,
    meshes: list[trimesh.Trimesh],
    posed: Float32[np.ndarray, "R R R"],
) -> SceneScores:
    """Of several meshes the one that explains the mask best, which favours the baselines."""
    observation = scene.perceived.observation
    found = image_scores(
        posed,
        grid,
        observation.camera,
        observation.object_mask,
        body_vertices=np.asarray(scene.body.vertices, np.float32),
    )
    overlaps = [mask_overlap(mesh, scene.body, observation, scene.unknown) for mesh in meshes]
    return SceneScores(max(overlaps, default=0.0), found.vanilla, found.aware_vanilla)


def _numbers(ways: dict[str, SceneScores]) -> dict[str, dict[str, float | None]]:
    return {
        name: {each.name: getattr(scores, each.name) for each in fields(SceneScores)}
        for name, scores in ways.items()
    }


def _summed(scored: Sequence[PhotoScores]) -> dict[str, Any]:
    """Means over photos, and whether the reconstruction is better than both baselines; None where its object
    is too small for PAP's pixels in all photos."""
    means: dict[str, dict[str, float | None]] = {}
    for way in WAYS:
        means[way] = {}
        for each in fields(SceneScores):
            there = [v for one in scored if (v := getattr(one.ways[way], each.name)) is not None]
            means[way][each.name] = float(np.mean(there)) if there else None
    own, others = means[WAYS[0]], [means[way] for way in WAYS[1:]]
    beats = {
        name: None if (mine := own[name]) is None else all(mine > (other[name] or 0.0) for other in others)
        for name in ("iou", "pap")
    }
    return {"photos": len(scored), **means, "beats_both": beats}

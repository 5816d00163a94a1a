"""What the demo's report says of a field: its views, its truth, and how exactly Blender deforms it."""

from typing import Any

import numpy as np

from propfield.evaluation.truth import truth_score
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import pose_points
from propfield.field.skinning_weights import weights_at
from propfield.imagery.studio import StudioSource

TRUTH_SCENES = 200


def bind_error(field: OccupancyField, arrays: dict[str, np.ndarray]) -> float:
    """Metres: the farthest that a deformed iso-surface vertex in Blender is from the backend's own skinning.

    `arrays` are what the Blender part wrote: "canonical" vertices, and "pose N" with "deformed N".
    """
    canonical = arrays["canonical"].astype(np.float32)
    weights = weights_at(canonical, field.weights, field.grid)
    worst = 0.0
    for name, pose in arrays.items():
        if name.startswith("pose "):
            ours = pose_points(field, canonical, weights, pose)
            off = np.linalg.norm(ours - arrays[name.replace("pose", "deformed")], axis=1)
            worst = max(worst, float(off.max()))
    return worst


def field_report(
    field: OccupancyField, act: dict[str, Any], seed: int, bind_error_m: float
) -> dict[str, Any]:
    """One field's part of report.json; the truth is drawn with another seed than the views were."""
    truth = StudioSource().true_occupancy(
        field.category, [act["type"]], field.grid, scenes=TRUTH_SCENES, seed=seed + 1
    )
    score = truth_score(field.type(act["type"]), truth[act["type"]])
    return {
        "category": field.category,
        "voxels": field.grid.resolution**3,
        "types": [kind.type.name for kind in field.types],
        "learn_seconds": act["seconds"],
        "views_kept": field.provenance["views"]["kept"],
        "views_rejected": field.provenance["views"]["rejected"],
        "truth": {"iou": round(score.iou, 4), "correlation": round(score.correlation, 4)},
        "bind_max_error_m": bind_error_m,
    }


def whole_report(
    fields: list[dict[str, Any]], photos: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """report.json: sums and means over the demo's fields, then each field and photo on its own."""
    first = fields[0]
    return {
        "field": {"voxels": first["voxels"], "types": first["types"]},
        "learn": {"seconds": round(sum(field["learn_seconds"] for field in fields), 2)},
        "views": {
            "kept": sum(field["views_kept"] for field in fields),
            "rejected": {
                name: sum(field["views_rejected"][name] for field in fields)
                for name in first["views_rejected"]
            },
        },
        "truth": {
            key: round(float(np.mean([field["truth"][key] for field in fields])), 4)
            for key in ("iou", "correlation")
        },
        "bind": {"max_error_m": max(field["bind_max_error_m"] for field in fields)},
        "photos": photos,
        "fields": fields,
        "seconds": round(seconds, 1),
    }

"""What a YOLO segmentation network says, whatever its version: the head is recognised from its shapes.

With k mask coefficients (the channels of the prototypes) and C classes, a picture's rows are

- `(boxes, 5 + C + k)`: centre, size, objectness, classes, coefficients (YOLOv5, v7);
- `(4 + C + k, boxes)`: centre, size, classes, coefficients (YOLOv8, v9, v11);
- `(boxes, 6 + k)`: corners, score, class, coefficients: suppressed within the network (exports with NMS).
"""

import ast
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int

from propfield.perception.coco_names import COCO_80, coco_name

SCORE = 0.25
OVERLAP = 0.45
MOST_BOXES = 40

Kind = Literal["objectness", "classes", "suppressed"]


@dataclass(frozen=True)
class YoloBoxes:
    """Boxes above SCORE in the network's pixels, as corners, with class and mask coefficients."""

    boxes: Float32[np.ndarray, "N 4"]
    scores: Float32[np.ndarray, " N"]
    classes: Int[np.ndarray, " N"]
    coefficients: Float32[np.ndarray, "N k"]


def class_names(metadata: dict[str, str]) -> tuple[str, ...]:
    """The classes that an export's metadata names (YOLO writes a Python literal), else COCO's 80."""
    try:
        names = ast.literal_eval(metadata["names"])
        if isinstance(names, dict):
            names = [names[index] for index in range(len(names))]
        return tuple(coco_name(str(name)) for name in names)
    except (KeyError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return COCO_80


def head_kind(shape: tuple[int, ...], classes: int, masks: int, *, suppressed: bool = False) -> Kind | None:
    """Which head gives a picture's rows of this shape, or None for no YOLO's. `suppressed` says that the
    export is known to hold NMS, which the shapes of a network of one class do not tell."""
    if len(shape) != 2:
        return None
    if shape[1] == 6 + masks and (suppressed or classes != 1):
        return "suppressed"
    if shape[1] == 5 + classes + masks:
        return "objectness"
    # Some exporters turn v8's head so that boxes come first.
    return "classes" if 4 + classes + masks in shape else None


def decoded(head: np.ndarray, kind: Kind, masks: int) -> YoloBoxes:
    """The boxes of one picture's head, those above SCORE, in no order."""
    if kind == "suppressed":
        boxes, best, classes = head[:, :4], head[:, 4], head[:, 5].astype(np.int64)
    else:
        if kind == "objectness":
            scores = head[:, 5:-masks] * head[:, 4:5]
        else:
            scores = head[:, 4:-masks]
        classes = scores.argmax(1)
        best = scores[np.arange(len(scores)), classes]
        centre, half = head[:, :2], head[:, 2:4] / 2
        boxes = np.concatenate([centre - half, centre + half], 1)
    kept = np.flatnonzero((best > SCORE) & np.isfinite(boxes).all(1))
    return YoloBoxes(boxes[kept], best[kept], classes[kept], head[kept, -masks:])


def suppressed(found: YoloBoxes) -> list[int]:
    """Indices of the boxes that stay, best first: within a class, one of those that overlap (greedy NMS)."""
    boxes, classes = found.boxes, found.classes
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    waiting = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < MOST_BOXES:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[waiting, :2])
        high = np.minimum(boxes[best, 2:], boxes[waiting, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        overlap = shared / np.maximum(areas[best] + areas[waiting] - shared, 1e-6)
        waiting = waiting[(overlap < OVERLAP) | (classes[waiting] != classes[best])]
    return kept

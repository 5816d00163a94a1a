"""Persons and objects with masks from a YOLO segmentation network in an ONNX file.

Two heads are told apart by their shapes: YOLOv5's (1, boxes, 4 + 1 + classes + coefficients), with an
objectness, and YOLOv8's (1, 4 + classes + coefficients, boxes), without. Masks are sums of prototypes
weighted by each box's coefficients (YOLACT, Bolya et al. 2019, Eq. 1).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image
from scipy.ndimage import label

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.observations.observation import mask_box
from propfield.perception.coco_names import COCO_80
from propfield.perception.detection import Detection
from propfield.perception.picture import Picture

SCORE = 0.25
OVERLAP = 0.45
MOST_BOXES = 40
SPECK = 0.03
_PADDING = 114
"""The grey that YOLO networks were trained with around pictures that are not square."""


class OnnxSegmenter:
    """A perception.protocols.Segmenter over an ONNX file with COCO's 80 classes.

    Unavailable when onnxruntime is not installed; NotFound or PropfieldError when `weights` is not there or
    is not such a network.
    """

    def __init__(self, weights: Path, *, threads: int = 2) -> None:
        self.weights = Path(weights)
        if not self.weights.is_file():
            raise NotFound(f"There are no weights at {self.weights}; give a YOLO segmentation ONNX file.")
        try:
            import onnxruntime
            from onnxruntime.capi.onnxruntime_pybind11_state import (
                Fail,
                InvalidArgument,
                InvalidGraph,
                InvalidProtobuf,
                NoModel,
                NoSuchFile,
                NotImplemented,
            )
        except ImportError as error:
            raise Unavailable(
                "Finding persons and objects needs onnxruntime; install it with "
                'pip install "propfield[perception]".'
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        refusals = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile, NotImplemented)
        try:
            self._session = onnxruntime.InferenceSession(
                str(self.weights), options, providers=["CPUExecutionProvider"]
            )
        except (*refusals, RuntimeError, ValueError) as error:
            raise PropfieldError(
                f"{self.weights.name} is not an ONNX network that can be run here; "
                "give a YOLO segmentation file exported to ONNX."
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if (
            len(inputs) != 1
            or len(inputs[0].shape) != 4
            or "float" not in inputs[0].type
            or sorted(len(output.shape) for output in outputs) != [3, 4]
        ):
            raise self._not_a_segmenter()
        self._input = inputs[0].name
        self._type = np.float16 if "float16" in inputs[0].type else np.float32
        sides = inputs[0].shape[2:]
        self._side = int(sides[0]) if isinstance(sides[0], int) else 640

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Persons and objects above a score of 0.25, best first, with masks at the photo's resolution."""
        return [self._detections(picture) for picture in pictures]

    def _detections(self, picture: Picture) -> list[Detection]:
        boxed, scale, left, top = _letterbox(picture.pixels, self._side)
        outputs = self._session.run(None, {self._input: boxed.astype(self._type)})
        head = next(each for each in outputs if each.ndim == 3)[0].astype(np.float32)
        prototypes = next(each for each in outputs if each.ndim == 4)[0].astype(np.float32)
        boxes, scores, classes, coefficients = self._decoded(head, prototypes.shape[0])
        found = []
        for index in _suppressed(boxes, scores, classes):
            mask = _mask_of(
                coefficients[index], prototypes, boxes[index], self._side, picture.size, scale, left, top
            )
            if mask.any():
                found.append(
                    Detection(
                        category=COCO_80[classes[index]],
                        score=float(scores[index]),
                        box=mask_box(mask),
                        mask=mask,
                    )
                )
        return found

    def _decoded(self, head: np.ndarray, masks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4) as corners, scores, classes and coefficients of the boxes above the score."""
        with_objectness, without = 4 + 1 + len(COCO_80) + masks, 4 + len(COCO_80) + masks
        if head.shape[1] == with_objectness:
            scores = head[:, 5 : 5 + len(COCO_80)] * head[:, 4:5]
        elif without in head.shape:
            head = head if head.shape[1] == without else head.T
            scores = head[:, 4 : 4 + len(COCO_80)]
        else:
            raise self._not_a_segmenter()
        classes = scores.argmax(1)
        best = scores[np.arange(len(scores)), classes]
        kept = np.flatnonzero(best > SCORE)
        centre, half = head[kept, :2], head[kept, 2:4] / 2
        boxes = np.concatenate([centre - half, centre + half], 1)
        return boxes, best[kept], classes[kept], head[kept, -masks:]

    def _not_a_segmenter(self) -> PropfieldError:
        return PropfieldError(
            f"{self.weights.name} is not a YOLO segmentation network with COCO's 80 classes; "
            "give one, such as yolov5s-seg exported to ONNX."
        )


def _letterbox(pixels: np.ndarray, side: int) -> tuple[Float32[np.ndarray, "1 3 S S"], float, int, int]:
    """The photo in a square with grey borders, in [0, 1]; the scale and the border's width, left and top."""
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
    square = np.full((side, side, 3), _PADDING, dtype=np.uint8)
    resized = Image.fromarray(pixels).resize(inner, Image.Resampling.BILINEAR)
    square[top : top + inner[1], left : left + inner[0]] = np.asarray(resized)
    return (square.transpose(2, 0, 1)[None] / 255).astype(np.float32), scale, left, top


def _suppressed(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> list[int]:
    """Indices of the boxes that stay, best first: within a class, one of those that overlap (greedy NMS)."""
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < MOST_BOXES:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        corners = np.concatenate(
            [
                np.maximum(boxes[best, :2], boxes[waiting, :2]),
                np.minimum(boxes[best, 2:], boxes[waiting, 2:]),
            ],
            1,
        )
        shared = np.clip(corners[:, 2:] - corners[:, :2], 0, None).prod(1)
        overlap = shared / np.maximum(areas[best] + areas[waiting] - shared, 1e-6)
        waiting = waiting[(overlap < OVERLAP) | (classes[waiting] != classes[best])]
    return kept


def _mask_of(
    coefficients: np.ndarray,
    prototypes: np.ndarray,
    box: np.ndarray,
    side: int,
    size: tuple[int, int],
    scale: float,
    left: int,
    top: int,
) -> Bool[np.ndarray, "H W"]:
    """One box's mask at the photo's resolution, cut to the box. The square's borders are taken off first."""
    width, height = size
    ratio = prototypes.shape[-1] / side
    logits = np.tensordot(coefficients, prototypes, 1)
    window = (left * ratio, top * ratio, (left + width * scale) * ratio, (top + height * scale) * ratio)
    smooth = Image.fromarray(logits).resize((width, height), Image.Resampling.BILINEAR, box=window)
    mask = np.asarray(smooth) > 0
    x0, y0, x1, y1 = (box - np.array([left, top, left, top])) / scale
    cut = np.zeros_like(mask)
    rows = slice(max(int(np.floor(y0)), 0), max(int(np.ceil(y1)), 0))
    columns = slice(max(int(np.floor(x0)), 0), max(int(np.ceil(x1)), 0))
    cut[rows, columns] = mask[rows, columns]
    return _without_specks(cut)


def _without_specks(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The mask without pieces smaller than SPECK of it: prototypes leave crumbs along other things."""
    pieces, count = label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= SPECK * sizes.sum())[pieces]

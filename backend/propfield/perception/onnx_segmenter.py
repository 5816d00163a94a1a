"""Persons and objects with masks from a YOLO segmentation network (v5, v7, v8, v11) in an ONNX file.

Masks are sums of prototypes weighted by each box's coefficients (YOLACT, Bolya et al. 2019, Eq. 1).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import label

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.observations.observation import mask_box
from propfield.perception.detection import Detection
from propfield.perception.letterbox import letterboxed
from propfield.perception.picture import Picture
from propfield.perception.yolo_heads import class_names, decoded, head_kind, suppressed

SPECK = 0.03
_USUAL_SIDE = 640
_MOST_THREADS = 8
"""More only wait for each other in networks of this size."""


class OnnxSegmenter:
    """A perception.protocols.Segmenter over an ONNX file; its classes are the file's, else COCO's 80.

    Unavailable when onnxruntime is not installed; NotFound or PropfieldError when `weights` is not there or
    is not such a network.
    """

    def __init__(self, weights: Path) -> None:
        self.weights = Path(weights)
        if not self.weights.is_file():
            raise NotFound(f"There are no weights at {self.weights}; give a YOLO segmentation ONNX file.")
        self._session, self._refusals = self._opened()
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        ranks = [len(output.shape or ()) for output in outputs]
        if len(inputs) != 1 or not _is_picture(inputs[0]) or [ranks.count(3), ranks.count(4)] != [1, 1]:
            raise self._not_a_segmenter()
        # YOLOv7's exports may give the raw grids of each level as well, which have five axes.
        self._outputs = [outputs[ranks.index(3)].name, outputs[ranks.index(4)].name]
        self._input = inputs[0].name
        self._type = np.float16 if "float16" in inputs[0].type else np.float32
        height, width = (side if isinstance(side, int) else _USUAL_SIDE for side in inputs[0].shape[2:])
        self._frame = (width, height)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.vocabulary = class_names(metadata)
        self._suppressed = "'nms': True" in metadata.get("args", "")

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Persons and objects above a score of 0.25, best first, with masks at the photo's resolution."""
        return [self._detections(picture) for picture in pictures]

    def _detections(self, picture: Picture) -> list[Detection]:
        values, frame = letterboxed(picture.pixels, self._frame)
        try:
            head, prototypes = self._session.run(self._outputs, {self._input: values.astype(self._type)})
        except self._refusals as error:
            raise self._not_a_segmenter() from error
        head, prototypes = head[0].astype(np.float32), prototypes[0].astype(np.float32)
        masks = len(prototypes)
        kind = head_kind(head.shape, len(self.vocabulary), masks, suppressed=self._suppressed)
        if kind is None:
            raise self._not_a_segmenter()
        if kind == "classes" and head.shape[1] != 4 + len(self.vocabulary) + masks:
            head = head.T
        found = decoded(head, kind, masks)
        boxes = frame.photo_boxes(found.boxes)
        detections = []
        for index in suppressed(found):
            logits = np.tensordot(found.coefficients[index], prototypes, 1)
            mask = _without_specks(frame.photo_mask(logits, boxes[index]))
            if mask.any() and found.classes[index] < len(self.vocabulary):
                detections.append(
                    Detection(
                        category=self.vocabulary[found.classes[index]],
                        score=min(float(found.scores[index]), 1.0),
                        box=mask_box(mask),
                        mask=mask,
                    )
                )
        return detections

    def _opened(self) -> tuple[Any, tuple[type[Exception], ...]]:
        """The network, and what onnxruntime raises of a file that it cannot run."""
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as runtime
        except ImportError as error:
            raise Unavailable(
                "Finding persons and objects needs onnxruntime; install it with "
                'pip install "propfield[perception]".'
            ) from error
        refusals = (
            *(runtime.Fail, runtime.InvalidArgument, runtime.InvalidGraph, runtime.InvalidProtobuf),
            *(runtime.NoModel, runtime.NoSuchFile, runtime.NotImplemented, runtime.RuntimeException),
            *(RuntimeError, ValueError),
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = min(os.cpu_count() or 1, _MOST_THREADS)
        here = onnxruntime.get_available_providers()
        wanted = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in here]
        try:
            return onnxruntime.InferenceSession(str(self.weights), options, providers=wanted), refusals
        except refusals as error:
            raise PropfieldError(
                f"{self.weights.name} is not an ONNX network that can be run here; "
                "give a YOLO segmentation file exported to ONNX."
            ) from error

    def _not_a_segmenter(self) -> PropfieldError:
        return PropfieldError(
            f"{self.weights.name} is not a YOLO segmentation network with COCO's 80 classes or names of its "
            "own; give one, such as yolov5s-seg exported to ONNX."
        )


def _is_picture(value: Any) -> bool:
    """Whether a network's input is a batch of pictures, channels first, in floating point."""
    shape: list = value.shape or []
    return len(shape) == 4 and shape[1] in (3, None, "channels") and "float" in value.type


def _without_specks(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The mask without pieces smaller than SPECK of it: prototypes leave crumbs along other things."""
    pieces, count = label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= SPECK * sizes.sum())[pieces]

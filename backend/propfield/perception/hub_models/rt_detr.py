"""Boxes of a closed set of categories from RT-DETR and its kin (Zhao et al. 2024; v2: Lv et al. 2024)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from propfield.perception.batching import in_batches
from propfield.perception.hub_models.loading import load
from propfield.perception.picture import Picture
from propfield.perception.protocols import Boxes

SCORE = 0.4
"""Below this, boxes are more often wrong than right."""


class RtDetr:
    """A perception.protocols.Detector; its categories are those of its configuration, as COCO writes them.

    Unavailable without transformers; PropfieldError for a folder that holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = load(
            folder,
            ("rt_detr_v2", "rt_detr", "d_fine"),
            "AutoModelForObjectDetection",
            "RTDetrImageProcessorPil",
            "RT-DETR",
        )
        self.vocabulary = self._loaded.labels()

    def detect(self, pictures: Sequence[Picture]) -> list[Boxes]:
        """Everything above SCORE."""
        return in_batches(self._detected, pictures, self._loaded.batch)

    def _detected(self, pictures: Sequence[Picture]) -> list[Boxes]:
        import torch

        model, processor = self._loaded.model, self._loaded.processor
        sizes = torch.tensor([picture.pixels.shape[:2] for picture in pictures])
        inputs = processor(images=[picture.pixels for picture in pictures], return_tensors="pt")
        with torch.inference_mode(), self._loaded.half_precision():
            outputs = model(**inputs.to(self._loaded.device))
        outputs.logits, outputs.pred_boxes = outputs.logits.float().cpu(), outputs.pred_boxes.float().cpu()
        results = processor.post_process_object_detection(outputs, threshold=SCORE, target_sizes=sizes)
        return [
            boxes_in(
                picture,
                result["boxes"].numpy(),
                result["scores"].numpy(),
                [self.vocabulary[int(label)] for label in result["labels"]],
            )
            for picture, result in zip(pictures, results, strict=True)
        ]


def boxes_in(picture: Picture, boxes: np.ndarray, scores: np.ndarray, categories: Sequence[str]) -> Boxes:
    """A model's boxes cut to the picture, best first, without those that are empty or not numbers."""
    limit = np.tile(np.array(picture.size, dtype=np.float32), 2)
    cut = np.clip(np.nan_to_num(boxes), 0, limit).astype(np.float32).reshape(-1, 4)
    whole = ((cut[:, 2:] - cut[:, :2]) >= 1).all(1) & np.isfinite(boxes).all(1)
    order = [int(index) for index in np.argsort(-scores, kind="stable") if whole[index]]
    return Boxes(cut[order], scores[order].astype(np.float32), tuple(categories[index] for index in order))

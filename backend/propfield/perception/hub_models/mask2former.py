"""Masks of a closed set of categories from Mask2Former (Cheng et al. 2022), trained for instances."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from propfield.observations.observation import mask_box
from propfield.perception.batching import in_batches
from propfield.perception.detection import Detection
from propfield.perception.hub_models.loading import load
from propfield.perception.picture import Picture

SCORE = 0.5
"""Of the class times the mean of the mask's own probabilities."""
MOST = 60


class Mask2Former:
    """A perception.protocols.Segmenter; its categories are those of its configuration, as COCO writes them.

    Unavailable without transformers; PropfieldError for a folder that holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = load(
            folder,
            ("mask2former",),
            "Mask2FormerForUniversalSegmentation",
            "Mask2FormerImageProcessorPil",
            "Mask2Former",
        )
        self.vocabulary = self._loaded.labels()

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Everything above SCORE. Masks may overlap: what hides what is for others to say."""
        return in_batches(self._segmented, pictures, self._loaded.batch, lambda picture: picture.size)

    def _segmented(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        import torch
        from torch.nn.functional import interpolate

        loaded = self._loaded
        inputs = loaded.processor(images=[picture.pixels for picture in pictures], return_tensors="pt")
        with torch.inference_mode(), loaded.half_precision():
            outputs = loaded.model(**inputs.to(loaded.device))
        # The last class is “nothing”.
        classes = outputs.class_queries_logits.float().softmax(-1)[..., :-1].cpu()
        logits = outputs.masks_queries_logits.float()
        frame = inputs["pixel_values"].shape[-2:]
        padding = inputs.get("pixel_mask")
        inner = (
            [frame] * len(pictures) if padding is None else [_extent(mask) for mask in padding.cpu().numpy()]
        )
        results = []
        for row, picture in enumerate(pictures):
            scores, order = classes[row].flatten().topk(min(MOST, classes[row].numel()))
            detections = []
            for score, place in zip(scores.tolist(), order.tolist(), strict=True):
                query, label = divmod(place, classes.shape[-1])
                if score <= SCORE:
                    break
                # The picture lies in the frame's upper left corner; what is beyond is padding.
                whole = interpolate(logits[row, query][None, None], frame, mode="bilinear")
                whole = whole[..., : inner[row][0], : inner[row][1]]
                large = interpolate(whole, picture.pixels.shape[:2], mode="bilinear")[0, 0].cpu()
                mask = (large > 0).numpy()
                sure = score * float(large[large > 0].sigmoid().mean()) if mask.any() else 0.0
                if sure > SCORE:
                    detections.append(Detection(self.vocabulary[label], sure, mask_box(mask), mask))
            results.append(sorted(detections, key=lambda each: -each.score))
        return results


def _extent(mask: np.ndarray) -> tuple[int, int]:
    """Rows and columns of the frame that hold the picture."""
    return int(mask.any(1).sum()), int(mask.any(0).sum())

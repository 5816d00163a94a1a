"""A detector's boxes and masks in them, as one segmenter."""

from collections.abc import Sequence

import numpy as np

from propfield.perception.detection import Detection
from propfield.perception.picture import Picture
from propfield.perception.protocols import BoxSegmenter, Detector


class BoxesThenMasks:
    """A perception.protocols.Segmenter of a detector and what finds masks in its boxes."""

    def __init__(self, detector: Detector, masks: BoxSegmenter) -> None:
        self.detector, self.masks = detector, masks
        self.vocabulary = detector.vocabulary

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Everything that the detector found, best first; boxes in which there is no mask are left out.

        A box is the detector's: a mask may leave out what is hidden, and people are cropped by their boxes.
        """
        found = self.detector.detect(pictures)
        masks = self.masks.masks(pictures, [each.boxes for each in found])
        return [
            [
                Detection(category=category, score=float(score), box=box.astype(np.float32), mask=mask)
                for category, score, box, mask in zip(
                    boxes.categories, boxes.scores, boxes.boxes, cut, strict=True
                )
                if mask.any()
            ]
            for boxes, cut in zip(found, masks, strict=True)
        ]

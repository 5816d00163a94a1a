"""COCO's 17 keypoints of persons in their boxes from ViTPose (Xu et al. 2022)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from propfield.errors import PropfieldError
from propfield.perception.batching import in_batches
from propfield.perception.hub_models.loading import load
from propfield.perception.landmark_evidence import with_evidence_inside
from propfield.perception.landmarks import Landmarks, from_coco_keypoints
from propfield.perception.protocols import Person

LEAST = 0.1
"""A person of whom no keypoint reaches this is taken for none."""


class VitPose:
    """A perception.protocols.KeypointFinder. Confidence is the height of a keypoint's peak.

    Unavailable without transformers; PropfieldError for a folder that holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = load(
            folder, ("vitpose",), "VitPoseForPoseEstimation", "VitPoseImageProcessorPil", "ViTPose"
        )
        labels = getattr(self._loaded.model.config, "num_labels", 17)
        if labels != 17:
            raise PropfieldError(f"{folder} finds {labels} keypoints; give a ViTPose of COCO's 17.")

    def estimate(self, people: Sequence[Person]) -> list[Landmarks | None]:
        """The landmarks of each person in its box; None where no keypoint is at all sure."""
        return in_batches(self._found, people, 4 * self._loaded.batch)

    def _found(self, people: Sequence[Person]) -> list[Landmarks | None]:
        import torch

        loaded = self._loaded
        boxes = [
            [[*person.box[:2].tolist(), *(person.box[2:] - person.box[:2]).tolist()]] for person in people
        ]
        inputs = loaded.processor(
            [person.picture.pixels for person in people], boxes=boxes, return_tensors="pt"
        )
        if getattr(loaded.model.config.backbone_config, "num_experts", 1) > 1:
            # ViTPose++ has an expert for each data set that it was trained with; COCO's is the first.
            inputs["dataset_index"] = torch.zeros(len(people), dtype=torch.int64)
        with torch.inference_mode(), loaded.half_precision():
            outputs = loaded.model(**inputs.to(loaded.device))
        outputs.heatmaps = outputs.heatmaps.float().cpu()
        results = loaded.processor.post_process_pose_estimation(outputs, boxes=boxes)
        landmarks: list[Landmarks | None] = []
        for person, (result,) in zip(people, results, strict=True):
            marks = np.concatenate([result["keypoints"].numpy(), result["scores"].numpy()[:, None]], 1)
            marks = with_evidence_inside(marks.astype(np.float32), person.picture)
            sure = marks[:, 2].max(initial=0) >= LEAST
            landmarks.append(from_coco_keypoints(marks) if sure else None)
        return landmarks

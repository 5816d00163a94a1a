"""Keypoints from mmpose's top-down models: HRNet with DARK, with which the paper saw (§3.3), and RTMPose.

A model is a folder with a configuration (.py) and its weights (.pth). Both are programs: take them from
mmpose's makers alone.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from propfield.errors import PropfieldError, Unavailable
from propfield.jobs.device import torch_device
from propfield.perception.keypoint_sets import from_keypoints
from propfield.perception.landmark_evidence import with_evidence_inside
from propfield.perception.landmarks import Landmarks
from propfield.perception.protocols import Person
from propfield.perception.weights_pair import configuration_and_weights

INSTALL = 'install it with pip install openmim && mim install "mmcv>=2,<2.2" mmpose'


_REFUSALS = (
    *(AssertionError, AttributeError, EOFError, ImportError, KeyError, OSError, RuntimeError, SyntaxError),
    *(TypeError, ValueError),
)
"""What mmpose raises of configurations and weights that are damaged or do not belong together."""


class MmposeKeypoints:
    """A perception.protocols.KeypointFinder over a model's folder; of 17, 26 or 133 keypoints.

    Unavailable when mmpose is not installed; NotFound or PropfieldError for a folder without a model.
    """

    def __init__(self, folder: Path) -> None:
        configuration, weights = configuration_and_weights(folder, (".py",), (".pth",))
        try:
            from mmpose.apis import inference_topdown, init_model
        except (ImportError, AssertionError) as error:
            # mmpose asserts that its companions have versions that it knows.
            raise Unavailable(f"This keypoint finder needs mmpose; {INSTALL}.") from error
        self._infer = inference_topdown
        try:
            # It tells on stdout where it loads from; stdout is for results.
            with redirect_stdout(io.StringIO()):
                self._model = init_model(str(configuration), str(weights), device=torch_device().kind)
        except _REFUSALS as error:
            raise PropfieldError(
                f"{folder} holds no model that mmpose can read ({type(error).__name__}); "
                "give the weights with the configuration that belongs to them."
            ) from error

    def estimate(self, people: Sequence[Person]) -> list[Landmarks | None]:
        """The landmarks of each person in its box; people of one picture are looked at together."""
        found: list[Landmarks | None] = [None] * len(people)
        groups: dict[int, list[int]] = {}
        for index, person in enumerate(people):
            groups.setdefault(id(person.picture), []).append(index)
        for group in groups.values():
            pixels = np.ascontiguousarray(people[group[0]].picture.pixels[..., ::-1])
            boxes = np.stack([people[index].box for index in group])
            samples = self._infer(self._model, pixels, bboxes=boxes, bbox_format="xyxy")
            for index, sample in zip(group, samples, strict=True):
                found[index] = landmarks_of_sample(sample, people[index])
        return found


def landmarks_of_sample(sample: Any, person: Person) -> Landmarks | None:
    """mmpose's `PoseDataSample` of one box as landmarks: its `pred_instances` have `keypoints` (1, K, 2) in
    the picture's pixels and `keypoint_scores` (1, K). None where it found nobody."""
    instances = sample.pred_instances
    if len(instances.keypoints) == 0:
        return None
    points, scores = np.asarray(instances.keypoints[0]), np.asarray(instances.keypoint_scores[0])
    marks: Float32[np.ndarray, "K 3"] = np.concatenate([points[:, :2], scores[:, None]], 1).astype(np.float32)
    return from_keypoints(with_evidence_inside(marks, person.picture))

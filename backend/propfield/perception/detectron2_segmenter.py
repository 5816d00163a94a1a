"""Masks from detectron2's models: PointRend and Mask R-CNN, with which the paper saw (§3.3).

A model is a folder with a configuration as detectron2 writes it (`cfg.dump()`, .yaml) and its weights (.pkl
or .pth). Detectron2 reads these as pickles, which are programs: take them from its makers alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from propfield.errors import PropfieldError, Unavailable
from propfield.jobs.device import torch_device
from propfield.observations.observation import mask_box
from propfield.perception.batching import in_batches
from propfield.perception.coco_names import COCO_80, coco_name
from propfield.perception.detection import Detection
from propfield.perception.picture import Picture
from propfield.perception.weights_pair import configuration_and_weights

SCORE = 0.5
INSTALL = "install it with pip install 'git+https://github.com/facebookresearch/detectron2.git'"


_REFUSALS = (
    *(AssertionError, AttributeError, EOFError, ImportError, IndexError, KeyError, OSError, RuntimeError),
    *(TypeError, ValueError),
)
"""What detectron2 raises of configurations and weights that are damaged or do not belong together."""


class Detectron2Segmenter:
    """A perception.protocols.Segmenter over a model's folder; its categories are its data set's.

    Unavailable when detectron2 is not installed; NotFound or PropfieldError for a folder without a model.
    """

    def __init__(self, folder: Path) -> None:
        configuration, weights = configuration_and_weights(folder, (".yaml", ".yml"), (".pkl", ".pth"))
        try:
            from detectron2.checkpoint import DetectionCheckpointer
            from detectron2.config import get_cfg
            from detectron2.data import MetadataCatalog
            from detectron2.data.transforms import ResizeShortestEdge
            from detectron2.modeling import build_model
            from detectron2.projects import point_rend
        except ImportError as error:
            raise Unavailable(f"This segmenter needs detectron2; {INSTALL}.") from error
        self._device = torch_device().kind
        settings = get_cfg()
        point_rend.add_pointrend_config(settings)
        try:
            settings.merge_from_file(str(configuration))
            settings.MODEL.WEIGHTS, settings.MODEL.DEVICE = str(weights), self._device
            settings.MODEL.ROI_HEADS.SCORE_THRESH_TEST = SCORE
            self._model = build_model(settings).eval()
            DetectionCheckpointer(self._model).load(str(weights))
            names = MetadataCatalog.get(settings.DATASETS.TEST[0]).get("thing_classes", COCO_80)
        except _REFUSALS as error:
            raise PropfieldError(
                f"{folder} holds no model that detectron2 can read ({type(error).__name__}); "
                "give its configuration as cfg.dump() writes it, and the weights that belong to it."
            ) from error
        self.vocabulary = tuple(coco_name(str(name)) for name in names)
        self._channels = settings.INPUT.FORMAT
        shortest, longest = settings.INPUT.MIN_SIZE_TEST, settings.INPUT.MAX_SIZE_TEST
        self._resize = ResizeShortestEdge([shortest, shortest], longest)

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Everything above SCORE, best first."""
        most = 8 if self._device == "cuda" else 1
        return in_batches(self._segmented, pictures, most, lambda picture: picture.size)

    def _segmented(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        import torch

        inputs = []
        for picture in pictures:
            pixels = picture.pixels[..., ::-1] if self._channels == "BGR" else picture.pixels
            resized = self._resize.get_transform(pixels).apply_image(np.ascontiguousarray(pixels))
            values = torch.from_numpy(resized.astype(np.float32).transpose(2, 0, 1).copy())
            inputs.append({"image": values, "width": picture.size[0], "height": picture.size[1]})
        with torch.inference_mode():
            outputs = self._model(inputs)
        return [detections_of(output["instances"].to("cpu"), self.vocabulary) for output in outputs]


def detections_of(instances: Any, names: Sequence[str]) -> list[Detection]:
    """detectron2's `Instances` of one picture (fields `scores`, `pred_classes` and `pred_masks`, (N, H, W) at
    the picture's size) as detections, best first. Those without a pixel are left out."""
    if not instances.has("pred_masks"):
        raise PropfieldError("This detectron2 model finds boxes without masks; give one that finds masks.")
    scores, classes = np.asarray(instances.scores), np.asarray(instances.pred_classes)
    masks = np.asarray(instances.pred_masks).astype(bool)
    return [
        Detection(
            category=names[int(classes[index])],
            score=float(np.clip(scores[index], 0, 1)),
            box=mask_box(masks[index]),
            mask=masks[index],
        )
        for index in np.argsort(-scores, kind="stable")
        if masks[index].any() and int(classes[index]) < len(names)
    ]

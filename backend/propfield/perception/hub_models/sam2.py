"""Masks of what is in given boxes from SAM 2 (Ravi et al. 2024)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

from propfield.perception.batching import in_batches
from propfield.perception.hub_models.loading import load
from propfield.perception.picture import Picture

_IMAGENET_MEAN, _IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BOXES_AT_ONCE = 32


class Sam2:
    """A perception.protocols.BoxSegmenter. Pictures are prepared here, as transformers' own code for that
    needs torchvision.

    Unavailable without transformers; PropfieldError for a folder that holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = load(folder, ("sam2", "sam2_video"), "Sam2Model", None, "SAM 2")
        self._side = int(self._loaded.model.config.vision_config.backbone_config.image_size[0])
        self._mean, self._spread = _normalisation(folder)

    def masks(
        self, pictures: Sequence[Picture], boxes: Sequence[Float32[np.ndarray, "_ 4"]]
    ) -> list[Bool[np.ndarray, "_ _ _"]]:
        """One mask a box, at the picture's size: of all that a box may mean, the model's best."""
        asked = [index for index in range(len(pictures)) if len(boxes[index])]
        pairs = [(pictures[index], boxes[index]) for index in asked]
        cut = dict(zip(asked, in_batches(self._masks, pairs, self._loaded.batch), strict=True))
        return [
            cut[index] if index in cut else np.zeros((0, *picture.pixels.shape[:2]), dtype=bool)
            for index, picture in enumerate(pictures)
        ]

    def _masks(self, pairs: Sequence[tuple[Picture, np.ndarray]]) -> list[np.ndarray]:
        import torch

        values = torch.stack([self._prepared(picture) for picture, _ in pairs]).to(self._loaded.device)
        with torch.inference_mode(), self._loaded.half_precision():
            levels = self._loaded.model.get_image_embeddings(values)
            return [
                self._cut_out([level[row : row + 1] for level in levels], picture, boxes)
                for row, (picture, boxes) in enumerate(pairs)
            ]

    def _prepared(self, picture: Picture) -> Any:
        """The picture as the model sees it: a square, whatever its shape was."""
        import torch

        square = Image.fromarray(picture.pixels).resize((self._side, self._side), Image.Resampling.BILINEAR)
        values = (np.asarray(square, dtype=np.float32) / 255 - self._mean) / self._spread
        return torch.from_numpy(values.transpose(2, 0, 1).copy())

    def _cut_out(self, features: list, picture: Picture, boxes: np.ndarray) -> np.ndarray:
        import torch
        from torch.nn.functional import interpolate

        scale = self._side / np.tile(np.array(picture.size, dtype=np.float32), 2)
        prompts = torch.from_numpy((boxes * scale).astype(np.float32))[None].to(self._loaded.device)
        size, parts = picture.pixels.shape[:2], []
        for start in range(0, len(boxes), _BOXES_AT_ONCE):
            outputs = self._loaded.model(
                image_embeddings=features,
                input_boxes=prompts[:, start : start + _BOXES_AT_ONCE],
                multimask_output=False,
            )
            logits = outputs.pred_masks[0].float()
            parts += [interpolate(one[None], size, mode="bilinear")[0, 0].cpu().numpy() > 0 for one in logits]
        return np.stack(parts)


def _normalisation(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of colours that the model was trained with: ImageNet's unless its folder tells."""
    try:
        told = json.loads((folder / "preprocessor_config.json").read_bytes())
        mean, spread = (np.array(told[key], dtype=np.float32) for key in ("image_mean", "image_std"))
        if mean.shape == spread.shape == (3,) and (spread > 0).all():
            return mean, spread
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return np.array(_IMAGENET_MEAN, dtype=np.float32), np.array(_IMAGENET_SPREAD, dtype=np.float32)

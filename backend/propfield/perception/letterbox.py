"""A photo in a network's frame with grey borders, and masks back from it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

_PADDING = 114
"""The grey that YOLO networks were trained with around pictures of another shape."""


@dataclass(frozen=True)
class Letterbox:
    """How a photo of `size` lies in a frame (both width, height): scaled by `scale`, `left` and `top` away
    from its corner."""

    size: tuple[int, int]
    frame: tuple[int, int]
    scale: float
    left: int
    top: int

    def photo_boxes(self, boxes: Float32[np.ndarray, "N 4"]) -> Float32[np.ndarray, "N 4"]:
        """Boxes of the frame in the photo's pixels."""
        corner = np.array([self.left, self.top, self.left, self.top], dtype=np.float32)
        return ((boxes - corner) / self.scale).astype(np.float32)

    def photo_mask(
        self, logits: Float32[np.ndarray, "h w"], box: Float32[np.ndarray, "4"]
    ) -> Bool[np.ndarray, "H W"]:
        """Where `logits`, which cover the frame, are above 0, at the photo's size and cut to a box of it. The
        borders are taken off before the logits are made larger."""
        width, height = self.size
        across, down = logits.shape[1] / self.frame[0], logits.shape[0] / self.frame[1]
        window = (
            self.left * across,
            self.top * down,
            min((self.left + width * self.scale) * across, logits.shape[1]),
            min((self.top + height * self.scale) * down, logits.shape[0]),
        )
        smooth = Image.fromarray(logits).resize((width, height), Image.Resampling.BILINEAR, box=window)
        cut = np.zeros((height, width), dtype=bool)
        x0, y0 = np.clip(np.floor(box[:2]), 0, self.size).astype(int)
        x1, y1 = np.clip(np.ceil(box[2:]), 0, self.size).astype(int)
        cut[y0:y1, x0:x1] = np.asarray(smooth)[y0:y1, x0:x1] > 0
        return cut


def letterboxed(
    pixels: np.ndarray, frame: tuple[int, int]
) -> tuple[Float32[np.ndarray, "1 3 h w"], Letterbox]:
    """The photo in the frame (width, height), in [0, 1], and how it lies there."""
    height, width = pixels.shape[:2]
    scale = min(frame[0] / width, frame[1] / height)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    left, top = (frame[0] - inner[0]) // 2, (frame[1] - inner[1]) // 2
    framed = np.full((frame[1], frame[0], 3), _PADDING, dtype=np.uint8)
    resized = Image.fromarray(pixels).resize(inner, Image.Resampling.BILINEAR)
    framed[top : top + inner[1], left : left + inner[0]] = np.asarray(resized)
    values = (framed.transpose(2, 0, 1)[None] / 255).astype(np.float32)
    return values, Letterbox((width, height), frame, scale, left, top)

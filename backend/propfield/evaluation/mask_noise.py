"""What segmenters get wrong: borders, pieces, blobs that are not there, and the wrong thing altogether."""

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import binary_dilation, binary_erosion


def wrong_mask(
    mask: Bool[np.ndarray, "H W"],
    wrong_object: float,
    piece_missing: float,
    false_blob: float,
    random: np.random.Generator,
) -> Bool[np.ndarray, "H W"]:
    """The mask with each of three errors at its chance: moved elsewhere as a whole, without a round piece,
    with a round one too much."""
    chance = random.random(3)
    if mask.any() and chance[0] < wrong_object:
        mask = _elsewhere(mask, random)
    if mask.any() and chance[1] < piece_missing:
        mask = mask & ~_disk(mask, random, outside=False)
    if mask.any() and chance[2] < false_blob:
        mask = mask | _disk(mask, random, outside=True)
    return mask


def wrong_border(mask: Bool[np.ndarray, "H W"], spread: float, random: np.random.Generator) -> np.ndarray:
    """The mask grown or shrunk all round by a normal number of pixels; `spread` is a part of the longer
    side."""
    pixels = round(random.normal() * spread * max(mask.shape))
    if pixels == 0 or not mask.any():
        return mask
    change = binary_dilation if pixels > 0 else binary_erosion
    return change(mask, iterations=abs(pixels))


def _disk(mask: Bool[np.ndarray, "H W"], random: np.random.Generator, outside: bool) -> np.ndarray:
    """A disk of a tenth to four tenths of a mask's area, around a pixel of it, or beside its box."""
    rows, columns = np.nonzero(mask)
    radius = np.sqrt(random.uniform(0.1, 0.4) * len(rows) / np.pi)
    chosen = random.integers(len(rows))
    centre = np.array([rows[chosen], columns[chosen]], dtype=float)
    if outside:
        angle = random.uniform(0, 2 * np.pi)
        reach = max(np.ptp(rows), np.ptp(columns)) / 2 + radius
        centre = np.array([rows.mean(), columns.mean()]) + reach * np.array([np.sin(angle), np.cos(angle)])
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def _elsewhere(mask: Bool[np.ndarray, "H W"], random: np.random.Generator) -> np.ndarray:
    """The mask moved to where it does not overlap itself; empty where that is outside the picture."""
    rows, columns = np.nonzero(mask)
    angle = random.uniform(0, 2 * np.pi)
    reach = random.uniform(1, 2) * max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    rows = rows + round(reach * np.sin(angle))
    columns = columns + round(reach * np.cos(angle))
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved = np.zeros_like(mask)
    moved[rows[inside], columns[inside]] = True
    return moved

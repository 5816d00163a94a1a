"""How a camera was held: EXIF's orientation, 1 to 8, for pictures, masks and points.

Exif 2.32, tag 0x0112: where row 0 and column 0 of the stored pixels lie in the upright picture. 2, 4, 5 and 7
are mirrored; 5 to 8 exchange width and height.
"""

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

ORIENTATION = 0x0112
EXCHANGING = (5, 6, 7, 8)
_Way = Image.Transpose
_TURNS = {
    2: _Way.FLIP_LEFT_RIGHT,
    3: _Way.ROTATE_180,
    4: _Way.FLIP_TOP_BOTTOM,
    5: _Way.TRANSPOSE,
    6: _Way.ROTATE_270,
    7: _Way.TRANSVERSE,
    8: _Way.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """What a picture's EXIF says; 1, upright, where it says nothing, or nothing that can be read."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except (TypeError, ValueError, KeyError, SyntaxError, OSError, ZeroDivisionError):
        # A broken EXIF block says nothing; the photo itself may still be whole.
        return 1
    return int(found) if found in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The stored pixels, turned upright."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_mask(mask: Bool[np.ndarray, "H W"], orientation: int) -> Bool[np.ndarray, "H2 W2"]:
    """A mask over the stored pixels, turned upright with them."""
    return np.array(upright(Image.fromarray(mask.view(np.uint8)), orientation)).astype(bool)


def upright_points(
    points: Float32[np.ndarray, "N 3"], size: tuple[int, int], orientation: int
) -> Float32[np.ndarray, "N 3"]:
    """Points x, y, confidence over stored pixels of a size (width, height), turned upright with them."""
    x, y, rest = points.T
    width, height = size
    across = {2: width - x, 3: width - x, 5: y, 6: height - y, 7: height - y, 8: y}.get(orientation, x)
    down = {3: height - y, 4: height - y, 5: x, 6: x, 7: width - x, 8: width - x}.get(orientation, y)
    return np.stack([across, down, rest], axis=1)

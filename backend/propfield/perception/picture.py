"""A photo, read safely: upright, eight bits, three channels, whatever the file holds."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from propfield.errors import NotFound, PropfieldError

MAX_PIXELS = 64_000_000
"""Larger photos are refused: a small file can unpack to more memory than there is."""
_FOCAL_LENGTH_35MM = 0xA405
_EXIF_IFD = 0x8769


@dataclass(frozen=True)
class Picture:
    """A photo in memory.

    Attributes:
        pixels: (H, W, 3) colours.
        name: the file's name, which annotation files refer to.
        focal_35mm: the lens' focal length in 35 mm equivalents (millimetres) where the file tells.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    name: str
    focal_35mm: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def load_picture(path: Path, *, longest: int | None = None) -> Picture:
    """Reads a photo in any format of Pillow's; the first frame of a moving one, turned upright by its EXIF,
    made smaller so that neither side is above `longest` pixels.

    NotFound when there is no such file, PropfieldError when it is not a picture, is damaged, or is too large.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"There is no photo at {path}; give the path of a picture file.")
    try:
        with warnings.catch_warnings():
            # The limit below is ours; Pillow's own warning would only repeat it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise PropfieldError(
                        f"{path.name} has {width} × {height} pixels; make it smaller than "
                        f"{MAX_PIXELS // 1_000_000} million pixels first."
                    )
                focal = _focal_35mm(opened)
                upright = ImageOps.exif_transpose(opened)
                if longest is not None and upright.mode in ("RGB", "L"):
                    upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
                pixels = _eight_bit_colours(upright)
    except UnidentifiedImageError as error:
        raise PropfieldError(f"{path.name} is not a picture; give a JPEG, PNG, WebP or TIFF file.") from error
    except Image.DecompressionBombError as error:
        raise PropfieldError(
            f"{path.name} is too large; make it smaller than {MAX_PIXELS // 1_000_000} million pixels first."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PropfieldError(f"{path.name} is damaged and cannot be read; save the picture anew.") from error
    if longest is not None and max(pixels.shape[:2]) > longest:
        reduced = Image.fromarray(pixels)
        reduced.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        pixels = np.array(reduced)
    if min(pixels.shape[:2]) < 16:
        raise PropfieldError(
            f"{path.name} is only {pixels.shape[1]} × {pixels.shape[0]} pixels; give a larger photo."
        )
    return Picture(pixels=pixels, name=path.name, focal_35mm=focal)


def _eight_bit_colours(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips 16-bit greys to white when it converts them, so scale to the range the file uses.
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        top = 65535.0 if values.max() > 255 else 255.0
        grey = np.clip(values * (255.0 / max(top, values.max())), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _focal_35mm(image: Image.Image) -> float | None:
    try:
        value = float(image.getexif().get_ifd(_EXIF_IFD).get(_FOCAL_LENGTH_35MM, 0))
    except (TypeError, ValueError, ZeroDivisionError, KeyError, SyntaxError, OSError):
        # A broken EXIF block says nothing; the photo itself may still be whole.
        return None
    return value if 8 <= value <= 1200 else None

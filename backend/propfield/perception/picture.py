"""A photo, read safely: upright, eight bits, three channels, whatever the file holds."""

import logging
import re
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.colours import eight_bit_colours
from propfield.perception.orientation import orientation_of, upright
from propfield.perception.quiet import quiet_stderr

MAX_PIXELS = 64_000_000
"""Larger photos are refused before they are unpacked: a small file can hold more than there is memory."""
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
"""Of Pillow's formats those of photos; others run programs (EPS) or hold no pixels of their own."""
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"),
    *(".bmp", ".gif", ".avif", ".jp2", ".heic", ".heif"),
)
"""Endings of photos' names."""
_FOCAL_LENGTH_35MM = 0xA405
_EXIF_IFD = 0x8769
# What Pillow raises for bytes that are not what they say they are (found by fuzzing); RuntimeError is AVIF's.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, MemoryError, RuntimeError)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# It tells the terminal of damage, which here is told in a sentence.
logging.getLogger("PIL").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Picture:
    """A photo in memory.

    Attributes:
        pixels: (H, W, 3) colours, upright.
        name: the file's name, which annotation files refer to.
        focal_35mm: the lens' focal length in 35 mm equivalents (millimetres) where the file tells.
        orientation: how the file stores it, as EXIF numbers it; 1 for upright.
        note: what a user should know of how it was read, as a sentence; "" for nothing.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    name: str
    focal_35mm: float | None = None
    orientation: int = 1
    note: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def load_picture(path: Path, *, longest: int | None = None) -> Picture:
    """Reads a photo in one of FORMATS; of a moving one or of several pages the first, which its `note` tells.
    It is turned upright by its EXIF, and made smaller so that neither side is above `longest` pixels.

    NotFound when there is no such file, Unavailable for HEIC without pillow-heif, PropfieldError when it is
    not a picture, is damaged, may not be read, or is too large.
    """
    path = Path(path)
    _check_file(path)
    try:
        with warnings.catch_warnings():
            # The limit below is ours; Pillow's own warning would only repeat it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow warns of damage that it reads past; what it cannot read it raises.
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path, formats=_formats()) as opened:
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise _too_large(path, f"has {width} × {height} pixels")
                focal, orientation = _focal_35mm(opened), orientation_of(opened)
                note = _note(opened, path.name)
                # Of TIFF, loading turns the pixels upright, and takes the orientation away.
                with quiet_stderr() if opened.format == "TIFF" else nullcontext():
                    # libtiff tells the terminal of damage.
                    opened.load()
                image = upright(opened, orientation_of(opened))
                image.format = opened.format
                if longest is not None and image.mode in ("RGB", "L"):
                    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
                pixels = eight_bit_colours(image)
    except UnidentifiedImageError as error:
        raise PropfieldError(f"{path.name} is not a picture; give a JPEG, PNG, WebP or TIFF file.") from error
    except Image.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        raise _too_large(
            path, f"has {int(count[0]) // 10**6 if count else 'too many'} million pixels"
        ) from error
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except _DAMAGE as error:
        raise PropfieldError(f"{path.name} is damaged and cannot be read; save the picture anew.") from error
    if longest is not None and max(pixels.shape[:2]) > longest:
        reduced = Image.fromarray(pixels)
        reduced.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        pixels = np.array(reduced)
    if min(pixels.shape[:2]) < 16:
        raise PropfieldError(
            f"{path.name} is only {pixels.shape[1]} × {pixels.shape[0]} pixels; give a larger photo."
        )
    return Picture(pixels=pixels, name=path.name, focal_35mm=focal, orientation=orientation, note=note)


def _check_file(path: Path) -> None:
    """Raises for what is seen without reading it as a picture."""
    try:
        if path.is_dir():
            raise PropfieldError(f"{path} is a folder; give the path of a picture file in it.")
        if not path.is_file():
            raise NotFound(f"There is no photo at {path}; give the path of a picture file.")
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not start:
        raise PropfieldError(f"{path.name} is empty; save the picture anew.")
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        if find_spec("pillow_heif") is None:
            raise Unavailable(
                f"{path.name} is a HEIC photo, which takes the package pillow-heif to read; install it with "
                "pip install pillow-heif, or save the photo as JPEG."
            )
        import pillow_heif

        pillow_heif.register_heif_opener()


def _formats() -> list[str]:
    """FORMATS, as far as this Pillow has them."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _note(image: Image.Image, name: str) -> str:
    # A second picture in a JPEG is a preview, or a map of depths.
    if image.format in ("JPEG", "MPO", "HEIF") or not _is_animated(image):
        return ""
    if image.format == "TIFF":
        return f"{name} has several pages; the first is taken."
    return f"{name} is a moving picture; its first frame is taken."


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except (OSError, SyntaxError, ValueError, EOFError):
        # Damage after the first frame is none of it.
        return False


def _too_large(path: Path, why: str) -> PropfieldError:
    return PropfieldError(
        f"{path.name} {why}; make it smaller than {MAX_PIXELS // 1_000_000} million pixels first."
    )


def _unreadable(path: Path, error: OSError) -> PropfieldError:
    return PropfieldError(f"{path} cannot be read: {error.strerror or error}.")


def _focal_35mm(image: Image.Image) -> float | None:
    try:
        value = float(image.getexif().get_ifd(_EXIF_IFD).get(_FOCAL_LENGTH_35MM, 0))
    except (TypeError, ValueError, ZeroDivisionError, KeyError, SyntaxError, OSError):
        # A broken EXIF block says nothing; the photo itself may still be whole.
        return None
    return value if 8 <= value <= 1200 else None

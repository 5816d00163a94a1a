"""Whatever colours a picture file holds → eight bits, red, green and blue."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms

WHITE = (255, 255, 255, 255)


def eight_bit_colours(image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    """The colours as a viewer shows them: greys of any depth keep their steps, what is transparent lies on
    white, and printers' colours (CMYK) go through their profile where the file has one.

    ValueError for colours that nobody converts.
    """
    if image.mode.startswith("I") or image.mode == "F":
        grey = _eight_bits(np.asarray(image), image.mode)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "CMYK":
        return np.array(_from_cmyk(image), dtype=np.uint8)
    if image.mode == "LAB":
        image = _through(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Greys scaled to eight bits. Sixteen bits tell their range; of others the values do: up to 1, to 255, to
    65535, or to the largest."""
    with np.errstate(invalid="ignore"):
        values = values.astype(np.float64)
    values = np.where(np.isfinite(values), values, 0)
    largest = float(values.max(initial=0))
    if mode.startswith("I;16"):
        top = 65535.0
    else:
        top = next(
            (top for top in (1.0, 255.0, 65535.0) if largest <= top and (top > 1 or mode == "F")), largest
        )
    return np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8)


def _from_cmyk(image: Image.Image) -> Image.Image:
    if image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's, whose values are inverted; only Adobe's marker says so.
        image = Image.eval(image, lambda value: 255 - value)
    profile = image.info.get("icc_profile")
    if profile:
        import io

        try:
            return _through(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            # A damaged profile; the plain way is still closer than nothing.
            pass
    return image.convert("RGB")


def _through(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None  # only with inPlace
    return converted

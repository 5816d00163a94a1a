"""Photos of all kinds come out upright, 8 bits, three channels; anything else is one sentence."""

import os
import shutil
import struct
import subprocess
import sys
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.camera import FOCAL_OF_LONG_SIDE, intrinsics
from propfield.perception.picture import load_picture


@pytest.fixture
def gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1))


# Four corners that tell every turn and every mirror image: red, green / blue, white.
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32] = (255, 0, 0)
CORNERS[:24, 32:] = (0, 255, 0)
CORNERS[24:, :32] = (0, 0, 255)
CORNERS[24:, 32:] = (255, 255, 255)
# By Exif 2.32: where the stored row 0 and column 0 lie when upright, as what the file then has to store.
STORED = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.transpose(1, 0, 2),
    6: CORNERS[::-1].transpose(1, 0, 2)[::-1, ::-1],
    7: CORNERS[::-1, ::-1].transpose(1, 0, 2),
    8: CORNERS[::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("longest", [None, 32])
def test_exif_turns_the_photo_upright_mirrored_ones_too(tmp_path, orientation, suffix, longest):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    stored.save(path, exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    picture = load_picture(path, longest=longest)
    factor = 2 if longest else 1
    assert picture.size == (64 // factor, 48 // factor)
    assert picture.orientation == orientation
    for row, column in ((12, 16), (12, 48), (36, 16), (36, 48)):
        seen = picture.pixels[row // factor, column // factor].astype(int)
        assert seen == pytest.approx(CORNERS[row, column].astype(int), abs=12)


def test_a_broken_exif_turns_nothing(tmp_path):
    Image.fromarray(CORNERS).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    picture = load_picture(tmp_path / "a.png")
    assert (picture.pixels == CORNERS).all()
    assert (picture.orientation, picture.focal_35mm) == (1, None)


def test_greys_of_any_depth_keep_their_steps(tmp_path, gradient):
    deep = {
        "16.png": gradient.astype(np.uint16) * 257,
        "16.tif": gradient.astype(np.uint16) * 257,
        "16-big-endian.tif": (gradient.astype(np.uint16) * 257).astype(">u2"),
        "32.tif": gradient.astype(np.int32) * 257,
        "float-to-1.tif": gradient.astype(np.float32) / 255,
        "float-to-255.tif": gradient.astype(np.float32),
    }
    for name, values in deep.items():
        if name.endswith("png"):
            Image.fromarray(values).save(tmp_path / name)
        else:
            order = ">" if values.dtype.byteorder == ">" else "<"
            tifffile.imwrite(tmp_path / name, values, byteorder=order, photometric="minisblack")
        assert load_picture(tmp_path / name).pixels[0, :, 1] == pytest.approx(gradient[0], abs=1), name


def test_a_dark_picture_of_sixteen_bits_stays_dark(tmp_path, gradient):
    Image.fromarray(gradient.astype(np.uint16) // 2).save(tmp_path / "a.png")
    assert load_picture(tmp_path / "a.png").pixels.max() == 0


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_a_colour(tmp_path, channels):
    values = np.full((48, 64, channels), 65535, np.uint16)
    values[..., :3] = CORNERS.astype(np.uint16) * 257
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unassalpha"][: channels - 3]
    )
    assert (load_picture(tmp_path / "a.tif").pixels == CORNERS).all()


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "RGBA", "LA", "LAB"])
def test_every_mode_gives_three_channels(tmp_path, gradient, mode):
    suffix = "tif" if mode in ("CMYK", "LAB") else "png"
    grey = Image.fromarray(gradient).convert("RGB")
    if mode == "LAB":
        white, middle = Image.fromarray(gradient), Image.new("L", grey.size, 128)
        coloured = Image.merge("LAB", (white, middle, middle))
    else:
        coloured = grey.convert(mode)
    coloured.save(tmp_path / f"a.{suffix}")
    pixels = load_picture(tmp_path / f"a.{suffix}").pixels
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, 50:].mean() > pixels[:, :14].mean() + 100


def _without_adobes_marker(jpeg: bytes) -> bytes:
    begin = jpeg.index(b"\xff\xee")
    return jpeg[:begin] + jpeg[begin + 2 + int.from_bytes(jpeg[begin + 2 : begin + 4], "big") :]


def test_printers_colours_are_inverted_where_adobe_wrote_them(tmp_path):
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    red.save(tmp_path / "adobe.jpg", quality=95)
    adobe = (tmp_path / "adobe.jpg").read_bytes()
    assert b"Adobe" in adobe
    assert load_picture(tmp_path / "adobe.jpg").pixels[16, 16] == pytest.approx([255, 0, 0], abs=4)
    # Without the marker the same numbers are plain ones: what was red ink is none, and the rest is full.
    (tmp_path / "plain.jpg").write_bytes(_without_adobes_marker(adobe))
    assert load_picture(tmp_path / "plain.jpg").pixels[16, 16] == pytest.approx([0, 0, 0], abs=4)
    Image.eval(red, lambda value: 255 - value).save(tmp_path / "inverted.jpg", quality=95)
    plain = _without_adobes_marker((tmp_path / "inverted.jpg").read_bytes())
    (tmp_path / "plain.jpg").write_bytes(plain)
    assert load_picture(tmp_path / "plain.jpg").pixels[16, 16] == pytest.approx([255, 0, 0], abs=4)


def test_a_damaged_profile_is_done_without(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", icc_profile=b"nonsense" * 30)
    assert load_picture(tmp_path / "a.jpg").pixels[16, 16] == pytest.approx([255, 0, 0], abs=8)


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (load_picture(tmp_path / "a.png").pixels == 255).all()
    Image.new("RGBA", (20, 20), (200, 0, 0, 128)).save(tmp_path / "b.png")
    assert load_picture(tmp_path / "b.png").pixels[10, 10] == pytest.approx([227, 127, 127], abs=1)
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "c.png", transparency=1)
    assert (load_picture(tmp_path / "c.png").pixels == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_a_moving_picture_gives_its_first_frame_and_says_so(tmp_path, suffix):
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    lossless = {"lossless": True} if suffix == "webp" else {}
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], **lossless)
    picture = load_picture(tmp_path / f"a.{suffix}")
    assert picture.pixels[10, 10] == pytest.approx([255, 0, 0], abs=5)
    assert "first" in picture.note
    assert picture.note.startswith(f"a.{suffix} ")
    first.save(tmp_path / f"b.{suffix}")
    assert load_picture(tmp_path / f"b.{suffix}").note == ""


def test_a_moving_picture_that_ends_early_still_has_its_first_frame(tmp_path):
    frames = [
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64), np.uint8)) for n in range(4)
    ]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[: len(whole) * 3 // 4])
    assert load_picture(tmp_path / "a.gif").pixels[..., 0] == pytest.approx(np.array(frames[0]), abs=1)


def test_two_pictures_in_one_jpeg_are_no_moving_one(tmp_path):
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    picture = load_picture(tmp_path / "a.jpg")
    assert (picture.note, picture.pixels[16, 16, 0] > 250) == ("", True)


def test_the_lens_is_taken_from_exif(tmp_path, gradient):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 72
    Image.fromarray(gradient).save(tmp_path / "a.jpg", exif=exif)
    K = intrinsics(load_picture(tmp_path / "a.jpg"))
    assert K[0, 0] == pytest.approx(2 * 64)
    Image.fromarray(gradient).save(tmp_path / "b.jpg")
    K = intrinsics(load_picture(tmp_path / "b.jpg"))
    assert K[0, 0] == pytest.approx(FOCAL_OF_LONG_SIDE * 64)
    assert K[:2, 2].tolist() == [32, 24]


def test_large_photos_are_made_smaller(tmp_path, gradient):
    for mode in ("RGB", "P"):
        Image.fromarray(gradient).convert(mode).save(tmp_path / "a.png")
        assert load_picture(tmp_path / "a.png", longest=32).size == (32, 24)
    assert load_picture(tmp_path / "a.png", longest=99).size == (64, 48)


def _png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="HEIC is read here")
def test_heic_says_what_it_takes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    with pytest.raises(Unavailable, match=r"pip install pillow-heif, or save the photo as JPEG"):
        load_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear photo, this is a text file.", "is not a picture"),
        (b"", "is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n", "is not a picture"),
        (_png_of_size(16_320, 12_240), "has 199 million pixels; make it smaller than 64 million"),
        (_png_of_size(30_000, 30_000), "million pixels"),
        (_png_of_size(9_000, 9_000), "million pixels"),
        (_png_of_size(100, 100), "damaged"),
        (_png_of_size(4, 4)[:40], "is not a picture|damaged"),
    ],
)
def test_what_is_no_photo_is_one_sentence(tmp_path, content, words):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PropfieldError, match=words) as caught:
        load_picture(tmp_path / "a.png")
    assert "\n" not in str(caught.value)


def _garbled(whole: bytes, random: np.random.Generator) -> bytes:
    """Some bytes changed, left out or put in, most near the beginning."""
    data = bytearray(whole)
    for _ in range(random.choice([1, 1, 2, 4])):
        at = int(random.integers(0, min(len(data), random.choice([64, 400, len(data)]))))
        how = random.random()
        if how < 0.6:
            data[at] = random.choice([0, 127, 128, 255])
        elif how < 0.8:
            del data[at : at + 20]
        else:
            data[at:at] = random.bytes(5)
    return bytes(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "float"])
def test_garbled_files_are_a_picture_or_one_sentence(tmp_path, form, capfd):
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    path = tmp_path / "a.bin"
    if form == "float":
        tifffile.imwrite(path, noise[..., 0].astype(np.float32))
    else:
        Image.fromarray(noise).save(path, form, **({"compression": "tiff_lzw"} if form == "TIFF" else {}))
    whole, sentences, pictures = path.read_bytes(), [], 0
    for _ in range(100):
        path.write_bytes(_garbled(whole, random))
        try:
            pixels = load_picture(path).pixels
        except PropfieldError as error:
            sentences.append(str(error))
        else:
            pictures += 1
            assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 3)
    assert 0 < pictures < 100
    assert "\n" not in "".join(sentences)
    assert capfd.readouterr().err == ""


def test_what_is_no_number_is_black(tmp_path, gradient):
    values = gradient.astype(np.float32) / 255
    values[0], values[1], values[2] = np.nan, np.inf, -np.inf
    tifffile.imwrite(tmp_path / "a.tif", values)
    pixels = load_picture(tmp_path / "a.tif").pixels
    assert pixels[:3].max() == 0
    assert pixels[3, :, 0] == pytest.approx(gradient[0], abs=1)


def test_a_photo_cut_in_half_is_one_sentence(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PropfieldError, match="damaged"):
        load_picture(tmp_path / "a.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are another thing there")
def test_a_photo_that_may_not_be_read(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    # For the superuser nothing is forbidden, so it has to be somebody else.
    reading = """
import os, sys
from pathlib import Path
from propfield.errors import PropfieldError
from propfield.perception.picture import load_picture
os.geteuid() or os.setuid(65534)
try:
    load_picture(Path(sys.argv[1]))
except PropfieldError as error:
    print(error)
"""
    shutil.chown(tmp_path, 65534) if os.geteuid() == 0 else None
    said = subprocess.run(
        [sys.executable, "-c", reading, "a.png"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout == "a.png cannot be read: Permission denied.\n"


def test_no_file_and_no_picture_in_it(tmp_path):
    with pytest.raises(PropfieldError, match="is a folder; give the path of a picture file in it"):
        load_picture(tmp_path)
    with pytest.raises(NotFound, match="no photo at"):
        load_picture(tmp_path / "nothing.jpg")
    Image.new("RGB", (3, 3)).save(tmp_path / "dot.png")
    with pytest.raises(PropfieldError, match="larger photo"):
        load_picture(tmp_path / "dot.png")

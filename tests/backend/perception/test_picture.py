"""Photos of all kinds come out upright, 8 bits, three channels; anything else is one sentence."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from propfield.errors import NotFound, PropfieldError
from propfield.perception.camera import FOCAL_OF_LONG_SIDE, intrinsics
from propfield.perception.picture import load_picture


@pytest.fixture
def gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1))


def test_exif_turns_the_photo_upright(tmp_path, gradient):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    Image.fromarray(gradient).convert("RGB").save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = load_picture(tmp_path / "a.jpg")
    assert picture.size == (48, 64)
    assert picture.pixels[:, 24, 0].astype(int) == pytest.approx(np.linspace(0, 255, 64), abs=8)


def test_sixteen_bits_keep_their_greys(tmp_path, gradient):
    Image.fromarray(gradient.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert load_picture(tmp_path / "a.png").pixels[0, :, 1] == pytest.approx(gradient[0], abs=1)


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "RGBA", "LA"])
def test_every_mode_gives_three_channels(tmp_path, gradient, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(gradient).convert("RGB").convert(mode).save(tmp_path / f"a.{suffix}")
    pixels = load_picture(tmp_path / f"a.{suffix}").pixels
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, 50:].mean() > pixels[:, :14].mean() + 100


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (load_picture(tmp_path / "a.png").pixels == 255).all()


def test_a_moving_picture_gives_its_first_frame(tmp_path):
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert load_picture(tmp_path / "a.gif").pixels[10, 10].tolist() == [254, 0, 0] or (
        load_picture(tmp_path / "a.gif").pixels[10, 10, 0] > 250
    )


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear photo, this is a text file.", "is not a picture"),
        (b"", "is not a picture"),
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


def test_a_photo_cut_in_half_is_one_sentence(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PropfieldError, match="damaged"):
        load_picture(tmp_path / "a.jpg")


def test_no_file_and_no_picture_in_it(tmp_path):
    with pytest.raises(NotFound, match="no photo at"):
        load_picture(tmp_path / "nothing.jpg")
    Image.new("RGB", (3, 3)).save(tmp_path / "dot.png")
    with pytest.raises(PropfieldError, match="larger photo"):
        load_picture(tmp_path / "dot.png")

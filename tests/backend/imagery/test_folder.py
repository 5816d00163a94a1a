"""A folder of photos as a source."""

import shutil
from importlib.util import find_spec

import pytest
from PIL import Image

from propfield.errors import NotFound, Unavailable
from propfield.imagery.folder import FolderSource
from propfield.imagery.source import Source
from propfield.imagery.sources import source_by_name


def test_it_says_what_is_missing(tmp_path, home, monkeypatch):
    monkeypatch.delenv("PROPFIELD_WEIGHTS", raising=False)
    with pytest.raises(NotFound, match="no folder"):
        source_by_name(f"folder:{tmp_path / 'none'}")
    (tmp_path / "notes.txt").write_text("no photos here")
    with pytest.raises(NotFound, match="holds no photos"):
        FolderSource(tmp_path)
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    source: Source = FolderSource(tmp_path)
    assert "umbrella" in source.categories()
    assert "person" not in source.categories()
    with pytest.raises(NotFound, match="umbrella"):
        source.types("umbrela")
    with pytest.raises(Unavailable, match="YOLO"):
        source.observe("umbrella", types=None, views=1, seed=0, progress=lambda *_: None)


@pytest.mark.shared
def test_real_photos_are_perceived(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    for number in (431, 459):
        shutil.copy(shared / "photos" / f"{number:012}.jpg", tmp_path)
    (one,) = FolderSource(tmp_path).observe("tennis racket", views=5, seed=0)
    assert (one.id, one.source, one.people, one.objects) == ("000000000431", "folder", 1, 1)
    assert one.object_mask.any()
    assert (one.keypoints[:, 2] > 0.5).sum() > 10


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="HEIC is read here")
@pytest.mark.shared
def test_a_phones_photos_say_what_they_take(tmp_path, shared, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    with pytest.raises(Unavailable, match=r"IMG_1\.HEIC is a HEIC photo, .*pillow-heif"):
        list(FolderSource(tmp_path).observe("tie", views=1, seed=0))

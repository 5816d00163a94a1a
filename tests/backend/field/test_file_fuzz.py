"""The field reader against files that were made up to hurt it: one sentence, little memory, no hang."""

import os
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from propfield import npz
from propfield.errors import PropfieldError
from propfield.field.file import load_field, read_header

from ...damaged_fields import bomb, damaged, packed, parts_of, write_tiny_field

EXAMPLES = int(os.environ.get("PROPFIELD_FUZZ_EXAMPLES", "60"))
MOST_MEMORY = 2**26
PHASES = [Phase.generate]


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> dict[str, bytes]:
    return parts_of(write_tiny_field(tmp_path_factory.mktemp("field") / "tiny.field.npz"))


def test_the_add_on_reads_arrays_by_the_same_file():
    """It imports nothing of the backend, and must refuse what the backend refuses."""
    copy = Path(__file__).resolve().parents[3] / "addon" / "scene" / "npz.py"
    assert copy.read_bytes() == Path(npz.__file__).read_bytes()


def test_only_sentences(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.field.npz"
    seen, sentences = {"read": 0, "refused": 0, "bytes": 0}, set()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data) -> None:
        path.write_bytes(data.draw(damaged(parts)))
        with suppress(PropfieldError):
            read_header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                load_field(path)
                seen["read"] += 1
            except PropfieldError as error:
                seen["refused"] += 1
                sentences.add(str(error))
            seen["bytes"] = max(seen["bytes"], tracemalloc.get_traced_memory()[1] - before)

    tracemalloc.start()
    try:
        fuzz()
    finally:
        tracemalloc.stop()
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)
    assert seen["bytes"] < MOST_MEMORY
    assert seen["refused"] > EXAMPLES // 2
    path.write_bytes(packed(parts))
    assert load_field(path).category == "thing"


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("occupancy.npy", (2, 320, 320, 320), "<f2"),
        ("body_vertices.npy", (11_000_000, 3), "<f4"),
        ("body_weight_values.npy", (33_000_000,), "<f4"),
        ("header.npy", (130_000_000,), "|u1"),
    ],
)
def test_a_bomb_is_not_unpacked(parts, tmp_path, name, shape, told):
    """Each is some hundred kilobytes on disk, and within the limit of what a field may unpack to."""
    path = tmp_path / "bomb.field.npz"
    path.write_bytes(bomb(parts, name, shape, told))
    tracemalloc.start()
    try:
        with pytest.raises(PropfieldError):
            load_field(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_devices_pipes_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.field.npz")
    (tmp_path / "loop.field.npz").symlink_to(tmp_path / "loop.field.npz")
    (tmp_path / "zero.field.npz").symlink_to("/dev/zero")
    for name in ("pipe", "loop", "zero"):
        with pytest.raises(PropfieldError):
            load_field(tmp_path / f"{name}.field.npz")

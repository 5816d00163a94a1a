"""The library with a backend and without: the same list, the same verbs, the same sentences."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from addon.client.disk_library import DiskLibrary
from addon.client.http import BackendError
from addon.client.session import Session
from addon.client.shelf import Shelf
from addon.client.wire_library import PNG, WireLibrary


def header_file(path: Path, category: str = "umbrella", **changes) -> Path:
    """A field file with nothing but its header, which is all that a list reads."""
    types = [
        {"name": "all", "prompt": "", "part": None, "views": 9, "peak": 0.5},
        {"name": "hold", "prompt": f"A person holds {category}", "part": "right hand", "views": 9, "peak": 1},
    ]
    head = {"format": "propfield.field", "version": 1, "category": category, "types": types}
    head |= {"grid": {"resolution": 48, "size": 3.0, "centre": [0, 0, 0]}, "provenance": {}} | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as stream:
        np.savez(stream, header=np.frombuffer(json.dumps(head).encode(), np.uint8))
    return path


@pytest.fixture
def stocked(home) -> Path:
    """The home folder's library with three fields and a file that is none."""
    folder = home / "library"
    licences = {"licences": [{"what": "pictures", "licence": "CC0-1.0", "commercial": True}]}
    for age, name in enumerate(("umbrella", "hat", "ball")):
        path = header_file(folder / f"{name}.field.npz", name, provenance=licences if age else {})
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    (folder / "broken.field.npz").write_bytes(b"no field")
    (folder / "notes.txt").write_text("of somebody")
    return folder


@pytest.fixture(scope="module")
def field_file(tmp_path_factory) -> Path:
    """A whole field as the backend writes it, of the smallest grid."""
    from propfield.body.loaders import open_body
    from propfield.body.skeleton import canonical_pose
    from propfield.field.file import save_field
    from propfield.field.grid import Grid
    from propfield.field.occupancy import OccupancyField, TypeField
    from propfield.field.skinning_weights import voxel_weights
    from propfield.observations.interaction import InteractionType

    grid, body = Grid(8), open_body()
    occupancy = np.full(grid.shape, 0.5, np.float32)
    support = np.full(grid.shape, 9, np.uint32)
    types = (TypeField(InteractionType("all", ""), occupancy, support, 9),)
    path = tmp_path_factory.mktemp("made") / "Red Ball.field.npz"
    save_field(
        OccupancyField("sports ball", grid, types, voxel_weights(body, grid), body, canonical_pose()), path
    )
    return path


def test_disk_and_wire_give_the_same_list(stocked, home, session, port):
    (stocked / "hat.card.json").write_text(
        '{"format": "propfield.card", "version": 1, "tags": ["rain"], "note": "x"}'
    )
    (stocked / "ball.card.json").write_text("{")
    disk = DiskLibrary(stocked)
    alone = disk.entries()
    assert [each["name"] for each in alone] == ["broken", "ball", "hat", "umbrella"]
    assert [bool(each["problem"]) for each in alone] == [True, False, False, False]
    assert [each["own_tags"] for each in alone] == [[], [], ["rain"], []]
    assert [each["commercial"] for each in alone] == [None, True, True, None]
    session.start(port)
    assert session.wait(lambda: session.state != "starting", 60)
    wire = WireLibrary(session.backend, home / "kept")
    asked = wire.entries()
    # Of a broken file each says in its own words what is wrong.
    assert all(each["problem"].endswith(".") for each in (alone[0], asked[0]))
    assert [{**each, "problem": None} for each in asked] == [{**each, "problem": None} for each in alone]


@pytest.mark.parametrize("with_backend", [False, True])
def test_the_verbs_do_the_same_with_a_backend_and_without(
    with_backend, home, session, port, field_file, tmp_path
):
    folder = home / "library"
    folder.mkdir(parents=True)
    if with_backend:
        session.start(port)
        assert session.wait(lambda: session.state != "starting", 60)
        library = WireLibrary(session.backend, home / "kept")
    else:
        library = DiskLibrary(folder)
    assert library.entries() == []
    assert library.add(field_file) == "red-ball"
    assert library.add(field_file) == "red-ball"
    header_file(folder / "red-ball.field.npz")
    assert library.add(field_file) == "red-ball-2"
    damaged = tmp_path / "damaged.field.npz"
    content = bytearray(field_file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(BackendError, match=r"\.$"):
        library.add(damaged)
    library.retag("red-ball-2", ["Rain", "scene 12"], "wet")
    entry = next(each for each in library.entries() if each["name"] == "red-ball-2")
    assert (entry["own_tags"], entry["note"]) == (["rain", "scene 12"], "wet")
    with pytest.raises(BackendError, match=r"\.$"):
        library.retag("red-ball-2", ["x" * 41], "")
    (folder / "red-ball-2.card.json").write_text("{")
    with pytest.raises(BackendError, match="damaged"):
        library.retag("red-ball-2", ["dry"], "")
    copy = library.fetch("red-ball-2", tmp_path / "scene")
    assert copy.name == "red-ball-2.field.npz"
    assert copy.read_bytes() == field_file.read_bytes()
    library.delete("red-ball-2")
    assert {path.name for path in folder.iterdir()} == {"red-ball.field.npz"}
    for verb in (
        library.delete,
        lambda name: library.fetch(name, tmp_path),
        lambda name: library.retag(name, [], ""),
    ):
        for name in ("red-ball-2", "../token", ""):
            with pytest.raises(BackendError, match=r"\.$"):
                verb(name)
    assert {path.name for path in folder.iterdir()} == {"red-ball.field.npz"}


def test_a_header_is_read_once_while_its_file_stays_as_it_is(stocked):
    library = DiskLibrary(stocked)
    before = library.entries()
    path = stocked / "hat.field.npz"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert library.entries() == before
    os.utime(path)
    assert library.entries()[0]["problem"]


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path, field_file):
    (tmp_path / "file").write_text("in the way")
    library = DiskLibrary(tmp_path / "file" / "library")
    assert library.entries() == []
    with pytest.raises(BackendError, match="make it writable"):
        library.add(field_file)


def settled(shelf: Shelf, session: Session) -> None:
    assert session.wait(lambda: not shelf.busy and not session.pump.busy, 20) or not shelf.busy


def test_the_shelf_hears_what_others_do_to_the_folder(stocked, home):
    session, listed = Session(), []
    shelf = Shelf(session)
    shelf.listed = lambda: listed.append([each["name"] for each in shelf.entries])
    assert shelf.look()
    assert shelf.entries == []
    settled(shelf, session)
    assert listed == [["broken", "ball", "hat", "umbrella"]]
    # Fresh: nothing is read again.
    assert not shelf.look()
    (stocked / "hat.field.npz").unlink()
    shelf.refresh()
    settled(shelf, session)
    assert listed[1:] == [["broken", "ball", "umbrella"]]
    shelf.refresh()
    settled(shelf, session)
    assert len(listed) == 2
    shelf.do(lambda library: library.delete("hat"))
    settled(shelf, session)
    assert "deleted meanwhile" in shelf.problem
    shelf.do(lambda library: library.delete("ball"))
    settled(shelf, session)
    assert (shelf.problem, listed[-1]) == ("", ["broken", "umbrella"])


def test_pictures_come_later_and_are_asked_for_once(stocked, home):
    session = Session()
    shelf = Shelf(session)
    shelf.look()
    settled(shelf, session)
    picture = stocked / "hat.png"
    picture.write_bytes(PNG)
    hat, umbrella, broken = (shelf.entry(name) for name in ("hat", "umbrella", "broken"))
    assert [shelf.picture(each) for each in (hat, umbrella, broken)] == ["", "", ""]
    settled(shelf, session)
    assert shelf.picture(hat) == str(picture)
    assert shelf.picture(umbrella) == ""
    assert not shelf.busy


def test_the_backend_s_pictures_are_kept_and_are_those_of_the_field_as_it_is(stocked, home, session, port):
    session.start(port)
    assert session.wait(lambda: session.state != "starting", 60)
    library = WireLibrary(session.backend, home / "kept")

    def draw(content: bytes, when: float) -> dict:
        for file in ("hat.field.npz", "hat.png"):
            os.utime(stocked / file, (when, when))
        (stocked / "hat.png").write_bytes(PNG + content)
        os.utime(stocked / "hat.png", (when, when))
        return next(each for each in library.entries() if each["name"] == "hat")

    (stocked / "hat.png").touch()
    entry = draw(b"first", 2_000_000)
    assert entry["preview"]
    kept = library.picture(entry)
    assert kept.read_bytes() == PNG + b"first"
    assert library.picture(entry) == kept
    # Learned anew under the same name.
    later = draw(b"second", 3_000_000)
    assert library.picture(later).read_bytes() == PNG + b"second"
    assert {path.suffix for path in (home / "kept").iterdir()} == {".png"}
    # Nothing but a header cannot be drawn, and leaves nothing.
    umbrella = next(each for each in library.entries() if each["name"] == "umbrella")
    with pytest.raises(BackendError, match="no picture"):
        library.picture(umbrella)
    assert len(list((home / "kept").iterdir())) == 2

"""The library's verbs in the bpy wheel without a backend: the home folder's fields are used, tagged, added
and deleted; the panel's list finds and sorts; pictures become icons and are freed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image


@pytest.fixture
def library(blender, home, field_file):
    """Two copies of the field, the second tagged, and a file that is none; the list is read."""
    folder = home / "library"
    folder.mkdir(parents=True)
    for age, name in enumerate(("umbrella", "parasol")):
        path = folder / f"{name}.field.npz"
        path.write_bytes(field_file.read_bytes())
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    (folder / "broken.field.npz").write_bytes(b"no field")
    assert blender.ops.propfield.library_refresh() == {"FINISHED"}
    return blender.context.window_manager.propfield_library


def rows(library) -> list[str]:
    return [row.name for row in library.rows]


def shown(library, *, typed: str = "") -> list[str]:
    """What the list shows, in its order."""
    from addon.ui.library_panel import PROPFIELD_UL_library

    one = SimpleNamespace(bitflag_filter_item=1, filter_name=typed)
    flags, places = PROPFIELD_UL_library.filter_items(one, None, library, "rows")
    order = sorted(range(len(places)), key=places.__getitem__)
    return [library.rows[index].name for index in order if flags[index]]


def test_a_field_is_used_without_a_backend(blender, library, home, field_file):
    assert rows(library) == ["broken", "parasol", "umbrella"]
    assert blender.ops.propfield.library_use(name="parasol") == {"FINISHED"}
    settings = blender.context.scene.propfield
    used = Path(settings.field_path)
    # A copy of its own, not the library's file.
    assert used.read_bytes() == field_file.read_bytes()
    assert used.parent == home / "blender"
    assert settings.field_type == "all"
    library.active = 2
    assert blender.ops.propfield.library_use() == {"FINISHED"}
    assert Path(settings.field_path).name == "umbrella.field.npz"


def test_what_cannot_be_used_is_a_sentence_and_changes_nothing(blender, library, home):
    use = blender.ops.propfield.library_use
    with pytest.raises(RuntimeError, match="no field “hat”"):
        use(name="hat")
    with pytest.raises(RuntimeError, match="not a field file"):
        use(name="broken")
    library.active = -1
    with pytest.raises(RuntimeError, match="Choose a field"):
        use()
    (home / "library" / "parasol.field.npz").unlink()
    with pytest.raises(RuntimeError, match="deleted meanwhile"):
        use(name="parasol")
    assert rows(library) == ["broken", "umbrella"]
    assert blender.context.scene.propfield.field_path == ""


def test_tags_are_edited_and_found(blender, library):
    verb = blender.ops.propfield.library_tags
    assert verb(name="umbrella", tags="Rain, scene 12", note="wet") == {"FINISHED"}
    library.search = "rain"
    assert shown(library) == ["umbrella"]
    assert verb(name="umbrella", note="dry") == {"FINISHED"}
    assert shown(library) == ["umbrella"]
    with pytest.raises(RuntimeError, match="no tag"):
        verb(name="umbrella", tags="x" * 50)
    library.search = "hold left hand"
    assert shown(library) == ["parasol", "umbrella"]
    assert shown(library, typed="UMB") == ["umbrella"]
    library.search = "kangaroo"
    assert shown(library) == []
    library.search, library.commercial = "", True
    # Nobody knows of a broken file whether it may be used.
    assert shown(library) == ["parasol", "umbrella"]


def test_files_are_added_and_deleted(blender, library, field_file, tmp_path, home):
    verbs = blender.ops.propfield
    file = tmp_path / "My Brolly.field.npz"
    file.write_bytes(field_file.read_bytes())
    assert verbs.library_add(filepath=str(file)) == {"FINISHED"}
    assert sorted(rows(library)) == ["broken", "my-brolly", "parasol", "umbrella"]
    bad = tmp_path / "bad.field.npz"
    bad.write_bytes(field_file.read_bytes()[:1000])
    with pytest.raises(RuntimeError, match="cut short"):
        verbs.library_add(filepath=str(bad))
    for name in ("my-brolly", "broken"):
        assert verbs.library_delete(name=name) == {"FINISHED"}
    assert rows(library) == ["parasol", "umbrella"]
    assert {path.name for path in (home / "library").iterdir()} == {
        "parasol.field.npz",
        "umbrella.field.npz",
    }
    assert file.is_file()


def test_the_choice_stays_on_its_field_while_others_come_and_go(blender, library, home):
    library.active = rows(library).index("umbrella")
    (home / "library" / "broken.field.npz").unlink()
    blender.ops.propfield.library_refresh()
    assert rows(library)[library.active] == "umbrella"
    (home / "library" / "umbrella.field.npz").unlink()
    blender.ops.propfield.library_refresh()
    assert rows(library)[library.active] == "parasol"
    # Another file, the same library.
    blender.ops.wm.read_homefile(use_empty=True)
    assert rows(blender.context.window_manager.propfield_library) == ["parasol"]


def test_pictures_become_icons_that_are_freed(blender, library, home):
    from addon.ui import library_icons

    picture = home / "library" / "umbrella.png"
    Image.new("RGBA", (32, 24), (200, 90, 30, 255)).save(picture)
    # Without a window an icon has no number; that it was read is what can be seen.
    number = library_icons.icon_of(str(picture))
    assert tuple(library_icons._icons[str(picture)].image_size) == (32, 24)
    assert library_icons.icon_of(str(picture)) == number
    assert library_icons.icon_of("") == 0
    library_icons.forget()
    assert library_icons._icons is None
    library_icons.forget()


def test_nothing_of_the_list_is_undone_or_saved(blender, library, tmp_path):
    from addon.client.shelf_at_hand import shelf

    library.search = "rain"
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    blender.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    again = blender.context.window_manager.propfield_library
    assert rows(again) == [each["name"] for each in shelf.entries]

"""Installs the extension's zip in a bpy wheel of any version as a user would, and works with it.

    python blender_scripts/try_extension.py dist/propfield-VERSION.zip [FILE.field.npz]

Nothing of the user's Blender is touched: its folders are temporary. Exit code 0 when all went well. With a
field file its mesh and volume are imported, too.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

MODULE = "bl_ext.user_default.propfield"


def try_extension(archive: Path, field: Path | None) -> str:
    """Installs, enables, uses, disables, enables and removes the extension; gives a line about it."""
    import bpy  # puts addon_utils on the path

    # isort: split
    import addon_utils

    installed = bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )
    assert installed == {"FINISHED"}, installed
    assert addon_utils.check(MODULE) == (True, True), "the extension is not enabled"
    preferences = bpy.context.preferences.addons[MODULE].preferences
    assert preferences.port == 8713
    made = 0
    if field is not None:
        verbs, before = bpy.ops.propfield, len(bpy.data.objects)
        assert verbs.open_field(filepath=str(field)) == {"FINISHED"}
        assert verbs.import_mesh() == {"FINISHED"}
        assert verbs.import_volume() == {"FINISHED"}
        made = len(bpy.data.objects) - before
    for _ in range(2):
        addon_utils.disable(MODULE, default_set=True)
        assert not hasattr(bpy.types.Scene, "propfield")
        assert addon_utils.enable(MODULE, default_set=True) is not None
        assert hasattr(bpy.types.Scene, "propfield")
    removed = bpy.ops.extensions.package_uninstall(repo_index=_repository(bpy), pkg_id="propfield")
    assert removed == {"FINISHED"}, removed
    assert not hasattr(bpy.types.Scene, "propfield")
    return f"Blender {bpy.app.version_string}: installed, enabled, {made} objects made, removed."


def _repository(bpy) -> int:
    repositories = bpy.context.preferences.extensions.repos
    return next(index for index, one in enumerate(repositories) if one.module == "user_default")


def main() -> None:
    """The terminal's entry."""
    parser = argparse.ArgumentParser(description="Try the extension in this Python's Blender.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("field", type=Path, nargs="?")
    arguments = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else None)
    with tempfile.TemporaryDirectory() as scratch:
        # Blender looks at these as it starts, which in the wheel is the import of bpy.
        os.environ |= {"BLENDER_USER_RESOURCES": scratch, "PROPFIELD_HOME": str(Path(scratch) / "home")}
        field = arguments.field.absolute() if arguments.field else None
        line = try_extension(arguments.archive.absolute(), field)
    print(line, flush=True)
    # The wheel of Blender 4.2 crashes as Python ends once any class with a dynamic enum was there.
    os._exit(0)


if __name__ == "__main__":
    main()

"""The list of the library in the window: rows by name, what is chosen, what is searched.

It belongs to the window manager and not to the scene: what the library holds is no part of a file, and no
step of undo.
"""

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, CollectionProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from ..client.shelf_at_hand import shelf


class PropfieldLibraryRow(PropertyGroup):
    """A field of the library, by its `name`; the rest is in `shelf.entry`."""


class PropfieldLibrary(PropertyGroup):
    """`window_manager.propfield_library`."""

    rows: CollectionProperty(type=PropfieldLibraryRow)
    active: IntProperty(name="Field", description="The field that is shown and used")
    search: StringProperty(
        name="Search",
        description="Words of names, categories, interactions, body parts and tags; all must occur",
        options={"TEXTEDIT_UPDATE", "SKIP_SAVE"},
    )
    commercial: BoolProperty(
        name="Commercial Use Only",
        description="Hide fields that are not known to allow commercial use",
        options={"SKIP_SAVE"},
    )


CLASSES = (PropfieldLibraryRow, PropfieldLibrary)


def fill_rows() -> None:
    """Takes the shelf's list over, and keeps what is chosen."""
    for manager in bpy.data.window_managers:
        library = manager.propfield_library  # type: ignore[attr-defined]
        chosen = library.rows[library.active].name if 0 <= library.active < len(library.rows) else ""
        names = [each["name"] for each in shelf.entries]
        if [row.name for row in library.rows] != names:
            library.rows.clear()
            for name in names:
                library.rows.add().name = name
        library.active = names.index(chosen) if chosen in names else min(library.active, len(names) - 1)


@persistent
def _after_load(*_: object) -> None:
    fill_rows()


def register() -> None:
    """Hangs the list into the window manager."""
    bpy.types.WindowManager.propfield_library = PointerProperty(  # type: ignore[attr-defined, func-returns-value]
        type=PropfieldLibrary
    )
    shelf.listed = fill_rows
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """Takes it back."""
    bpy.app.handlers.load_post.remove(_after_load)
    shelf.listed = lambda: None
    shelf.forget()
    del bpy.types.WindowManager.propfield_library  # type: ignore[attr-defined]

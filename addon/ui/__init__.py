"""What the user sees: properties, preferences, the sidebar tab, the entries of File > Import."""

import bpy

from . import (
    backend_panel,
    character_panel,
    field_object_panel,
    field_panel,
    import_menu,
    learn_panel,
    library_icons,
    library_panel,
    photo_panel,
    place_panel,
    preferences,
    properties,
    properties_character,
    properties_library,
    properties_place,
)

CLASSES = (
    preferences.PropfieldPreferences,
    properties_place.PropfieldPlaceSettings,
    properties_character.PropfieldBones,
    properties.PropfieldSettings,
    *properties_library.CLASSES,
    library_panel.PROPFIELD_UL_library,
    backend_panel.PROPFIELD_PT_backend,
    backend_panel.PROPFIELD_PT_details,
    learn_panel.PROPFIELD_PT_learn,
    field_panel.PROPFIELD_PT_field,
    library_panel.PROPFIELD_PT_library,
    field_panel.PROPFIELD_PT_import,
    field_object_panel.PROPFIELD_PT_field_object,
    field_panel.PROPFIELD_PT_licences,
    character_panel.PROPFIELD_PT_character,
    character_panel.PROPFIELD_PT_bones,
    character_panel.PROPFIELD_PT_more_bones,
    character_panel.PROPFIELD_PT_fit,
    place_panel.PROPFIELD_PT_place,
    place_panel.PROPFIELD_PT_place_frames,
    photo_panel.PROPFIELD_PT_photo,
)


def register() -> None:
    """Registers classes, the scene's settings and the menu entries."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.propfield = bpy.props.PointerProperty(  # type: ignore[attr-defined, func-returns-value]
        type=properties.PropfieldSettings
    )
    properties_library.register()
    bpy.types.TOPBAR_MT_file_import.append(import_menu.draw)


def unregister() -> None:
    """Takes them back in the opposite order."""
    bpy.types.TOPBAR_MT_file_import.remove(import_menu.draw)
    properties_library.unregister()
    library_icons.forget()
    del bpy.types.Scene.propfield  # type: ignore[attr-defined]
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

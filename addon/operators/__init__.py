"""One file a verb: each checks, calls client/ or scene/, and reports in one sentence."""

import bpy

from ..client.running import session
from . import (
    backend_start,
    backend_stop,
    bake,
    bind,
    cancel,
    check_fit,
    clear_placement,
    detach_prop,
    fit_skeleton,
    forget_bones,
    import_mesh,
    import_points,
    import_scene,
    import_volume,
    keep_placement,
    learn,
    library_add,
    library_delete,
    library_refresh,
    library_tags,
    library_use,
    make_body,
    map_bones,
    mark_asset,
    open_field,
    place_prop,
    pose_as_used,
    rebuild_photo,
    save_bone_map,
    show_log,
    size_prop,
    solve_prop,
    step_placement,
)

CLASSES = (
    backend_start.PROPFIELD_OT_backend_start,
    backend_stop.PROPFIELD_OT_backend_stop,
    show_log.PROPFIELD_OT_show_log,
    learn.PROPFIELD_OT_learn,
    cancel.PROPFIELD_OT_cancel,
    library_use.PROPFIELD_OT_library_use,
    library_add.PROPFIELD_OT_library_add,
    library_tags.PROPFIELD_OT_library_tags,
    library_delete.PROPFIELD_OT_library_delete,
    library_refresh.PROPFIELD_OT_library_refresh,
    open_field.PROPFIELD_OT_open_field,
    make_body.PROPFIELD_OT_make_body,
    bind.PROPFIELD_OT_bind,
    fit_skeleton.PROPFIELD_OT_fit_skeleton,
    map_bones.PROPFIELD_OT_map_bones,
    forget_bones.PROPFIELD_OT_forget_bones,
    save_bone_map.PROPFIELD_OT_save_bone_map,
    check_fit.PROPFIELD_OT_check_fit,
    pose_as_used.PROPFIELD_OT_pose_as_used,
    import_mesh.PROPFIELD_OT_import_mesh,
    import_volume.PROPFIELD_OT_import_volume,
    import_points.PROPFIELD_OT_import_points,
    bake.PROPFIELD_OT_bake,
    bake.PROPFIELD_OT_stop_bake,
    mark_asset.PROPFIELD_OT_mark_asset,
    place_prop.PROPFIELD_OT_place_prop,
    size_prop.PROPFIELD_OT_size_prop,
    step_placement.PROPFIELD_OT_step_placement,
    keep_placement.PROPFIELD_OT_keep_placement,
    clear_placement.PROPFIELD_OT_clear_placement,
    detach_prop.PROPFIELD_OT_detach_prop,
    solve_prop.PROPFIELD_OT_solve_prop,
    import_scene.PROPFIELD_OT_import_scene,
    rebuild_photo.PROPFIELD_OT_rebuild_photo,
)


def register() -> None:
    """Registers the operators, and follows what the backend still works at."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    session.found = learn.resume


def unregister() -> None:
    """Takes them back in the opposite order."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

"""Objects found again after undo, renaming or a new file, when Python's references to them are worthless."""

import bpy


def object_of(session_uid: int) -> bpy.types.Object | None:
    """The object with that `session_uid`, which no other has in this session; None once it is gone.

    One that was deleted stays among the data while something uses it; it counts as gone with its last scene.
    """
    found = next((item for item in bpy.data.objects if item.session_uid == session_uid), None)
    return found if found is not None and found.users_scene else None

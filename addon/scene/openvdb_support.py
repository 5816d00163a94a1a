"""Whether this Blender can make volumes and iso-surfaces.

Both are made by geometry nodes, which every Blender of 4.2 to 5.x has, and not by the Python module: it is
called pyopenvdb or openvdb by version, and some builds (the 4.2 wheel) come without it.
"""

import bpy

from .errors import SceneError


def require_openvdb() -> None:
    """SceneError for a Blender that was built without OpenVDB."""
    if not bpy.app.build_options.openvdb:
        raise SceneError(
            "This Blender was built without OpenVDB, which fields need:"
            " use the one from blender.org, where it is always included."
        )

"""What a search for a prop's place is given: the prop, and character and body in one frame or in many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import bpy
import numpy as np

from .bone_motion import canonical_to_world
from .errors import SceneError
from .field_file import FieldData
from .object_ids import object_of
from .prop_anchor import RigPose, rig_pose
from .prop_body import MOST_POINTS, body_mesh, posed_body
from .prop_mesh import PropMesh, prop_mesh

MOST_FRAMES = 1000
MOST_BODY_POINTS = 4_000_000
"""Over all frames: 48 MB, within the wire's 64."""


@dataclass(frozen=True)
class Problem:
    """In metres and the backend's axes, but for `rig`.

    Attributes:
        prop: its mesh.
        bones: (K, 24, 4, 4) canonical pose → posed, for each frame.
        body: (K, B, 3) float32 and faces (F, 3) int32: the character's own posed mesh.
        start: (4, 4) where the prop is now.
        unit: how many of Blender's units are a metre.
        frames: (K,) the scene's frames.
        rig: (K,) where the character's bones are in Blender's world.
    """

    prop: PropMesh
    bones: np.ndarray
    body: tuple[np.ndarray, np.ndarray]
    start: np.ndarray
    unit: float
    frames: tuple[float, ...]
    rig: tuple[RigPose, ...]

    def packed(self, started: bool) -> bytes:
        """The .npz that the backend reads; with `started` it is to search near to where the prop is."""
        stream = BytesIO()
        arrays = {
            "prop_vertices": self.prop.vertices.astype(np.float32),
            "prop_faces": self.prop.faces,
            "bones": self.bones,
            "body_vertices": self.body[0],
            "body_faces": self.body[1],
        }
        np.savez(stream, **arrays, **({"start": self.start} if started else {}))
        return stream.getvalue()


def problem_now(field: FieldData, character: bpy.types.Object, prop: bpy.types.Object) -> Problem:
    """The problem of the current frame's pose. SceneError for a prop or a character that cannot be used."""
    *_, problem = gather(field, character, prop, [])
    assert isinstance(problem, Problem)
    return problem


def gather(
    field: FieldData, character: bpy.types.Object, prop: bpy.types.Object, frames: Sequence[int]
) -> Iterator[float | Problem]:
    """Goes through the frames (none: stays at the current one) and gives after each how far it is, 0 to 1; in
    the end, back where it began, the problem.

    Undo and other files may come in between. SceneError for what cannot be used or was taken away.
    """
    if len(frames) > MOST_FRAMES:
        raise SceneError(f"{len(frames)} frames are too many: choose up to {MOST_FRAMES}, or a larger step.")
    scene_uid, uids = bpy.context.scene.session_uid, (character.session_uid, prop.session_uid)
    before = bpy.context.scene.frame_current_final
    if frames:
        _go(frames[0])
    unit = world_unit(canonical_to_world(field, character))
    mesh, matrix = prop_mesh(prop, unit)
    body = body_mesh(field, character, prop, min(MOST_POINTS, MOST_BODY_POINTS // max(1, len(frames))))
    bones, points, rig = [], [], []
    try:
        for number, frame in enumerate(frames or [before]):
            found, there = object_of(uids[0]), object_of(uids[1])
            if found is None or there is None or bpy.context.scene.session_uid != scene_uid:
                raise SceneError("The prop, the character or the scene is gone: nothing was placed.")
            if frames:
                _go(frame)
            bones.append(_in_metres(canonical_to_world(field, found), unit))
            points.append(posed_body(field, body, bones[-1], unit))
            rig.append(rig_pose(found))
            if number + 1 < len(frames):
                yield (number + 1) / len(frames)
    finally:
        if frames and bpy.context.scene.session_uid == scene_uid:
            _go(before)
    yield Problem(
        prop=mesh,
        bones=np.array(bones),
        body=(np.array(points), body.faces),
        start=mesh.from_world(matrix, unit),
        unit=unit,
        frames=tuple(frames) or (before,),
        rig=tuple(rig),
    )


def world_unit(bones: np.ndarray) -> float:
    """How many of the world's units are a metre, by the size of the character: 1, but in scenes that are
    modelled in centimetres or the like. `bones` are (24, 4, 4) canonical → world.

    Toys and giants stand in a world of metres; only factors beyond 20 are taken for units.
    """
    size = float(np.cbrt(np.abs(np.linalg.det(bones[:, :3, :3]))).mean())
    if not np.isfinite(size) or size <= 0:
        raise SceneError("The character has no size: set the scale of its armature first.")
    return 1.0 if 0.05 < size < 20 else float(10.0 ** np.round(np.log10(size)))


def _in_metres(bones: np.ndarray, unit: float) -> np.ndarray:
    scaled = bones.copy()
    scaled[:, :3] /= unit
    return scaled


def _go(frame: float) -> None:
    # Even where it is that frame already: what is posed but not keyed is no part of the animation.
    whole = int(np.floor(frame))
    bpy.context.scene.frame_set(whole, subframe=float(frame - whole))

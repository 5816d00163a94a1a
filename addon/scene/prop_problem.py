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
from .prop_body import MOST_POINTS, BodyReading, Placed, body_mesh, posed_body, read_body, read_placed
from .prop_mesh import PropMesh, PropReading, prop_mesh, read_prop

MOST_FRAMES = 1000
MOST_BODY_POINTS = 4_000_000
"""Over all frames: 48 MB, within the wire's 64."""
MOST_READ_POINTS = 60_000_000
"""Over all frames, before they are thinned: 720 MB."""


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


@dataclass(frozen=True)
class Reading:
    """What Blender says of a problem, as it lies there: the prop once, the others in each frame."""

    field: FieldData
    prop: PropReading
    body: BodyReading
    placed: tuple[Placed, ...]
    bones: tuple[np.ndarray, ...]
    unit: float
    frames: tuple[float, ...]
    rig: tuple[RigPose, ...]

    def prop_and_bones(self) -> tuple[PropMesh, np.ndarray]:
        """The prop, and the first frame's (24, 4, 4) bones, in metres: all that its size is judged by."""
        return prop_mesh(self.prop, self.unit), _in_metres(self.bones[0], self.unit)

    def problem(self) -> Problem:
        """Packs it up. Touches nothing of Blender's data, so any thread may. SceneError for a prop without
        size."""
        mesh, _ = self.prop_and_bones()
        body = body_mesh(self.field, self.body, min(MOST_POINTS, MOST_BODY_POINTS // len(self.frames)))
        bones = np.array([_in_metres(one, self.unit) for one in self.bones])
        points = [
            posed_body(self.field, body, placed, one, self.unit)
            for placed, one in zip(self.placed, bones, strict=True)
        ]
        return Problem(
            prop=mesh,
            bones=bones,
            body=(np.array(points), body.faces),
            start=mesh.from_world(self.prop.mesh.matrix, self.unit),
            unit=self.unit,
            frames=self.frames,
            rig=self.rig,
        )


def read_now(field: FieldData, character: bpy.types.Object, prop: bpy.types.Object) -> Reading:
    """What there is in the current frame's pose. SceneError for a prop or a character that cannot be used."""
    *_, reading = gather(field, character, prop, [])
    assert isinstance(reading, Reading)
    return reading


def gather(
    field: FieldData, character: bpy.types.Object, prop: bpy.types.Object, frames: Sequence[int]
) -> Iterator[float | Reading]:
    """Goes through the frames (none: stays at the current one) and gives after each how far it is, 0 to 1; in
    the end, back where it began, what was read.

    Undo and other files may come in between. SceneError for what cannot be used or was taken away.
    """
    if len(frames) > MOST_FRAMES:
        raise SceneError(f"{len(frames)} frames are too many: choose up to {MOST_FRAMES}, or a larger step.")
    scene_uid, uids = bpy.context.scene.session_uid, (character.session_uid, prop.session_uid)
    before = bpy.context.scene.frame_current_final
    bones, placed, rig = [], [], []
    try:
        for number, frame in enumerate(frames or [before]):
            found, there = object_of(uids[0]), object_of(uids[1])
            if found is None or there is None or bpy.context.scene.session_uid != scene_uid:
                raise SceneError("The prop, the character or the scene is gone: nothing was placed.")
            if frames:
                _go(frame)
            bones.append(canonical_to_world(field, found))
            rig.append(rig_pose(found))
            if number == 0:
                unit = world_unit(bones[0])
                item = read_prop(there)
                body = read_body(found, there)
                placed.append([(mesh.points, mesh.matrix) for mesh in body.meshes])
                _refuse_long(body, len(frames))
            else:
                placed.append(read_placed(body))
            if number + 1 < len(frames):
                yield (number + 1) / len(frames)
    finally:
        if frames and bpy.context.scene.session_uid == scene_uid:
            _go(before)
    yield Reading(
        field, item, body, tuple(placed), tuple(bones), unit, tuple(frames) or (before,), tuple(rig)
    )


def _refuse_long(body: BodyReading, frames: int) -> None:
    total = sum(len(mesh.points) for mesh in body.meshes)
    if total * frames > MOST_READ_POINTS:
        raise SceneError(
            f"{total:,} vertices of the character over {frames} frames are too many: hide what is not skin,"
            " or take a larger step."
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

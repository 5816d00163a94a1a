"""A field baked to OpenVDB files, frame by frame: its density around the posed body, in the world's space.

Three steps, so that a window stays responsive: `read_frame` asks Blender how the character stands (main
thread), `bake_frame` computes and writes (any thread, no bpy but openvdb), `load_sequence` shows the files.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from .axes import TO_BLENDER
from .binding import to_character
from .bone_motion import canonical_to_world
from .errors import SceneError
from .field_file import FieldData
from .field_object import MARK, fingerprint, is_field_object, read_input
from .materials import volume_material
from .nodes import input_items, set_input
from .posed_density import posed_density
from .vdb_file import openvdb_module, read_key, write_density
from .volume_nodes import SOFTNESS, VOLUME, baked_group

RECIPE = 1
"""Part of each file's key; another way of computing gets another number."""


@dataclass(frozen=True)
class PosedFrame:
    """What a frame shows, in the space of the body (the backend's axes, metres, pelvis in its place).

    Attributes:
        frame: its number.
        bones: (24, 4, 4) from canonical points to posed ones.
        to_world: (4, 4) from there to Blender's world.
        type_name, threshold, strength: the inputs of the object at this frame; the threshold relative to the
            type's peak.
    """

    frame: int
    bones: np.ndarray
    to_world: np.ndarray
    type_name: str
    threshold: float
    strength: float


def read_frame(object_: bpy.types.Object, field: FieldData) -> PosedFrame:
    """The object's character and inputs as they are at the scene's current frame.

    SceneError for an object of another field, or on a character whose bones are not known.
    """
    check_bakeable(object_, field)
    character = object_.parent
    assert character is not None
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = object_.evaluated_get(graph)
    corners = to_character(field, character, np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    body_to_world = np.eye(4)
    body_to_world[:3, :3], body_to_world[:3, 3] = (corners[1:] - corners[0]).T, corners[0]
    body_to_world = np.array(character.evaluated_get(graph).matrix_world) @ body_to_world
    to_blender = np.eye(4)
    to_blender[:3, :3] = TO_BLENDER
    bones = np.linalg.inv(body_to_world) @ to_blender @ canonical_to_world(field, character)
    # The grid goes along with the pelvis, by whole voxels.
    pelvis = np.append(field.body_joints[0], 1.0)
    moved = np.round((bones[0] @ pelvis - pelvis)[:3] / field.voxel) * field.voxel
    bones[:, :3, 3] -= moved
    body_to_world[:3, 3] += body_to_world[:3, :3] @ moved
    fog = object_[MARK]["kind"] == "volume"
    return PosedFrame(
        frame=bpy.context.scene.frame_current,
        bones=bones,
        to_world=body_to_world,
        type_name=read_input(evaluated, "Type"),
        threshold=float(read_input(evaluated, "Threshold")) if fog else 0.0,
        strength=float(read_input(evaluated, "Density")) if fog else 1.0,
    )


def check_bakeable(object_: bpy.types.Object, field: FieldData) -> None:
    """SceneError for an object that does not show this field on a character, or a Blender without openvdb."""
    if not is_field_object(object_) or object_.parent is None:
        raise SceneError(f"“{object_.name}” shows no field on a character: import a field first.")
    if object_[MARK]["fingerprint"] != fingerprint(field):
        raise SceneError(
            f"“{object_.name}” shows another field than the one at hand: open the field it is of."
        )
    openvdb_module()


def bake_frame(field: FieldData, posed: PosedFrame, path: Path) -> bool:
    """Writes the frame's density; False where the file holds it already.

    The density is the occupancy relative to the type's peak, cut softly at the threshold, times the strength:
    what the volume object's nodes show, by exact skinning. SceneError where it cannot be written.
    """
    key = _key(field, posed)
    if read_key(path) == key:
        return False
    density, grid = posed_density(field, posed.type_name, posed.bones)
    relative = density / field.occupancy[field.type_index(posed.type_name)].max()
    share = np.clip((relative - posed.threshold) / SOFTNESS, 0, 1)
    relative *= share * share * (3 - 2 * share) * posed.strength
    from_index = np.eye(4)
    from_index[:3, :3] *= grid.voxel
    from_index[:3, 3] = grid.first
    write_density(path, relative, posed.to_world @ from_index, key)
    return True


def frame_path(folder: Path, name: str, frame: int) -> Path:
    """FOLDER/NAME_0012.vdb."""
    return folder / f"{bpy.path.clean_name(name)}_{frame:04d}.vdb"


def bake_sequence(
    object_: bpy.types.Object,
    field: FieldData,
    folder: Path,
    frames: Iterable[int],
    told: Callable[[int, int], None] = lambda done, of: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Bakes frames one after the other and gives their files; those written before by the same pose, field
    and inputs are kept as they are. `told` hears how many of how many are done, `stopped` ends it early.

    The scene's frame is as before when it returns. SceneError as in `read_frame` and `bake_frame`.
    """
    check_bakeable(object_, field)
    scene, wanted, paths = bpy.context.scene, list(frames), []
    before = scene.frame_current
    try:
        for frame in wanted:
            if stopped():
                break
            scene.frame_set(frame)
            path = frame_path(folder, object_.name, frame)
            bake_frame(field, read_frame(object_, field), path)
            paths.append(path)
            told(len(paths), len(wanted))
    finally:
        scene.frame_set(before)
    return paths


def load_sequence(source: bpy.types.Object, paths: list[Path], first: int) -> bpy.types.Object:
    """A volume object that shows consecutive baked files from the frame `first` on, where they were baked:
    beside the object that they were baked of, in its colour."""
    name = f"{source.name} baked"
    volume = bpy.data.volumes.new(name)
    shown = str(paths[0])
    volume.filepath = bpy.path.relpath(shown) if bpy.data.filepath else shown
    if len(paths) > 1:
        volume.is_sequence = True
        volume.frame_start, volume.frame_duration = first, len(paths)
        volume.frame_offset = int(paths[0].stem.rsplit("_", 1)[1]) - 1
        volume.sequence_mode = "CLIP"
    object_ = bpy.data.objects.new(name, volume)
    for collection in source.users_collection:
        collection.objects.link(object_)
    modifier = object_.modifiers.new(VOLUME, "NODES")
    modifier.node_group = baked_group()
    for name in ("Colour", "Tint"):
        set_input(modifier, name, read_input(source, name))
    path = f'modifiers["{VOLUME}"]["{{}}"]'
    items = input_items(modifier.node_group)
    volume.materials.append(
        volume_material(path.format(items["Colour"].identifier), path.format(items["Tint"].identifier))
    )
    return object_


def _key(field: FieldData, posed: PosedFrame) -> str:
    inputs = [RECIPE, fingerprint(field), field.skinning, posed.type_name, posed.threshold, posed.strength]
    digest = hashlib.sha256(json.dumps(inputs).encode())
    # Evaluating twice may differ in the last bits.
    digest.update((np.round(posed.bones, 5) + 0.0).astype("<f4").tobytes())
    digest.update((np.round(posed.to_world, 5) + 0.0).astype("<f4").tobytes())
    return digest.hexdigest()

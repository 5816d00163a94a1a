"""Puts a frame's pose on a character: numbers, a file, an action of its own, or a motion of another's."""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from propfield_addon.scene.errors import SceneError
from propfield_addon.scene.field_file import FieldData
from propfield_addon.scene.kinematics import axis_angles, rotation_matrices
from propfield_addon.scene.posing import apply_pose, read_pose
from propfield_addon.scene.skeleton import JOINT_COUNT, JOINT_INDEX
from propfield_addon.scene.typical_pose import typical_pose

from .character import Character, world_points


class Poser:
    """Poses one character; a motion of another skeleton is brought in once and read frame by frame."""

    def __init__(self, character: Character, field: FieldData, type_name: str) -> None:
        self.field, self.type_name = field, type_name
        self.armature, self.meshes = character.armature, character.meshes
        self.height = self.armature.location.z
        self.lent: dict[str, bpy.types.Object] = {}

    def pose(self, settings: dict[str, Any], number: int | None) -> None:
        """Poses the character as at frame `number` of a motion, or as a pose says; else SceneError."""
        scene = bpy.context.scene
        if "action" in settings and "blend" not in settings:
            play(self.armature, settings["action"])
            scene.frame_set(number or 0)
            return
        if number is None:
            self._stand(still_pose(settings, self.field, self.type_name), settings["ground"])
        else:
            source = self._source(settings)
            scene.frame_set(number)
            self._stand(read_pose(source), settings["ground"])

    def _stand(self, pose: np.ndarray, ground: bool) -> None:
        moved = self.armature.animation_data
        if moved is not None:
            # Its drivers stay: rigs live by them.
            moved.action, moved.use_nla = None, False
        for bone in self.armature.pose.bones:
            bone.location, bone.scale = (0, 0, 0), (1, 1, 1)
            bone.rotation_quaternion, bone.rotation_euler = (1, 0, 0, 0), (0, 0, 0)
            bone.rotation_axis_angle = (0, 0, 1, 0)
        apply_pose(self.armature, pose)
        self.armature.location.z = self.height
        bpy.context.view_layer.update()
        if ground:
            self.armature.location.z -= min(world_points(mesh)[:, 2].min() for mesh in self.meshes)
            bpy.context.view_layer.update()

    def _source(self, settings: dict[str, Any]) -> bpy.types.Object:
        key = json.dumps(settings, sort_keys=True)
        if key not in self.lent:
            source = _bvh(settings["bvh"]) if "bvh" in settings else _borrowed(settings)
            source.hide_render = True
            self.lent[key] = source
        return self.lent[key]


def still_pose(settings: dict[str, Any], field: FieldData, type_name: str) -> np.ndarray:
    """(24, 3) axis-angle in radians of a pose that does not move. SceneError for a file that holds none."""
    pose = _told_pose(settings, field, type_name)
    for joint, degrees in settings.get("turn", {}).items():
        turned = rotation_matrices(np.stack([pose[JOINT_INDEX[joint]], np.radians(degrees)]))
        pose[JOINT_INDEX[joint]] = axis_angles(turned[0] @ turned[1])
    return pose


def _told_pose(settings: dict[str, Any], field: FieldData, type_name: str) -> np.ndarray:
    if "typical" in settings:
        return typical_pose(field, type_name)
    if "axis_angle" in settings:
        return np.array(settings["axis_angle"], np.float64)
    if "joints" in settings:
        pose = np.zeros((JOINT_COUNT, 3))
        for joint, degrees in settings["joints"].items():
            pose[JOINT_INDEX[joint]] = np.radians(degrees)
        return pose
    path = Path(settings["file"])
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as data:
                rows = data["pose"]
        else:
            told = json.loads(path.read_text(encoding="utf-8"))
            rows = told["pose"] if isinstance(told, dict) else told
        return np.asarray(rows, np.float64).reshape(JOINT_COUNT, 3)
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise SceneError(f"{path.name} holds no pose of 24 axis-angle rows.") from error


def play(armature: bpy.types.Object, name: str) -> None:
    """Gives the armature an action. From Blender 4.4 an action has slots, of which one must be taken."""
    moved = armature.animation_data or armature.animation_data_create()
    action = bpy.data.actions.get(name)
    if action is None:
        raise SceneError(f"There is no action “{name}” in the character's file.")
    moved.use_nla = False
    moved.action = action
    if hasattr(moved, "action_slot") and moved.action_slot is None:
        slots = list(moved.action_suitable_slots) or list(action.slots)
        if not slots:
            raise SceneError(f"The action “{name}” moves nothing.")
        moved.action_slot = slots[0]


def _bvh(path: str) -> bpy.types.Object:
    before = set(bpy.data.objects)
    try:
        bpy.ops.import_anim.bvh(filepath=path, frame_start=1, rotate_mode="QUATERNION", use_cyclic=False)
    except RuntimeError as error:
        raise SceneError(f"Blender cannot read {Path(path).name}: {str(error).strip()}") from None
    except AttributeError:
        raise SceneError("This Blender has no BVH importer (io_anim_bvh).") from None
    return next(iter(set(bpy.data.objects) - before))


def _borrowed(settings: dict[str, Any]) -> bpy.types.Object:
    """The armature of another .blend file, with the action, in this scene."""
    with bpy.data.libraries.load(settings["blend"], link=False) as (there, here):
        names = list(there.objects)
        here.objects = list(names)
        here.actions = [name for name in there.actions if name == settings["action"]]
    # What this scene has already, Blender calls otherwise; the order stays.
    came = {name: found for name, found in zip(names, here.objects, strict=True) if found is not None}
    wanted = settings.get("armature")
    armatures = {name: found for name, found in came.items() if found.type == "ARMATURE"}
    source = next((found for name, found in armatures.items() if wanted in (None, name)), None)
    if source is None or not here.actions:
        raise SceneError(f"{Path(settings['blend']).name} lacks the armature or the action.")
    bpy.context.scene.collection.objects.link(source)
    action = here.actions[0].name
    play(source, action)
    return source

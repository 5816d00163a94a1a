"""A prop on a character's bones: by its parent or by a constraint, in one pose or through an animation."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import bpy
import numpy as np
from mathutils import Matrix

from .errors import SceneError
from .evaluated import world_matrix
from .prop_action import key_transforms, let_go_of_keys
from .prop_anchor import RigPose, blended, rig_pose
from .prop_before import remember

How = Literal["AUTO", "BONE", "CHILD_OF", "ARMATURE", "NONE"]
CONSTRAINT = "Propfield"


def attach(
    prop: bpy.types.Object, character: bpy.types.Object, bones: dict[str, float], how: How, world: np.ndarray
) -> None:
    """Puts the prop where `world` (4, 4) says, held by the bones (name → weight, heaviest first).

    AUTO: BONE for one bone, ARMATURE for several. BONE makes the heaviest its parent, CHILD_OF constrains it
    to that, ARMATURE blends all of them as an armature modifier does, NONE leaves it in the world.
    SceneError for a prop that cannot be edited, or that is sheared where no parent can hold that.
    """
    now = rig_pose(character, bones)
    how = _hang(prop, character, bones, how, now, world)
    if how == "ARMATURE":
        # Where bones are stretched Blender's blend is not quite ours.
        evaluated = world_matrix(prop)
        if np.abs(evaluated - world).max() > 1e-6 * max(1.0, np.abs(world).max()):
            basis = np.array(prop.matrix_basis)
            correction = basis @ np.linalg.inv(evaluated) @ world @ np.linalg.inv(basis)
            prop.matrix_parent_inverse = _matrix(np.array(prop.matrix_parent_inverse) @ correction)


def attach_over(
    prop: bpy.types.Object,
    character: bpy.types.Object,
    bones: dict[str, float],
    how: How,
    frames: Sequence[float],
    worlds: Sequence[np.ndarray],
    rig: Sequence[RigPose],
) -> None:
    """As `attach`, with key frames that put the prop to `worlds` (4, 4) in the `frames`.

    `rig` is the character's pose in each. What is keyed is how the prop moves against its bones, so that it
    goes with them between the keys as well.
    """
    how = _hang(prop, character, bones, how, rig[0], worlds[0])
    # Blender's child-of constraint does not show in the parent's inverse, which is the identity then.
    fixed = np.array(
        prop.constraints[CONSTRAINT].inverse_matrix if how == "CHILD_OF" else prop.matrix_parent_inverse
    )

    def bases() -> Iterator[Matrix]:
        for world, pose in zip(worlds, rig, strict=True):
            yield _matrix(np.linalg.inv(_space(character, bones, how, pose) @ fixed) @ world)

    key_transforms(prop, frames, bases())


def refuse_prop(prop: bpy.types.Object, character: bpy.types.Object) -> None:
    """SceneError for a prop that cannot be moved, or that is part of the character."""
    if not prop.is_editable:
        raise SceneError(f"“{prop.name}” is linked from another file: make it local or override it first.")
    deforms = any(item.type == "ARMATURE" and item.object == character for item in prop.modifiers)
    if prop == character or deforms:
        raise SceneError(f"“{prop.name}” is a part of the character: choose another object as the prop.")


def detach(prop: bpy.types.Object) -> None:
    """Leaves the prop where it is, held by nothing."""
    world = world_matrix(prop)
    let_go(prop)
    prop.matrix_basis = _matrix(world)


def let_go(prop: bpy.types.Object) -> None:
    """Takes the prop off whatever holds it: its parent, and constraints and key frames of ours."""
    let_go_of_keys(prop)
    for constraint in [each for each in prop.constraints if each.name.startswith(CONSTRAINT)]:
        prop.constraints.remove(constraint)
    prop.parent, prop.parent_type, prop.parent_bone = None, "OBJECT", ""
    prop.matrix_parent_inverse = Matrix.Identity(4)


def held_by(prop: bpy.types.Object) -> tuple[str, tuple[str, ...]]:
    """How a prop is attached (of `How`, but AUTO) and to which bones."""
    for constraint in prop.constraints:
        if constraint.name.startswith(CONSTRAINT):
            if constraint.type == "CHILD_OF":
                return "CHILD_OF", (constraint.subtarget,)
            return "ARMATURE", tuple(target.subtarget for target in constraint.targets)
    if prop.parent is not None and prop.parent_type == "BONE":
        return "BONE", (prop.parent_bone,)
    return "NONE", ()


def _hang(
    prop: bpy.types.Object,
    character: bpy.types.Object,
    bones: dict[str, float],
    how: How,
    pose: RigPose,
    world: np.ndarray,
) -> How:
    """Attaches the prop so that it is at `world` in that pose; gives how."""
    refuse_prop(prop, character)
    if how == "AUTO":
        how = "BONE" if len(bones) == 1 else "ARMATURE"
    if how != "NONE" and character in prop.children_recursive:
        raise SceneError(
            f"“{character.name}” hangs on “{prop.name}”: take it off its parent first, or attach to nothing."
        )
    if how in ("CHILD_OF", "NONE") and _sheared(world):
        raise SceneError(
            f"“{prop.name}” is sheared by its parents: apply its scale, or attach it by Parent to Bone."
        )
    remember(prop)
    let_go(prop)
    prop.matrix_basis = _matrix(_nearest(world))
    heaviest = next(iter(bones))
    if how == "BONE":
        prop.parent, prop.parent_type, prop.parent_bone = character, "BONE", heaviest
    elif how == "ARMATURE":
        prop.parent, prop.parent_type = character, "OBJECT"
        constraint: Any = prop.constraints.new("ARMATURE")
        # A blend of matrices would squeeze the prop; this keeps it rigid.
        constraint.use_deform_preserve_volume = True
        for name, weight in bones.items():
            target = constraint.targets.new()
            target.target, target.subtarget, target.weight = character, name, weight
        constraint.name = CONSTRAINT
    elif how == "CHILD_OF":
        constraint = prop.constraints.new("CHILD_OF")
        constraint.name = CONSTRAINT
        constraint.target, constraint.subtarget = character, heaviest
        constraint.inverse_matrix = _matrix(np.linalg.inv(pose.bones[heaviest]))
    if how in ("BONE", "ARMATURE"):
        # The channels say where in the world it was put; the parent's inverse takes up the rest, shear too.
        basis = np.linalg.inv(np.array(prop.matrix_basis))
        prop.matrix_parent_inverse = _matrix(
            np.linalg.inv(_space(character, bones, how, pose)) @ world @ basis
        )
    return how


def _space(character: bpy.types.Object, bones: dict[str, float], how: How, pose: RigPose) -> np.ndarray:
    """(4, 4) what its attachment does to what is attached, to the left of a fixed inverse."""
    heaviest = next(iter(bones))
    rest = {name: np.array(character.data.bones[name].matrix_local) for name in bones}
    if how == "NONE":
        return np.eye(4)
    if how == "CHILD_OF":
        return pose.bones[heaviest]
    if how == "ARMATURE":
        back = np.linalg.inv(pose.world)
        moves = [back @ pose.bones[name] @ np.linalg.inv(rest[name]) for name in bones]
        return pose.world @ blended(moves, list(bones.values()))
    # Children of a bone are at its tail, unless it is set to carry them as it deforms.
    bone = character.data.bones[heaviest]
    if bone.use_relative_parent:
        return pose.bones[heaviest] @ np.linalg.inv(rest[heaviest])
    return pose.bones[heaviest] @ np.array(Matrix.Translation((0, bone.length, 0)))


def _sheared(world: np.ndarray) -> bool:
    """Whether no location, rotation and scale make this affine."""
    return bool(np.abs(_nearest(world) - world).max() > 1e-4 * np.abs(world[:3, :3]).max())


def _nearest(world: np.ndarray) -> np.ndarray:
    """The location, rotation and scale next to an affine."""
    return np.array(Matrix.LocRotScale(*_matrix(world).decompose()))


def _matrix(array: np.ndarray) -> Matrix:
    return Matrix(array.tolist())

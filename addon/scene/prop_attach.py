"""A prop on a character's bones: by its parent or by a constraint, and back to where it was before."""

from typing import Any, Literal

import bpy
import numpy as np
from mathutils import Matrix

from .errors import SceneError
from .evaluated import world_matrix
from .prop_anchor import blended

How = Literal["AUTO", "BONE", "CHILD_OF", "ARMATURE", "NONE"]
CONSTRAINT = "Propfield"
BEFORE = "propfield_before"
_CHANNELS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")


def attach(
    prop: bpy.types.Object, character: bpy.types.Object, bones: dict[str, float], how: How, world: np.ndarray
) -> None:
    """Puts the prop where `world` (4, 4) says, held by the bones (name → weight, heaviest first).

    AUTO: BONE for one bone, ARMATURE for several. BONE makes the heaviest its parent, CHILD_OF constrains it
    to that, ARMATURE blends all of them as an armature modifier does, NONE leaves it in the world.
    SceneError for a prop that cannot be edited, or that is sheared where no parent can hold that.
    """
    if not prop.is_editable:
        raise SceneError(f"“{prop.name}” is linked from another file: make it local or override it first.")
    if how == "AUTO":
        how = "BONE" if len(bones) == 1 else "ARMATURE"
    if how in ("CHILD_OF", "NONE") and _sheared(world):
        raise SceneError(
            f"“{prop.name}” is sheared by its parents: apply its scale, or attach it by Parent to Bone."
        )
    remember(prop)
    _let_go(prop)
    heaviest = next(iter(bones))
    if how == "BONE":
        prop.parent, prop.parent_type, prop.parent_bone = character, "BONE", heaviest
        _put(prop, _bone_space(character, heaviest), world)
    elif how == "ARMATURE":
        prop.parent, prop.parent_type = character, "OBJECT"
        _armature_constraint(prop, character, bones)
        _put(prop, armature_space(character, bones), world)
        # Where bones are stretched Blender's blend is not quite ours.
        evaluated = world_matrix(prop)
        if np.abs(evaluated - world).max() > 1e-6 * max(1.0, np.abs(world).max()):
            correction = np.linalg.inv(evaluated) @ world
            basis = np.array(prop.matrix_basis)
            inverse = np.array(prop.matrix_parent_inverse) @ basis @ correction @ np.linalg.inv(basis)
            prop.matrix_parent_inverse = _matrix(inverse)
    else:
        prop.matrix_basis = _matrix(world)
        if how == "CHILD_OF":
            constraint: Any = prop.constraints.new("CHILD_OF")
            constraint.name = CONSTRAINT
            constraint.target, constraint.subtarget = character, heaviest
            constraint.inverse_matrix = _matrix(np.linalg.inv(_bone_world(character, heaviest)))


def detach(prop: bpy.types.Object) -> None:
    """Leaves the prop where it is, held by nothing."""
    world = world_matrix(prop)
    _let_go(prop)
    prop.matrix_basis = _matrix(world)


def remember(prop: bpy.types.Object) -> None:
    """Notes where the prop is and whose child, unless that is noted already."""
    if prop.get(BEFORE) is not None:
        return
    noted: dict[str, Any] = {name: [float(x) for x in getattr(prop, name)] for name in _CHANNELS}
    if prop.parent is not None:
        noted |= {"parent": prop.parent, "parent_type": prop.parent_type, "parent_bone": prop.parent_bone}
        noted["inverse"] = [x for row in prop.matrix_parent_inverse for x in row]
    prop[BEFORE] = noted


def restore(prop: bpy.types.Object) -> None:
    """Puts the prop back to where it was before it was placed first; does nothing for one that never was."""
    if prop.get(BEFORE) is None:
        return
    _let_go(prop)
    noted = prop[BEFORE]
    parent = noted.get("parent")
    if parent is not None:
        prop.parent, prop.parent_type, prop.parent_bone = parent, noted["parent_type"], noted["parent_bone"]
        prop.matrix_parent_inverse = _matrix(np.array(noted["inverse"]).reshape(4, 4))
    for name in _CHANNELS:
        setattr(prop, name, list(noted[name]))
    del prop[BEFORE]


def armature_space(character: bpy.types.Object, bones: dict[str, float]) -> np.ndarray:
    """(4, 4) what being a child of the armature does together with an armature constraint to these bones."""
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    moved = [np.array(evaluated.pose.bones[name].matrix_channel) for name in bones]
    return np.array(evaluated.matrix_world) @ blended(moved, list(bones.values()))


def _armature_constraint(
    prop: bpy.types.Object, character: bpy.types.Object, bones: dict[str, float]
) -> None:
    constraint: Any = prop.constraints.new("ARMATURE")
    constraint.name = CONSTRAINT
    # A blend of matrices would squeeze the prop; this keeps it rigid.
    constraint.use_deform_preserve_volume = True
    for name, weight in bones.items():
        target = constraint.targets.new()
        target.target, target.subtarget, target.weight = character, name, weight


def _let_go(prop: bpy.types.Object) -> None:
    for constraint in [each for each in prop.constraints if each.name.startswith(CONSTRAINT)]:
        prop.constraints.remove(constraint)
    prop.parent, prop.parent_type, prop.parent_bone = None, "OBJECT", ""
    prop.matrix_parent_inverse = Matrix.Identity(4)


def _put(prop: bpy.types.Object, space: np.ndarray, world: np.ndarray) -> None:
    """The channels say where in the world it was put; the parent's inverse takes up the rest, shear too."""
    basis = _nearest(world)
    prop.matrix_basis = _matrix(basis)
    basis = np.array(prop.matrix_basis)
    prop.matrix_parent_inverse = _matrix(np.linalg.inv(space) @ world @ np.linalg.inv(basis))


def _bone_world(character: bpy.types.Object, bone: str) -> np.ndarray:
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(evaluated.matrix_world) @ np.array(evaluated.pose.bones[bone].matrix)


def _bone_space(character: bpy.types.Object, bone: str) -> np.ndarray:
    """Where the children of a bone are: at its tail, unless it is set to carry them as it deforms."""
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    posed = evaluated.pose.bones[bone]
    if posed.bone.use_relative_parent:
        return np.array(evaluated.matrix_world) @ np.array(posed.matrix_channel)
    return np.array(evaluated.matrix_world @ posed.matrix @ Matrix.Translation((0, posed.bone.length, 0)))


def _sheared(world: np.ndarray) -> bool:
    """Whether no location, rotation and scale make this affine."""
    return bool(np.abs(_nearest(world) - world).max() > 1e-4 * np.abs(world[:3, :3]).max())


def _nearest(world: np.ndarray) -> np.ndarray:
    """The location, rotation and scale next to an affine."""
    return np.array(Matrix.LocRotScale(*_matrix(world).decompose()))


def _matrix(array: np.ndarray) -> Matrix:
    return Matrix(array.tolist())

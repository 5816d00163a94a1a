"""Props on bones: where they are put, what carries them, and the way back."""

from itertools import pairwise

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402

ONE, TWO = {"right_wrist": 1.0}, {"left_ankle": 0.6, "right_ankle": 0.4}


def affine(seed: int, shear: bool = False) -> np.ndarray:
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(random.uniform(0.3, 2, 3))
    if shear:
        matrix[:3, :3] = matrix[:3, :3] @ [[1, 0.4, 0], [0, 1, 0], [0, 0, 1]]
    matrix[:3, 3] = random.normal(size=3)
    return matrix


@pytest.fixture
def prop(character):
    """A cube with a parent that is turned and stretched, far from its own origin, on a moved character."""
    armature, _ = character
    armature.matrix_world = Matrix((affine(3) * [[2, 2, 2, 1]]).tolist())
    armature.scale = (1.4, 1.4, 1.4)
    bpy.ops.mesh.primitive_cube_add(size=0.2)
    cube = bpy.context.object
    cube.data.transform(Matrix.Translation((50, 0, 0)))
    parent = bpy.data.objects.new("shelf", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.scale, parent.rotation_euler = (1, 2, 0.5), (0.2, 0.5, 0.1)
    cube.parent = parent
    cube.rotation_euler, cube.location = (1, 7, 0), (3, 1, 1)
    return cube


def pose(armature, seed: int) -> None:
    from addon.scene.posing import apply_pose

    apply_pose(armature, np.random.default_rng(seed).normal(0, 0.5, (24, 3)))


def bone_world(armature, bone: str) -> np.ndarray:
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(evaluated.matrix_world @ evaluated.pose.bones[bone].matrix)


@pytest.mark.parametrize(
    ("how", "bones", "shear"),
    [
        ("AUTO", ONE, True),
        ("BONE", TWO, False),
        ("AUTO", TWO, True),
        ("ARMATURE", ONE, False),
        ("CHILD_OF", ONE, False),
        ("NONE", ONE, False),
    ],
)
def test_a_prop_is_put_where_it_was_told_and_moves_with_its_bone(character, prop, how, bones, shear):
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach

    armature, _ = character
    world = affine(1, shear)
    if how == "CHILD_OF":
        world[:3, 0] *= -1
    pose(armature, 1)
    attach(prop, armature, bones, how, world)
    assert np.allclose(world_matrix(prop), world, atol=1e-5)
    if bones is ONE or how == "BONE":
        bone = next(iter(bones))
        before = np.linalg.inv(bone_world(armature, bone)) @ world
        pose(armature, 2)
        armature.rotation_euler.z += 1
        now = world_matrix(prop)
        expected = world if how == "NONE" else bone_world(armature, bone) @ before
        assert np.allclose(now, expected, atol=2e-5)
    else:
        pose(armature, 2)
        sizes = [np.linalg.svd(matrix[:3, :3], compute_uv=False) for matrix in (world_matrix(prop), world)]
        assert np.allclose(*sizes, atol=1e-4), "it stays rigid between two bones"


def test_the_bone_may_carry_its_children_as_it_deforms(character, prop):
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach

    armature, _ = character
    armature.data.bones["right_wrist"].use_relative_parent = True
    pose(armature, 1)
    attach(prop, armature, ONE, "BONE", affine(1))
    assert np.allclose(world_matrix(prop), affine(1), atol=1e-5)


def test_attached_again_and_restored_the_prop_is_as_it_was(character, prop):
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach, let_go
    from addon.scene.prop_before import restore

    before, channels = world_matrix(prop), list(prop.rotation_euler)
    for how, bones in (("BONE", ONE), ("ARMATURE", TWO), ("CHILD_OF", ONE), ("NONE", ONE)):
        attach(prop, character[0], bones, how, affine(2))
    let_go(prop)
    restore(prop)
    assert prop.parent.name == "shelf"
    assert np.array_equal(prop.rotation_euler, channels), "turns beyond 360 degrees too"
    assert np.allclose(world_matrix(prop), before, atol=1e-6)
    assert not len(prop.constraints)
    assert not [key for key in prop.keys() if key.startswith("propfield")]  # noqa: SIM118


def test_detached_it_stays_where_it_is(character, prop):
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach, detach

    attach(prop, character[0], TWO, "ARMATURE", affine(2))
    pose(character[0], 3)
    before = world_matrix(prop)
    detach(prop)
    pose(character[0], 4)
    assert prop.parent is None
    assert np.allclose(world_matrix(prop), before, atol=1e-5)


def test_what_cannot_be_held_is_a_sentence_and_changes_nothing(character, prop):
    from addon.scene.errors import SceneError
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach

    before = world_matrix(prop)
    with pytest.raises(SceneError, match="sheared by its parents"):
        attach(prop, character[0], ONE, "CHILD_OF", affine(1, shear=True))
    assert prop.parent.name == "shelf"
    assert np.array_equal(world_matrix(prop), before)


def test_bones_by_the_shares_of_joints():
    from addon.scene.prop_anchor import anchor_joints

    assert anchor_joints({"right_hand": 0.7, "right_wrist": 0.1, "left_hip": 0.2}) == {"right_wrist": 1.0}
    assert anchor_joints({"left_foot": 0.5, "right_ankle": 0.5}) == {"left_ankle": 0.5, "right_ankle": 0.5}
    both = anchor_joints({"right_hand": 0.3, "left_wrist": 0.45, "pelvis": 0.25, "head": 0.02})
    assert list(both) == ["left_wrist", "right_wrist", "pelvis"]
    assert sum(both.values()) == pytest.approx(1)
    assert anchor_joints({"spine2": 0.5, "spine3": 0.3, "left_shoulder": 0.2}) == {"spine2": 1.0}
    assert anchor_joints({}) == {"pelvis": 1.0}


@pytest.mark.parametrize(
    ("how", "mode"),
    [
        ("BONE", "XYZ"),
        ("ARMATURE", "QUATERNION"),
        ("CHILD_OF", "AXIS_ANGLE"),
        ("NONE", "QUATERNION"),
        ("NONE", "XYZ"),
    ],
)
def test_keys_put_it_there_in_each_frame_and_turn_the_short_way(character, prop, how, mode):
    from addon.scene.evaluated import world_matrix
    from addon.scene.posing import apply_pose
    from addon.scene.prop_anchor import rig_pose
    from addon.scene.prop_attach import attach_over, let_go
    from addon.scene.prop_before import restore

    armature, _ = character
    prop.rotation_mode = mode
    prop.keyframe_insert("location", frame=1)
    own = prop.animation_data.action
    bones = TWO if how == "ARMATURE" else ONE
    frames, worlds, rig = [1, 4, 7, 10], [], []
    for frame in frames:
        apply_pose(armature, np.random.default_rng(frame).normal(0, 0.3, (24, 3)), frame=frame)
        armature.location.x = frame
        armature.keyframe_insert("location", frame=frame)
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        rig.append(rig_pose(armature))
        angle = 0.9 * frame
        turn = Matrix.Rotation(angle, 4, "Z") @ Matrix.Diagonal((1.0, 1.0, -2.0, 1.0))
        worlds.append(np.array(Matrix.Translation((0, frame, 1)) @ turn))
    attach_over(prop, armature, bones, how, frames, worlds, rig)
    for frame, world in zip(frames, worlds, strict=True):
        bpy.context.scene.frame_set(frame)
        assert np.allclose(world_matrix(prop), world, atol=1e-4)
    if how == "NONE":
        turned = []
        for frame in range(1, 11):
            bpy.context.scene.frame_set(frame)
            turned.append(world_matrix(prop)[:3, 0] / np.linalg.norm(world_matrix(prop)[:3, 0]))
        steps = [np.arccos(np.clip(a @ b, -1, 1)) for a, b in pairwise(turned)]
        assert max(steps) < 1.8, "0.9 a frame, eased"
    let_go(prop)
    restore(prop)
    assert prop.animation_data.action == own
    assert prop.rotation_mode == mode
    assert [action for action in bpy.data.actions if action.get("propfield_placed")] == []


def test_a_linked_prop_a_body_and_what_the_character_hangs_on_are_refused(character, prop, tmp_path):
    from addon.scene.errors import SceneError
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach

    armature, body = character
    with pytest.raises(SceneError, match="part of the character"):
        attach(body, armature, ONE, "AUTO", affine(1))
    armature.parent = prop
    with pytest.raises(SceneError, match="hangs on"):
        attach(prop, armature, ONE, "AUTO", affine(1))
    assert prop.parent.name == "shelf"
    attach(prop, armature, ONE, "NONE", affine(1))
    assert np.allclose(world_matrix(prop), affine(1), atol=1e-5)
    armature.parent = None
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {bpy.data.objects.new("linked prop", prop.data)})
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.objects = ["linked prop"]
    [linked] = wanted.objects
    bpy.context.scene.collection.objects.link(linked)
    with pytest.raises(SceneError, match="linked from another file"):
        attach(linked, armature, ONE, "AUTO", affine(1))


def test_an_instanced_collection_is_left_alone(character, prop):
    """The object may be shown through instances of its collection as well: it is placed once, itself."""
    from addon.scene.evaluated import world_matrix
    from addon.scene.prop_attach import attach

    shared = bpy.data.collections.new("shared")
    bpy.context.scene.collection.children.link(shared)
    shared.objects.link(prop)
    instance = bpy.data.objects.new("instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", shared
    bpy.context.scene.collection.objects.link(instance)
    attach(prop, character[0], ONE, "AUTO", affine(1))
    assert np.allclose(world_matrix(prop), affine(1), atol=1e-5)
    assert set(prop.users_collection) == {shared, bpy.context.scene.collection}

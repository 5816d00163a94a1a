import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from tests.addon.scene.rig_samples import SAMPLES, Sample, distances, import_layer, make_sample  # noqa: E402

STANCES = {
    "A-pose": SAMPLES["MakeHuman default"],
    "T-pose, a tenth smaller": SAMPLES["VRoid"],
    "arms down": Sample("propfield", lowered=78),
    "in centimetres": Sample("propfield", lowered=45, scale=100.0),
}


def _alone(body):
    """The mesh without its armature, where it stands."""
    bpy.context.view_layer.update()
    world, armature = body.matrix_world.copy(), body.parent
    body.modifiers.clear()
    body.vertex_groups.clear()
    body.parent = None
    body.matrix_world = world
    heads = np.array([armature.matrix_world @ bone.head_local for bone in armature.data.bones])
    names = [bone.name for bone in armature.data.bones]
    bpy.data.objects.remove(armature)
    return body, dict(zip(names, heads, strict=True))


def _fitted(field, body, collection):
    """The armature of the body, which bends with it."""
    from addon.scene.fitted_character import fit_character, make_fitted_character, read_alone

    alone = read_alone(body)
    return make_fitted_character(
        body, alone, fit_character(field, alone, lambda *_: None, skin=True), collection
    )


@pytest.mark.parametrize(
    ("name", "turn"),
    [("A-pose", 2.9), ("T-pose, a tenth smaller", 0), ("arms down", 0), ("in centimetres", 0)],
)
def test_joints_are_found_in_a_mesh_alone(name, turn, field, collection):
    from addon.scene.rig import find_rig
    from addon.scene.skeleton_fit import fit_skeleton, read_upright
    from mathutils import Matrix

    armature, body = make_sample(field, STANCES[name], collection)
    armature.matrix_world = (
        Matrix.Translation((3, -2, 0.5)) @ Matrix.Rotation(turn, 4, "Z") @ armature.matrix_world
    )
    bones = find_rig(armature).bones
    body, heads = _alone(body)
    told = []
    fitted = fit_skeleton(field, read_upright(body), body.name, lambda share, what: told.append(share))
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1
    truth = np.array([heads[bone] for bone in bones])
    off = np.linalg.norm(fitted.joints - truth, axis=1) / STANCES[name].scale
    # The template is the same, so that nothing but the search can err.
    assert off.mean() < 0.01
    assert off.max() < 0.03


def test_the_field_follows_a_fitted_skeleton_and_so_does_the_skin(field, collection):
    from addon.scene.fit_check import check_fit, read_stance
    from addon.scene.posing import apply_pose, read_pose

    _, body = make_sample(field, Sample("propfield", lowered=45, scale=1.2), collection)
    body, _ = _alone(body)
    kept = body.vertex_groups.new(name="hair")
    before = np.array([body.matrix_world @ vertex.co for vertex in body.data.vertices])
    armature = _fitted(field, body, collection)
    bpy.context.view_layer.update()
    assert np.abs([body.matrix_world @ v.co for v in body.data.vertices] - before).max() < 1e-5
    assert body.vertex_groups["hair"] == kept
    assert max(fit.mean for fit in check_fit(read_stance(field, armature))) < 0.012
    pose = np.zeros((24, 3))
    pose[18] = (0, -1.2, 0)
    pose[4] = (1.0, 0, 0)
    around = import_layer(field, armature, collection)
    apply_pose(armature, pose)
    assert np.abs(read_pose(armature) - pose).max() < 1e-4
    assert distances(around, body).mean() / 1.2 == pytest.approx(0.045, abs=0.006)


def test_a_mesh_that_is_no_person_gets_one_sentence(field, character, collection):
    from addon.scene.errors import SceneError
    from addon.scene.fitted_character import read_alone

    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(SceneError, match="“Cube” does not look like a person who stands upright"):
        _fitted(field, bpy.context.object, collection)
    empty = bpy.data.objects.new("empty", bpy.data.meshes.new("empty"))
    collection.objects.link(empty)
    with pytest.raises(SceneError, match="“empty” has no faces"):
        read_alone(empty)
    with pytest.raises(SceneError, match="has an armature already"):
        read_alone(character[1])

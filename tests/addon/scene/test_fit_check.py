import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from tests.addon.scene.rig_samples import SAMPLES, make_sample, world_points  # noqa: E402


def test_on_its_own_body_a_field_lies_exactly_and_the_pose_stays(field, character, poses):
    from addon.scene.fit_check import SURFACE, check_fit, read_stance
    from addon.scene.posing import apply_pose, read_pose

    armature, body = character
    armature.scale = (1.5, 1.5, 1.5)
    for bone in armature.pose.bones:
        bone.rotation_mode = "XYZ"
    apply_pose(armature, poses[1])
    before = world_points(body)
    modes = [bone.rotation_mode for bone in armature.pose.bones]
    fits = {fit.part: fit for fit in check_fit(read_stance(field, armature))}
    assert len(fits) == 11
    assert SURFACE in fits
    assert max(fit.mean for fit in fits.values()) < 1e-4
    assert np.abs(world_points(body) - before).max() < 1e-6
    assert modes == [bone.rotation_mode for bone in armature.pose.bones]
    assert np.abs(read_pose(armature) - poses[1]).max() < 1e-4


def test_other_rigs_lie_as_well_and_a_thicker_arm_is_told(field, collection):
    from addon.scene.fit_check import LIMIT, check_fit, read_stance

    armature, body = make_sample(field, SAMPLES["Unreal 5"], collection)
    good = {fit.part: fit for fit in check_fit(read_stance(field, armature))}
    assert max(fit.mean for fit in good.values()) < 0.003
    # The left arm's sleeve is 4 cm wider, in the rig's centimetres.
    mesh = body.data
    groups = {body.vertex_groups[name].index for name in ("upperarm_l", "lowerarm_l")}
    wider = [
        (vertex.co + 4 * vertex.normal) if any(g.group in groups and g.weight > 0.5 for g in vertex.groups)
        else vertex.co.copy()
        for vertex in mesh.vertices
    ]  # fmt: skip
    for vertex, place in zip(mesh.vertices, wider, strict=True):
        vertex.co = place
    mesh.update()
    fits = {fit.part: fit for fit in check_fit(read_stance(field, armature))}
    assert fits["left arm"].mean > LIMIT
    for part in set(fits) - {"left arm", "trunk", "left hand"}:
        assert fits[part].mean == pytest.approx(good[part].mean, abs=0.003)


def test_an_armature_without_a_body_gets_one_sentence(field, collection):
    from addon.scene.errors import SceneError
    from addon.scene.fit_check import read_stance

    armature, body = make_sample(field, SAMPLES["Mixamo"], collection)
    bpy.data.objects.remove(body)
    with pytest.raises(SceneError, match="No mesh follows “mixamo”"):
        read_stance(field, armature)

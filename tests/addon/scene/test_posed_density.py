import numpy as np
import pytest

from propfield.field.posing import canonical_sources, pose_field
from propfield.field.skinning_weights import weights_around as backends_weights

pytest.importorskip("bpy")


def _bones(field, pose) -> np.ndarray:
    from addon.scene.kinematics import bone_transforms

    return bone_transforms(pose, field.body_joints, field.rest_pose)


def _within(density, field) -> np.ndarray:
    """The part of a grown grid that is the field's own."""
    margin = (density.shape[0] - field.resolution) // 2
    return density[(slice(margin, margin + field.resolution),) * 3]


def test_skinning_weights_around_a_posed_body_are_the_backend_s(field, learned, poses):
    from addon.scene.kinematics import bone_transforms, skin_forward
    from addon.scene.posed_density import field_grid
    from addon.scene.skin_around import weights_around

    skin = field.body_weights.dense()
    vertices = skin_forward(
        field.body_vertices.astype(np.float64), skin, bone_transforms(poses[2], field.body_joints)
    )
    theirs = backends_weights(vertices.astype(np.float32), skin, learned.grid).toarray()
    ours = weights_around(vertices, skin, field_grid(field)).reshape(-1, 24)
    assert np.abs(ours.sum(1) - 1).max() < 1e-5
    off = np.abs(ours - theirs).max(1)
    # Which of two equally near vertices is the 30th is settled by rounding.
    assert np.quantile(off, 0.999) < 1e-5
    assert off.max() < 5e-3


def test_backward_skinning_finds_the_backend_s_sources(field, learned, poses):
    from addon.scene.posed_density import canonical_places, field_grid

    pose = poses[2]
    theirs = canonical_sources(learned, pose)
    places = canonical_places(field, _bones(field, pose), field_grid(field))
    ours = learned.grid.voxel_of(places.astype(np.float32))
    # A place on the face between two voxels may round to either.
    assert (ours == theirs).mean() > 0.999
    # Where they differ it is by no more than that.
    both = (ours >= 0) & (theirs >= 0)
    centres = learned.grid.centres()
    assert np.abs(centres[ours[both]] - centres[theirs[both]]).max() < 1.01 * field.voxel


def test_backward_posed_density_is_the_field_between_those_voxels(field, learned, poses):
    from addon.scene.posed_density import posed_density

    pose = poses[1]
    density, _ = posed_density(field, "all", _bones(field, pose))
    ours, theirs = _within(density, field), pose_field(learned, "all", pose)
    # Theirs takes the nearest voxel's value, ours is linear between them.
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
    assert ours.max() == pytest.approx(theirs.max(), abs=0.03)


def test_in_the_canonical_pose_it_is_the_field(field):
    from dataclasses import replace

    from addon.scene.posed_density import posed_density

    for skinning in ("backward", "forward"):
        density, _ = posed_density(replace(field, skinning=skinning), "all", _bones(field, field.rest_pose))
        found = _within(density, field)
        assert np.abs(found - field.occupancy[0])[field.occupancy[0] > 0.01].max() < 1e-3


@pytest.mark.parametrize("number", [0, 1, 2])
def test_forward_posed_density_is_the_backend_s(number, field, learned, poses):
    from dataclasses import replace

    from addon.scene.posed_density import posed_density

    pose = poses[number]
    theirs = pose_field(replace(learned, skinning="forward"), "all", pose)
    density, _ = posed_density(replace(field, skinning="forward"), "all", _bones(field, pose))
    off = np.abs(_within(density, field) - theirs)
    # A voxel centre in the rim of a folded tetrahedron may be in or out by rounding.
    assert np.quantile(off, 0.9995) < 1e-4
    assert off.max() < 0.02


def test_cells_that_a_pose_tears_apart_are_filled_a_part_at_a_time(field, poses, monkeypatch):
    """All at once they took the machine's memory at 128³ in a sitting pose."""
    from dataclasses import replace

    from addon.scene import posed_density

    forward, most = replace(field, skinning="forward"), []
    whole, _ = posed_density.posed_density(forward, "all", _bones(field, poses[2]))
    filled = posed_density._fill_boxes

    def counted(low, sides, *others):
        # One box may be larger than the limit; together they are not.
        most.append(int(sides.prod(1).sum() - sides[:1].prod(1).sum()))
        return filled(low, sides, *others)

    monkeypatch.setattr(posed_density, "_fill_boxes", counted)
    monkeypatch.setattr(posed_density, "FILLED", 4_000)
    parts, _ = posed_density.posed_density(forward, "all", _bones(field, poses[2]))
    assert np.array_equal(parts, whole)
    assert len(most) > 10
    assert max(most) <= 4_000


def test_what_a_pose_carries_out_of_the_grid_is_kept(field):
    from dataclasses import replace

    from addon.scene.posed_density import posed_density

    bones = _bones(field, field.rest_pose)
    bones[:, 1, 3] += 10 * field.voxel
    density, grid = posed_density(replace(field, skinning="forward"), "all", bones)
    assert grid.shape == density.shape
    assert density.shape[0] > field.resolution
    assert density.sum() == pytest.approx(field.occupancy[0].sum(), rel=0.01)

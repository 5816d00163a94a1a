import numpy as np
import pytest

torch = pytest.importorskip("torch")


def test_it_agrees_with_the_backend(field, learned, poses):
    from addon.scene.kinematics import bone_transforms, skin_backward, skin_forward

    from propfield.body import skinning

    weights = field.body_weights.dense()
    assert np.array_equal(weights, learned.body.skin_weights)
    for pose in poses:
        bones = bone_transforms(pose, field.body_joints, field.rest_pose)
        theirs = skinning.bone_transforms(
            torch.tensor(pose),
            torch.tensor(learned.body.joints).double(),
            torch.tensor(learned.rest_pose).double(),
        )
        assert np.abs(bones - theirs.numpy()).max() < 1e-9
        posed = skin_forward(field.body_vertices, weights, bones)
        exact = skinning.skin_forward(
            torch.tensor(field.body_vertices).double(), torch.tensor(weights).double(), theirs
        )
        assert np.abs(posed - exact.numpy()).max() < 1e-9
        assert np.abs(skin_backward(posed, weights, bones) - field.body_vertices).max() < 1e-6


def test_rotations_come_back_as_axis_and_angle():
    from addon.scene.kinematics import axis_angles, rotation_matrices

    random = np.random.default_rng(2)
    axes = random.normal(size=(300, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    # Tiny angles and angles close to half a turn are the hard ones.
    tiny = 10.0 ** -np.arange(1, 13)
    vectors = axes * np.r_[tiny, np.pi - tiny, random.uniform(0, np.pi, 276)][:, None]
    matrices = rotation_matrices(vectors)
    assert np.abs(rotation_matrices(axis_angles(matrices)) - matrices).max() < 1e-9
    assert np.abs(axis_angles(matrices[24:]) - vectors[24:]).max() < 1e-9
    assert np.array_equal(axis_angles(np.eye(3)), np.zeros(3))


def test_weights_between_voxels_are_trilinear(field, learned):
    from addon.scene.weights import interpolate_weights

    random = np.random.default_rng(3)
    centres = random.integers(0, 48, (50, 3))
    flat = (centres[:, 0] * 48 + centres[:, 1]) * 48 + centres[:, 2]
    exact = learned.weights[flat].toarray()
    assert (
        np.abs(interpolate_weights(field.voxel_weights, (48,) * 3, centres.astype(float)) - exact).max()
        < 1e-6
    )
    inner = random.integers(0, 47, (50, 3)).astype(float)
    along = [
        interpolate_weights(field.voxel_weights, (48,) * 3, inner + np.array([0, 0, t])) for t in (0, 0.25, 1)
    ]
    assert np.abs(along[1] - (0.75 * along[0] + 0.25 * along[2])).max() < 1e-6

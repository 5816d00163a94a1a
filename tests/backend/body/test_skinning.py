"""Skinning against formulas of others' (scipy, smplx), round trips and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from propfield.body.loaders import OPEN_BODY, open_body
from propfield.body.skeleton import MIRROR, PARENTS, canonical_pose
from propfield.body.skinning import (
    bone_transforms,
    joint_transforms,
    pose_vertices,
    rigid_inverse,
    rotation_matrices,
    skin_backward,
    skin_forward,
)


def random_pose(seed: int, scale: float = 0.5, batch: tuple[int, ...] = ()) -> torch.Tensor:
    return scale * torch.randn(
        *batch, 24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


@pytest.fixture(scope="module")
def joints() -> torch.Tensor:
    return torch.from_numpy(open_body().joints).double()


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-6, 9e-5, 1.1e-4, 1e-3, 0.5, 3.0, np.pi, 6.0, 20.0])
def test_rotations_are_scipys(angle):
    axes = np.random.default_rng(0).normal(size=(50, 3))
    vectors = angle * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    found = rotation_matrices(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(found, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-6, 5e-5, 0.3])
def test_rotations_have_gradients(size):
    vectors = size * torch.tensor([[1.0, 0, 0], [0.3, -0.5, 0.8]], dtype=torch.float64)
    assert torch.autograd.gradcheck(rotation_matrices, vectors.requires_grad_())


@pytest.mark.parametrize("size", [0.0, 9e-5, 1.1e-4, 1e-3, 1e-2, 1.0])
def test_single_precision_gradients_are_as_good_as_double(size):
    vectors = size * torch.nn.functional.normalize(
        torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    )
    weight = torch.randn(200, 3, 3, generator=torch.Generator().manual_seed(1))
    gradients = []
    for kind in (torch.float32, torch.float64):
        leaf = vectors.to(kind).detach().clone().requires_grad_()
        (rotation_matrices(leaf) * weight.to(kind)).sum().backward()
        gradients.append(leaf.grad.double())
    torch.testing.assert_close(gradients[0], gradients[1], atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 0.4])
def test_skinning_has_gradients(joints, scale):
    points = torch.from_numpy(open_body().vertices[::1500]).double().requires_grad_()
    weights = torch.from_numpy(open_body().skin_weights[::1500]).double()
    pose = random_pose(1, scale).requires_grad_()

    def forward(pose, joints, points):
        return skin_forward(points, weights, bone_transforms(pose, joints))

    def backward(pose, joints, points):
        return skin_backward(points, weights, bone_transforms(pose, joints))

    free_joints = joints.clone().requires_grad_()
    assert torch.autograd.gradcheck(forward, (pose, free_joints, points))
    assert torch.autograd.gradcheck(backward, (pose, free_joints, points))


def test_joints_follow_the_chain_of_their_parents(joints):
    pose = random_pose(2)
    found = joint_transforms(pose, joints).numpy()
    turns = Rotation.from_rotvec(pose.numpy())
    for joint in range(24):
        turn, place, child = Rotation.identity(), np.zeros(3), joint
        while child >= 0:  # from the joint up to the root
            parent = PARENTS[child]
            offset = joints[child].numpy() - (joints[parent].numpy() if parent >= 0 else 0)
            place = turns[child].apply(place) if child != joint else place
            place, turn = place + offset, turns[child] * turn
            child = parent
        np.testing.assert_allclose(found[joint, :3, 3], place, atol=1e-12)
        np.testing.assert_allclose(found[joint, :3, :3], turn.as_matrix(), atol=1e-12)


def test_rigid_inverse_undoes(joints):
    transforms = joint_transforms(random_pose(3), joints)
    identity = torch.eye(4, dtype=torch.float64).expand(24, 4, 4)
    torch.testing.assert_close(rigid_inverse(transforms) @ transforms, identity, atol=1e-12, rtol=0)


def test_the_rest_pose_moves_nothing(joints):
    rest = torch.from_numpy(canonical_pose()).double()
    identity = torch.eye(4, dtype=torch.float64).expand(24, 4, 4)
    zero = torch.zeros(24, 3, dtype=torch.float64)
    torch.testing.assert_close(bone_transforms(zero, joints), identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(bone_transforms(rest, joints, rest), identity, atol=1e-12, rtol=0)


def test_bones_from_the_canonical_pose_go_by_way_of_the_t_pose(joints):
    rest, pose = torch.from_numpy(canonical_pose()).double(), random_pose(4)
    direct = bone_transforms(pose, joints, rest)
    by_way = bone_transforms(pose, joints) @ rigid_inverse(bone_transforms(rest, joints))
    torch.testing.assert_close(direct, by_way, atol=1e-12, rtol=0)
    # They carry the canonical pose's joints to the pose's joints.
    start = joint_transforms(rest, joints)[:, :, 3:]
    end = joint_transforms(pose, joints)[:, :, 3:]
    torch.testing.assert_close(direct @ start, end, atol=1e-12, rtol=0)


def test_canonical_pose_spreads_the_legs(joints):
    places = joint_transforms(torch.from_numpy(canonical_pose()).double(), joints)[:, :3, 3]
    assert places[7, 0] > joints[7, 0] + 0.3  # left ankle
    assert places[8, 0] < joints[8, 0] - 0.3  # right ankle
    torch.testing.assert_close(places[[0, 1, 2, 15, 20]], joints[[0, 1, 2, 15, 20]])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1.0), st.booleans())
def test_backward_undoes_forward_on_rigid_points(seed, scale, from_canonical):
    joints = torch.from_numpy(open_body().joints).double()
    rest = torch.from_numpy(canonical_pose()).double() if from_canonical else None
    bones = bone_transforms(random_pose(seed, scale), joints, rest)
    weights = torch.eye(24, dtype=torch.float64)
    points = torch.randn(24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    back = skin_backward(skin_forward(points, weights, bones), weights, bones)
    torch.testing.assert_close(back, points, atol=1e-10, rtol=0)


def test_backward_undoes_forward_on_the_body(joints):
    body = open_body()
    vertices, weights = torch.from_numpy(body.vertices).double(), torch.from_numpy(body.skin_weights).double()
    bones = bone_transforms(random_pose(5, 0.3), joints)
    back = skin_backward(skin_forward(vertices, weights, bones), weights, bones)
    torch.testing.assert_close(back, vertices, atol=1e-9, rtol=0)


def test_batches_are_the_single_ones_stacked(joints):
    body = open_body()
    vertices, weights = (
        torch.from_numpy(body.vertices[::50]).double(),
        torch.from_numpy(body.skin_weights[::50]),
    )
    poses = random_pose(6, batch=(2, 3))
    together = pose_vertices(poses, vertices, weights.double(), joints)
    assert together.shape == (2, 3, len(vertices), 3)
    for row in range(2):
        for column in range(3):
            alone = pose_vertices(poses[row, column], vertices, weights.double(), joints)
            torch.testing.assert_close(together[row, column], alone, atol=1e-12, rtol=0)


def test_each_body_of_a_batch_may_have_joints_of_its_own(joints):
    poses, rest = random_pose(9, batch=(3,)), torch.from_numpy(canonical_pose()).double()
    bodies = joints + 0.05 * torch.randn(
        3, 24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    for rest_pose in (None, rest):
        together = bone_transforms(poses, bodies, rest_pose)
        for row in range(3):
            alone = bone_transforms(poses[row], bodies[row], rest_pose)
            torch.testing.assert_close(together[row], alone, atol=1e-12, rtol=0)


def test_float32_stays_float32_and_close():
    body = open_body()
    arrays = [torch.from_numpy(array) for array in (body.vertices, body.skin_weights, body.joints)]
    pose = random_pose(7)
    single = pose_vertices(pose.float(), *arrays)
    double = pose_vertices(pose, *(array.double() for array in arrays))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, atol=2e-6, rtol=0)


def test_a_mirrored_pose_gives_the_mirrored_body():
    body = open_body()
    with np.load(OPEN_BODY) as data:
        mirror = torch.from_numpy(data["mirror"]).long()
    arrays = [torch.from_numpy(array).double() for array in (body.vertices, body.skin_weights, body.joints)]
    pose = random_pose(8, 0.4)
    # A reflection in x turns the sign of the y and z parts of a rotation vector.
    mirrored = pose[list(MIRROR)] * torch.tensor([1.0, -1, -1], dtype=torch.float64)
    flip = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    one, other = pose_vertices(pose, *arrays), pose_vertices(mirrored, *arrays)
    torch.testing.assert_close(other[mirror] * flip, one, atol=1e-12, rtol=0)

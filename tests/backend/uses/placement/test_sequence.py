"""A prop over an animation."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX
from propfield.errors import PropfieldError
from propfield.evaluation.penetration import placed_penetration
from propfield.uses.placement.clearing import DEEPEST
from propfield.uses.placement.place import Wish, placements
from propfield.uses.placement.problem import checked
from propfield.uses.placement.sequence import cheapest_way, path_over_frames, smoothed

from .known_field import angle, at_joint, bones_of, field_of, rigid


def test_the_cheapest_way_pays_for_motion():
    costs = np.array([[0.0, 0.1], [0.3, 0.1], [0.0, 0.1]])
    free, dear = np.zeros((2, 2, 2)), np.full((2, 2, 2), 1.0)
    dear[:, [0, 1], [0, 1]] = 0
    assert cheapest_way(costs, free).tolist() == [0, 1, 0]
    assert cheapest_way(costs, dear).tolist() in ([0, 0, 0], [1, 1, 1])
    assert cheapest_way(costs, 0.05 * dear).tolist() == [0, 1, 0]


def test_smoothing_keeps_what_is_still_and_halves_a_tremble():
    still = np.tile(np.eye(4), (9, 1, 1))
    still[:, :3, :3] = 2 * Rotation.from_rotvec([0.3, 2.9, -0.2]).as_matrix()
    still[:, :3, 3] = [1, 2, 3]
    assert np.abs(smoothed(still) - still).max() < 1e-12
    trembling = still.copy()
    trembling[::2, 0, 3] += 0.02
    smooth = smoothed(trembling)
    assert np.abs(np.diff(smooth[:, 0, 3])).max() < 0.5 * 0.02
    scales = np.cbrt(np.linalg.det(smooth[:, :3, :3]))
    assert scales == pytest.approx(2)


def test_a_prop_follows_the_hand_that_holds_it(held, arms_down):
    field, place = held
    bones = []
    for step in range(6):
        pose = arms_down.copy()
        pose[JOINT_INDEX["right_shoulder"], 1] += 0.15 * step
        bones.append(bones_of(pose))
    mesh = angle()
    problem = checked(
        prop_vertices=np.asarray(mesh.vertices, np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=np.array(bones),
    )
    seen = []
    path = path_over_frames(field, problem, Wish("use"), lambda stage, share, message="": seen.append(stage))
    assert [each.frame for each in path] == list(range(6))
    assert all(each.penetration <= 0.005 for each in path)
    middle = np.array([0.13, 0.06, 0, 1])
    local = []
    for frame, each in zip(bones, path, strict=True):
        true = frame[JOINT_INDEX["right_wrist"]] @ place
        assert np.linalg.norm((each.matrix - true) @ middle) < 0.03
        local.append(np.linalg.inv(frame[JOINT_INDEX["right_wrist"]]) @ each.matrix)
    # In the hand it stays where it is.
    steps = np.linalg.norm(np.diff(np.array(local) @ middle, axis=0), axis=1)
    assert steps.max() < 0.005
    assert list(dict.fromkeys(seen)) == ["pose the field", "search", "follow the motion", "settle"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_frame_of_a_long_clip_is_deeper_than_it_may_be(held, arms_down):
    """The forearm swings in front of the trunk and out again."""
    field, _ = held
    across = arms_down.copy()
    across[JOINT_INDEX["right_elbow"]] = [0, 2.2, 0]
    across[JOINT_INDEX["right_shoulder"]] = [0, 0.9, 0.9]
    poses = [arms_down, across, np.zeros((24, 3), np.float32)]
    bones = [
        bones_of((1 - share) * poses[leg] + share * poses[leg + 1])
        for leg in range(2)
        for share in np.arange(32) / 32
    ]
    mesh = angle()
    problem = checked(
        prop_vertices=np.asarray(mesh.vertices, np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=np.array(bones),
    )
    path = path_over_frames(field, problem, Wish("use"))
    assert [each.frame for each in path] == list(range(64))
    assert max(each.penetration for each in path) <= DEEPEST
    measured = [placed_penetration(field, problem, "use", each.matrix, each.frame) for each in path[::4]]
    assert max(measured) <= DEEPEST + 3e-4


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_the_motion_would_take_into_the_trunk_goes_along_it(arms_down):
    """A box in the hand; the forearm swings so far across that the box would be 6 cm in the chest."""
    place = rigid(shift=at_joint("right_wrist") + np.array([-0.12, 0, 0.12]))
    size = np.array([0.3, 0.22, 0.1])
    box = trimesh.creation.box(size)
    field = field_of(place, "right_wrist", None, lambda points: (np.abs(points) < size / 2).all(1))
    across = arms_down.copy()
    across[JOINT_INDEX["right_elbow"]] = [0, 2.3, 0]
    across[JOINT_INDEX["right_shoulder"]] = [0, 0.6, 0.9]
    shares = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 24))
    bones = np.array([bones_of((1 - share) * arms_down + share * across) for share in shares])
    problem = checked(
        prop_vertices=np.asarray(box.vertices, np.float32),
        prop_faces=np.asarray(box.faces, np.int32),
        bones=bones,
    )
    path = path_over_frames(field, problem, Wish("use"))
    carried = bones[:, JOINT_INDEX["right_wrist"]]
    placed = np.array([each.matrix for each in path])
    true = carried @ place
    deep = [placed_penetration(field, problem, "use", matrix, number) for number, matrix in enumerate(true)]
    assert max(deep) > 0.05
    measured = [placed_penetration(field, problem, "use", each.matrix, each.frame) for each in path]
    assert max(measured) <= DEEPEST + 3e-4
    # Off its place only about when it has to be, and it goes there and back without a leap.
    off = np.linalg.norm((placed - true)[:, :3, 3], axis=1)
    assert off[:8].max() < 0.01
    assert off[-8:].max() < 0.01
    assert off.max() < 0.08
    local = np.linalg.inv(carried) @ placed
    assert np.linalg.norm(np.diff(local[:, :3, 3], axis=0), axis=1).max() < 0.04


def test_a_start_far_from_the_field_says_what_to_do(held, arms_down):
    mesh = angle()
    away = np.eye(4)
    away[:3, 3] = [30.0, 0, 0]
    problem = checked(
        prop_vertices=np.asarray(mesh.vertices, np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=np.array([bones_of(arms_down)]),
        start=away,
    )
    with pytest.raises(PropfieldError, match="move it to where it belongs"):
        path_over_frames(held[0], problem, Wish("use"))
    with pytest.raises(PropfieldError, match="move it to where it belongs"):
        placements(held[0], problem, Wish("use"))

"""The search in numpy: a stick that belongs in the right hand, and what it must not do."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def stick(collection, size=(0.07, 0.07, 0.62)):
    bpy.ops.mesh.primitive_cube_add(size=1, location=(3, 3, 0), rotation=(1, 2, 3))
    item = bpy.context.object
    item.scale = size
    return item


def silent(_: float, __: str) -> None:
    """Told nothing."""


@pytest.fixture
def problem(field, character):
    from addon.scene.posing import apply_pose
    from addon.scene.prop_problem import read_now

    pose = np.zeros((24, 3))
    pose[17], pose[19], pose[0] = (0, 0, 0.9), (0, 0.5, 0), (0, 1, 0)
    apply_pose(character[0], pose)
    return read_now(field, character[0], stick(None)).problem()


def truth(field, problem) -> tuple[np.ndarray, np.ndarray]:
    """The posed middle of the stick's field, and its direction."""
    from addon.scene.prop_grid import posed_cloud

    cloud = posed_cloud(field, "stick", problem.bones[0])
    off = cloud.points - cloud.centre
    _, axes = np.linalg.eigh((off * cloud.values[:, None] ** 2).T @ off)
    return cloud.centre, axes[:, 2]


def test_a_stick_is_found_in_the_hand(field, problem):
    from addon.scene.evaluated import moved
    from addon.scene.prop_search import Wishes, search

    told = []
    found = search(field, problem, Wishes("stick", 6), lambda share, stage: told.append((share, stage)))
    centre, axis = truth(field, problem)
    best = found[0]
    matrix = np.array(best["matrix"])
    assert np.linalg.norm(matrix[:3, 3] - centre) < 0.05
    # Its longest side is along Blender's z, which is the backend's y.
    assert abs(matrix[:3, 1] @ axis) > np.cos(np.radians(15))
    assert best["joints"] == {"right_wrist": 1.0}
    assert best["contact_m"] < 0.05
    assert best["scale"] == 1.0
    assert [entry["rank"] for entry in found] == list(range(1, len(found) + 1))
    assert 0 < best["score"] <= 1
    assert 0.2 < best["fill"] <= 1
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    for entry in found:
        assert entry["penetration_m"] <= 0.005
    # A square stick turned about its own axis, or end over end, is the same stick.
    middles = [np.array(entry["matrix"])[:3, 3] for entry in found]
    axes = [np.array(entry["matrix"])[:3, 1] for entry in found]
    for i in range(len(found)):
        for j in range(i):
            same_turn = abs(axes[i] @ axes[j]) > np.cos(np.radians(4))
            assert not (same_turn and np.linalg.norm(middles[i] - middles[j]) < 0.015)
    assert moved(matrix, problem.prop.vertices).shape == problem.prop.vertices.shape


def test_scale_is_found_within_its_range(field, problem):
    from dataclasses import replace

    from addon.scene.prop_mesh import PropMesh
    from addon.scene.prop_search import Wishes, search

    half = replace(problem, prop=PropMesh(problem.prop.vertices / 3, problem.prop.faces, problem.prop.own))
    best = search(field, half, Wishes("stick", 3, scale=(0.8, 4.0)), silent)[0]
    assert 1.8 < best["scale"] <= 4.0
    assert np.cbrt(np.linalg.det(np.array(best["matrix"])[:3, :3])) == pytest.approx(best["scale"])


def test_nothing_goes_below_the_ground(field, problem):
    from addon.scene.evaluated import moved
    from addon.scene.prop_search import Wishes, search

    free = search(field, problem, Wishes("stick", 1), silent)[0]
    lowest = moved(np.array(free["matrix"]), problem.prop.vertices)[:, 1].min()
    found = search(field, problem, Wishes("stick", 1, ground=lowest + 0.1), silent)[0]
    assert moved(np.array(found["matrix"]), problem.prop.vertices)[:, 1].min() > lowest + 0.1 - 1e-6
    assert found["penetration_m"] <= 0.005


def test_it_ends_when_told_and_says_what_is_not_there(field, problem):
    from addon.scene.errors import SceneError
    from addon.scene.prop_search import Wishes, search

    class Enough(Exception):
        pass

    def stop(share: float, _: str) -> None:
        if share > 0.4:
            raise Enough

    with pytest.raises(Enough):
        search(field, problem, Wishes("stick"), stop)
    with pytest.raises(SceneError, match="no type “juggle”"):
        search(field, problem, Wishes("juggle"), silent)
    with pytest.raises(SceneError, match="empty"):
        search(field, problem, Wishes("empty"), silent)


def test_far_too_large_or_small_is_said_before(field, problem):
    from dataclasses import replace

    from addon.scene.errors import SceneError
    from addon.scene.prop_mesh import PropMesh
    from addon.scene.prop_search import Wishes
    from addon.scene.prop_size import lengths, refuse_size

    own, likely = lengths(field, "stick", problem.prop, problem.bones[0])
    assert own == pytest.approx(np.linalg.norm([0.07, 0.07, 0.62]), rel=1e-4)
    assert 0.5 * own < likely < 2 * own
    refuse_size(field, problem, Wishes("stick"))
    for factor, size in ((20, "large"), (0.02, "small")):
        other = replace(problem, prop=PropMesh(problem.prop.vertices * factor, problem.prop.faces, np.eye(4)))
        with pytest.raises(SceneError, match=f"far too {size}"):
            refuse_size(field, other, Wishes("stick"))
        refuse_size(
            field, other, Wishes("stick", scale=(1 / factor, 1.0) if factor > 1 else (1.0, 1 / factor))
        )


def test_a_prop_follows_its_bone_and_stays_out_of_the_body(field, character):
    from addon.scene.evaluated import moved
    from addon.scene.posing import apply_pose
    from addon.scene.prop_clearance import Body
    from addon.scene.prop_follow import follow, held
    from addon.scene.prop_problem import gather
    from addon.scene.prop_samples import surface_samples

    armature, _ = character
    item = stick(None, (0.05, 0.05, 0.6))
    for frame, angle in ((1, 0.3), (9, 1.25)):
        pose = np.zeros((24, 3))
        pose[17] = (0, 0, angle)
        apply_pose(armature, pose, frame=frame)
    bpy.context.scene.frame_set(1)
    hand = armature.matrix_world @ armature.pose.bones["right_hand"].head
    item.rotation_euler = (0, -0.65, 0)
    item.location = hand
    *_, reading = gather(field, armature, item, list(range(1, 10)))
    problem = reading.problem()
    first = held(field, problem, "stick")
    assert first["joints"] == {"right_wrist": 1.0}
    path = np.array(follow(field, problem, "stick", first, silent))
    assert np.allclose(path[0], problem.start, atol=1e-6)
    samples, _ = surface_samples(problem.prop.vertices, problem.prop.faces, 800, seed=5)
    from addon.scene.prop_holds import Holds

    carried = []
    for frame, matrix in enumerate(path):
        posed = problem.body[0][frame][None], problem.body[1]
        solid = Holds(field, "stick", problem.bones[frame], posed).solid
        body = Body(problem.body[0][frame], problem.body[1], solid)
        assert body.depth(moved(matrix, samples)) <= 0.006
        bone = problem.bones[frame][20 + 1] @ np.linalg.inv(problem.bones[0][21])
        carried.append(np.linalg.norm((bone @ path[0])[:3, 3] - matrix[:3, 3]))
        assert np.allclose((bone @ path[0])[:3, :3], matrix[:3, :3], atol=1e-6), "it turns with the hand"
    assert max(carried) > 0.02, "the body was in the way"
    steps = np.linalg.norm(np.diff(path[:, :3, 3], axis=0), axis=1)
    assert steps.max() < 0.12

"""What the studio's views know: masks with true occlusion, keypoints, cameras, and the same again."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms
from propfield.imagery.studio.cameras import VIEW_KINDS, draw_camera, look_at
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.keypoints import keypoint_positions, keypoints
from propfield.imagery.studio.prop import build_prop, rigid
from propfield.imagery.studio.rays import Caster
from propfield.imagery.studio.recipe import Part
from propfield.imagery.studio.scene import Scene, build_scene, posed, scene_random
from propfield.imagery.studio.views import observe, render_picture, view, views
from propfield.observations.filters import failed_filter
from propfield.observations.observation import Observation

BACKPACK = recipes()["backpack"][0]
BALL = next(recipe for recipe in recipes()["sports ball"] if recipe.type.name == "hold")


def plain(recipe=BACKPACK, number: int = 0) -> Scene:
    return build_scene(recipe, scene_random(recipe, 5, number), mishaps=False)


def camera_at(scene: Scene, azimuth: float, elevation: float = 5.0):
    return look_at(scene, scene.joints[6].astype(float), azimuth, elevation, 3.5, np.radians(46.4), 256)


def identical(first: Observation, second: Observation) -> bool:
    for spec in fields(first):
        a, b = getattr(first, spec.name), getattr(second, spec.name)
        if spec.name == "camera":
            same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("K", "R", "t"))
        else:
            same = np.array_equal(a, b)
        if not same:
            return False
    return True


def test_a_view_depends_on_its_number_and_seed_alone() -> None:
    many = list(views(BALL, range(7), seed=9))
    for index in (0, 3, 6):
        assert identical(many[index], view(BALL, index, seed=9))
    assert identical(many[4], next(views(BALL, range(4, 7), seed=9)))
    assert not identical(replace(view(BALL, 3, seed=10), id=many[3].id), many[3])


def test_no_pixel_is_both_person_and_object() -> None:
    seen = list(views(BACKPACK, range(30), seed=2))
    for observation in seen:
        assert not (observation.person_mask & observation.object_mask).any()
        assert observation.objects == 0 or observation.object_mask.any()
        assert not observation.pose[0].any()
    assert sum(observation.object_mask.any() for observation in seen) > 15


def test_an_object_wholly_behind_the_body_is_not_seen() -> None:
    scene = plain()
    ball = (Part("sphere", {"radius": 0.05}),)
    chest = scene.joints[JOINT_INDEX["spine2"]].astype(float)
    hidden = replace(scene, props=(build_prop(ball, rigid(np.eye(3), chest - [0, 0, 0.3])),))
    camera = camera_at(hidden, 0.0)
    things = Caster(hidden).things(camera, 256)
    assert (things == 0).sum() > 1000
    assert (things == 1).sum() == 0
    # From behind it is there, and covers the person.
    behind = camera_at(hidden, 180.0)
    alone = Caster(replace(hidden, props=())).things(behind, 256)
    both = Caster(hidden).things(behind, 256)
    covered = both == 1
    assert covered.sum() > 50
    assert (alone[covered] == 0).mean() > 0.95


def test_scenery_hides_but_is_no_object() -> None:
    """The stool under a person with a laptop."""
    scene = plain(recipes()["laptop"][0])
    assert len(scene.scenery) == 1
    camera = camera_at(scene, 180.0, -10.0)
    things = Caster(scene).things(camera, 256)
    without = Caster(replace(scene, scenery=())).things(camera, 256)
    stool = things == 2
    assert stool.sum() > 200
    assert (without[stool] == 0).any()
    observation = view(scene.recipe, 0, 0)
    assert observation.objects <= 1
    seat = scene.scenery[0].mesh.bounds.mean(0)
    assert not scene.props[0].inside(seat[None]).any()


def test_masks_are_where_points_project() -> None:
    scene = plain(BALL)
    camera = camera_at(scene, 40.0)
    things = Caster(scene).things(camera, 256)
    alone = Caster(replace(scene, people=())).things(camera, 256)
    vertices = scene.props[0].mesh.vertices.astype(np.float32)
    pixels = camera.project(vertices)
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    rows, columns = np.nonzero(alone == 0)
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(found - box).max() < 1.5
    # What the person hides is missing, and nothing else.
    assert ((things == 1) <= (alone == 0)).all()
    assert (things[(alone == 0) & (things != 1)] == 0).all()


@pytest.mark.parametrize("azimuth", [0.0, 70.0, 180.0, -60.0])
def test_keypoints_lie_on_the_person(azimuth: float) -> None:
    scene = replace(plain(), props=())
    camera = camera_at(scene, azimuth)
    caster = Caster(scene)
    # A nose in profile is on the edge: a pixel more.
    mask = binary_dilation(caster.things(camera, 256) == 0)
    found = keypoints(scene, caster, camera, 256, np.random.default_rng(0))
    x, y = found[:, :2].astype(int).T
    assert mask[y, x].all()
    assert (found[:, 2] > 0.3).all()


def test_what_is_turned_away_is_less_sure() -> None:
    scene = replace(plain(), props=())
    caster = Caster(scene)
    random = np.random.default_rng(0)
    front = keypoints(scene, caster, camera_at(scene, 0.0), 256, random)[:, 2]
    back = keypoints(scene, caster, camera_at(scene, 180.0), 256, random)[:, 2]
    assert (front[:3] > 0.8).all()
    assert (back[:3] < 0.75).all()
    left = keypoints(scene, caster, camera_at(scene, 90.0), 256, random)[:, 2]
    assert left[3] > 0.8 > left[4]


def test_left_is_left() -> None:
    scene = plain()
    positions = keypoint_positions(scene)
    assert (positions[1::2, 0] > positions[2::2, 0])[[0, 1, 2]].all()
    pixels = camera_at(scene, 0.0).project(positions)
    assert pixels[5, 0] > pixels[6, 0]


def test_the_pose_gives_the_joints_and_the_camera_is_upright_in_the_world() -> None:
    recipe = recipes()["bicycle"][0]
    scene = plain(recipe)
    _, joints = posed(scene.pose, open_body())
    assert np.allclose(joints, scene.joints)
    # The root's turn is in the scene's world alone: the pose has none.
    assert not scene.pose[0].any()
    lean = np.degrees(np.arccos(scene.world[1, 1]))
    assert 12 < lean < 24
    camera = look_at(scene, scene.joints[0].astype(float), 30.0, 10.0, 4.0, 0.8, 256)
    up = scene.world.T @ [0, 1, 0]
    head = camera.project((scene.joints[0] + 0.3 * up).astype(np.float32)[None])[0]
    foot = camera.project((scene.joints[0] - 0.3 * up).astype(np.float32)[None])[0]
    assert abs(head[0] - foot[0]) < 0.5
    assert head[1] < foot[1]


def test_kinematics_agree_with_the_body_room() -> None:
    for kinds in recipes().values():
        scene = plain(kinds[0], 1)
        transforms = joint_transforms(torch.from_numpy(scene.pose), torch.from_numpy(open_body().joints))
        assert np.allclose(transforms[:, :3, 3].numpy(), scene.joints, atol=1e-5)


def test_views_come_from_all_round_and_some_fail_as_pictures_do() -> None:
    seen = list(views(BACKPACK, range(160), seed=1, size=128))
    azimuths = [np.degrees(np.arctan2(o.camera.centre[2], o.camera.centre[0])) % 360 for o in seen]
    counts = np.histogram(azimuths, 12, (0, 360))[0]
    assert counts.min() >= 4
    failed = [failed_filter(observation) for observation in seen]
    assert {"one person", "one object", "torso seen"} <= set(failed)
    assert 0.5 < failed.count(None) / len(seen) < 0.95


@pytest.mark.parametrize("kind", VIEW_KINDS)
def test_each_kind_of_view_has_a_proper_camera(kind: str) -> None:
    scene = plain()
    camera = draw_camera(scene, kind, 256, np.random.default_rng(1))
    assert np.allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(camera.R) > 0.99
    low, high = VIEW_KINDS[kind].elevation
    rise = np.degrees(np.arcsin(-camera.R[2] @ (scene.world.T @ [0, 1, 0])))
    assert low - 1e-3 <= rise <= high + 1e-3


def test_the_picture_shows_what_the_observation_says() -> None:
    index = next(
        i for i, o in enumerate(views(BALL, range(20), 4, 96)) if o.person_mask.sum() > 800 and o.objects == 1
    )
    picture = render_picture(BALL, index, 4, 96)
    assert picture.shape == (96, 96, 3)
    assert np.array_equal(picture, render_picture(BALL, index, 4, 96))
    observation = view(BALL, index, 4, 96)
    # The object's colour is one hue, the ground's another: their means are apart.
    neither = ~(observation.person_mask | observation.object_mask)
    apart = picture[observation.object_mask].mean(0) - picture[neither].mean(0)
    assert np.abs(apart).max() > 15


def test_a_scene_without_people_has_no_keypoints() -> None:
    scene = replace(plain(), people=())
    observation = observe(scene, Caster(scene), 0, 0)
    assert observation.people == 0
    assert not observation.person_mask.any()
    assert not observation.keypoints.any()

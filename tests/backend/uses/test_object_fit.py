"""The prop of a photo, found by a field that knows about where it is."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.errors import NotFound, PropfieldError
from propfield.field.grid import Grid
from propfield.field.occupancy import TypeField
from propfield.field.posing import pose_field
from propfield.field.skinning_weights import voxel_weights
from propfield.field.surface import iso_surface
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Camera, Observation, mask_box
from propfield.perception.posed_body import posed_mesh
from propfield.perception.rendering import render, silhouette
from propfield.uses.object_fit import fit_object
from propfield.uses.prop_file import read_prop

SIZE = (128, 128)


@pytest.fixture(scope="module")
def in_hand(field):
    """A ball in the left hand."""
    grid, hand = field.grid, open_body().joints[JOINT_INDEX["left_hand"]]
    distance = np.linalg.norm(grid.centres() - hand, axis=1).reshape(grid.shape)
    occupancy = np.clip(1.2 - distance / 0.2, 0, 1).astype(np.float32)
    return replace(field, types=(replace(field.types[0], occupancy=occupancy),))


BEFORE = Camera(
    K=np.array([[150, 0, 64], [0, 150, 64], [0, 0, 1]], np.float32),
    R=np.diag([1, -1, -1]).astype(np.float32),
    t=np.array([0, 0, 3], np.float32),
)


def of_ball(mask, pose) -> Observation:
    """A ball that BEFORE sees of somebody in a pose."""
    return Observation(
        id="0",
        source="made up",
        category="sports ball",
        prompt="",
        licence="CC0-1.0",
        people=1,
        objects=1,
        person_box=np.array([0, 0, *SIZE], np.float32),
        object_box=mask_box(mask),
        person_mask=np.zeros_like(mask),
        object_mask=mask,
        keypoints=np.full((17, 3), 0.9, np.float32),
        pose=pose,
        shape=np.zeros(10, np.float32),
        camera=BEFORE,
    )


@pytest.mark.parametrize("skinning", ["backward", "forward"])
def test_a_field_explains_its_own_silhouette(in_hand, skinning):
    """With the hand at the hip the two ways of posing differ: the fit must take the field's own."""
    pose = np.zeros((24, 3), np.float32)
    pose[JOINT_INDEX["left_shoulder"], 2] = -1.3
    masks = {}
    for way in ("backward", "forward"):
        posed = pose_field(replace(in_hand, skinning=way), "all", pose)
        surface = iso_surface(posed, in_hand.grid, 0.5 * float(posed.max()))
        masks[way] = silhouette(trimesh.Trimesh(surface.vertices, surface.faces), BEFORE, SIZE)
    either, both = masks["backward"] | masks["forward"], masks["backward"] & masks["forward"]
    assert both.sum() < 0.8 * either.sum()
    mask = masks[skinning]
    observation = of_ball(mask, pose)
    body = in_hand.body
    found = fit_object(replace(in_hand, skinning=skinning), observation, body, posed_mesh(body, pose))
    assert found.field_iou > 0.85
    assert found.mask_iou > 0.9


def board_field(grid, place, turn) -> np.ndarray:
    """A board 1.2 m long, 0.4 m wide and 0.14 m thick at a place, turned about x."""
    points = grid.centres() - np.asarray(place, np.float32)
    matrix = Rotation.from_rotvec([turn, 0, 0]).as_matrix()
    away = np.abs(points @ matrix) / np.array([0.6, 0.2, 0.07])
    return np.clip(1.6 - away.max(1), 0, 1).astype(np.float32).reshape(grid.shape)


def board(place, turn) -> trimesh.Trimesh:
    """The same as a mesh; `turn` is a rotation vector."""
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = Rotation.from_rotvec(turn).as_matrix(), place
    return trimesh.creation.box((1.2, 0.4, 0.14)).apply_transform(moved)


@pytest.fixture(scope="module")
def on_the_left(field):
    """A board before the body, to its left."""
    grid = Grid(resolution=48)
    body = open_body()
    kind = InteractionType("show", "", "left hand")
    occupancy = board_field(grid, (0.75, 0.1, 0.5), 0.4)
    kind = TypeField(kind, occupancy, np.full(grid.shape, 9, np.uint32), 9)
    weights = csr_array(voxel_weights(body, grid))
    return replace(field, category="snowboard", grid=grid, types=(kind,), weights=weights)


CAMERA = Camera(
    K=np.array([[240, 0, 96], [0, 240, 80], [0, 0, 1]], np.float32),
    R=np.diag([1, -1, -1]).astype(np.float32),
    t=np.array([0, 0, 3.2], np.float32),
)
POSE = canonical_pose()


def seen(thing) -> Observation:
    """What the camera sees of a mesh before and behind the posed body."""
    size = (192, 160)
    shown = render(thing, CAMERA, size)
    person = render(posed_mesh(open_body(), POSE), CAMERA, size)
    mask = shown.covered & (shown.depth < person.depth)
    return Observation(
        id="0",
        source="made up",
        category="snowboard",
        prompt="",
        licence="CC0-1.0",
        people=1,
        objects=1,
        person_box=mask_box(person.covered),
        object_box=mask_box(mask),
        person_mask=person.covered & ~mask,
        object_mask=mask,
        keypoints=np.full((17, 3), 0.9, np.float32),
        pose=POSE,
        shape=np.zeros(10, np.float32),
        camera=CAMERA,
    )


def fitted(field, observation, **options):
    return fit_object(field, observation, field.body, posed_mesh(field.body, POSE), **options)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_moved_and_turned_object_is_found_again(on_the_left, mirrored):
    """Where the photo has it and not where the field does; in the other hand too."""
    side = -1 if mirrored else 1
    truth = board((side * 0.8, 0.25, 0.5), np.array([0.4, 0, side * 0.5]))
    found = fitted(on_the_left, seen(truth))
    assert found.mirrored == mirrored
    assert found.contact == ("right hand" if mirrored else "left hand")
    assert found.field_iou < 0.65
    assert found.mask_iou > 0.85
    assert np.linalg.norm(found.mesh.bounds.mean(0) - truth.bounds.mean(0)) < 0.15
    # The transform tells how the field's surface came there.
    back = found.mesh.copy().apply_transform(np.linalg.inv(found.transform))
    assert np.linalg.norm(back.bounds.mean(0) - [side * 0.75, 0.1, 0.5]) < 0.06
    other = next(each for each in found.candidates if each.mirrored != mirrored)
    assert other.likelihood < found.candidates[0].likelihood
    assert other.cost > found.candidates[0].cost


def test_it_is_the_same_each_time(on_the_left):
    observation = seen(board((0.8, 0.25, 0.5), np.array([0.4, 0, 0.5])))
    first, second = (fitted(on_the_left, observation) for _ in range(2))
    assert (first.mesh.vertices == second.mesh.vertices).all()


def test_what_the_body_hides_says_nothing(on_the_left):
    """A board behind the body, of which the ends are seen: its middle is not missed."""
    grid = on_the_left.grid
    occupancy = board_field(grid, (0.0, 0.2, -0.25), 1.57)
    kind = replace(on_the_left.types[0], type=InteractionType("back", "", "torso"), occupancy=occupancy)
    field = replace(on_the_left, types=(kind,))
    truth = board((0.05, 0.25, -0.25), np.array([1.57, 0, 0]))
    observation = seen(truth)
    whole = render(truth, CAMERA, observation.size).covered
    assert observation.object_mask.sum() < 0.75 * whole.sum()
    found = fitted(field, observation)
    assert found.mask_iou > 0.75
    # It did not come to the fore, nor shrink to one of the ends.
    assert found.mesh.bounds.mean(0)[2] < -0.1
    assert np.ptp(found.mesh.bounds[:, 0]) > 1.0


def test_other_things_are_no_evidence(on_the_left):
    """Something stands before half of the board: with that known, its place is found all the same."""
    truth = board((0.8, 0.25, 0.5), np.array([0.4, 0, 0.2]))
    observation = seen(truth)
    hidden = np.zeros_like(observation.object_mask)
    hidden[:, 162:] = True
    part = replace(observation, object_mask=observation.object_mask & ~hidden)
    assert part.object_mask.sum() < 0.75 * observation.object_mask.sum()
    known = fitted(on_the_left, part, unknown=hidden)
    assert np.linalg.norm(known.mesh.bounds.mean(0) - truth.bounds.mean(0)) < 0.15
    ignored = fitted(on_the_left, part)
    assert known.mask_iou > ignored.mask_iou


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_a_users_mesh_takes_the_objects_place(on_the_left, unit, tmp_path):
    """In whatever axes and units its file has it."""
    truth = board((0.8, 0.25, 0.5), np.array([0.4, 0, 0.5]))
    own = trimesh.creation.box((0.14, 1.2, 0.4)).apply_translation([3, -2, 1]).apply_scale(unit)
    own.export(tmp_path / "board.ply")
    prop = read_prop(tmp_path / "board.ply")
    found = fitted(on_the_left, seen(truth), prop=prop)
    assert found.prop is prop
    assert found.mask_iou > 0.85
    placed = prop.mesh.copy().apply_transform(found.transform)
    assert np.allclose(placed.vertices, found.mesh.vertices)
    # Rigid but for one scale.
    linear = found.transform[:3, :3]
    scale = np.cbrt(np.linalg.det(linear))
    assert np.allclose(linear @ linear.T, scale**2 * np.eye(3), atol=1e-6 * scale**2)
    assert 0.75 < scale * unit < 1.3
    assert np.linalg.norm(found.mesh.bounds.mean(0) - truth.bounds.mean(0)) < 0.15


def test_a_type_can_be_asked_for(field):
    body = posed_mesh(field.body, POSE)
    ball = trimesh.creation.icosphere(2, 0.16).apply_translation([0.0, 0.1, 0.4])
    observation = seen(ball)
    assert fit_object(field, observation, field.body, body).type == "hold"
    assert fit_object(field, observation, field.body, body, type_name="kick").type == "kick"
    with pytest.raises(NotFound, match="has no type “throw”"):
        fit_object(field, observation, field.body, body, type_name="throw")
    empty = replace(field.types[0], occupancy=np.zeros_like(field.types[0].occupancy))
    with pytest.raises(PropfieldError, match="holds nothing"):
        fit_object(replace(field, types=(empty,)), observation, field.body, body)


def test_of_pieces_that_came_apart_the_one_in_the_mask_is_the_object(in_hand):
    """A ball at either hand, as a thing of both hands is left behind by hands that do something else; the
    photo shows it at the right one alone."""
    grid, joints = in_hand.grid, open_body().joints
    balls = [
        np.clip(1.2 - np.linalg.norm(grid.centres() - joints[JOINT_INDEX[hand]], axis=1) / 0.2, 0, 1)
        for hand in ("left_hand", "right_hand")
    ]
    both = np.maximum(*balls).astype(np.float32).reshape(grid.shape)
    field = replace(in_hand, types=(replace(in_hand.types[0], occupancy=both),))
    pose = np.zeros((24, 3), np.float32)
    posed = pose_field(field, "all", pose)
    # The person's right is on the left of the picture, at negative x.
    right = np.where(grid.axes()[0][:, None, None] < 0, posed, 0).astype(np.float32)
    surface = iso_surface(right, grid, 0.5 * float(posed.max()))
    mask = silhouette(trimesh.Trimesh(surface.vertices, surface.faces), BEFORE, SIZE)
    observation = of_ball(mask, pose)
    found = fit_object(field, observation, field.body, posed_mesh(field.body, pose))
    assert found.field_iou < 0.6
    assert found.mask_iou > 0.85
    assert len(found.mesh.split(only_watertight=False)) == 1
    assert found.mesh.bounds[1, 0] < 0

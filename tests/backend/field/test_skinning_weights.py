import subprocess
import sys

import numpy as np
import pytest
import torch

from propfield.body.skeleton import MIRROR, canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.errors import PropfieldError
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights, weights_around, weights_at

NEARLY = 1e-5
"""Above what the floor of stored weights takes (1e-6 of a joint), far below a wrong neighbour among 30."""


def by_the_book(vertices, skin, grid):
    """Eq. 4 and Supp. A.5 in double precision, every voxel against every vertex: (R³, 24)."""
    squared = ((grid.centres()[:, None].astype(float) - vertices[None]) ** 2).sum(-1)
    order = np.argsort(squared, 1, kind="stable")[:, :30]
    distance = np.sqrt(np.take_along_axis(squared, order, 1))
    with np.errstate(divide="ignore"):
        inverse = 1 / distance
    exact = distance[:, 0] == 0
    inverse[exact] = np.eye(1, inverse.shape[1])
    inverse /= inverse.sum(1, keepdims=True)
    r = np.clip(distance[:, 0] / 0.8, 0, 1)
    body_share = ((1 - r) / (1 + r)) ** 0.25
    weights = (inverse[..., None] * skin[order]).sum(1) * body_share[:, None]
    weights[:, 0] += 1 - body_share
    cube = weights.reshape(*grid.shape, 24)
    pelvis_alone = cube[..., 1:].sum(-1) < 1e-8
    for _ in range(30):
        next_cube = cube.copy()
        mean = sum(np.roll(cube, shift, axis) for axis in range(3) for shift in (-1, 1)) / 6
        inner = (slice(1, -1),) * 3
        next_cube[inner] = 0.7 * cube[inner] + 0.3 * mean[inner]
        next_cube[pelvis_alone] = np.eye(24)[0]
        cube = next_cube
    return cube.reshape(-1, 24)


def cloud(seed, count, spread=0.3, centre=(0, 0, 0)):
    """Vertices in a lump, and a skin of up to three joints each that changes over it."""
    random = np.random.default_rng(seed)
    vertices = (random.normal(size=(count, 3)) * spread + centre).astype(np.float32)
    skin = np.zeros((count, 24), np.float32)
    joints = np.digitize(vertices @ random.normal(size=3), np.linspace(-spread, spread, 23))
    for _ in range(3):
        skin[np.arange(count), (joints + random.integers(0, 2, count)) % 24] += random.random(count)
    return vertices, skin / skin.sum(1, keepdims=True)


def canonical_mesh(body):
    arrays = (canonical_pose(), body.vertices, body.skin_weights, body.joints)
    return pose_vertices(*(torch.from_numpy(array) for array in arrays)).numpy(), body.skin_weights


def test_rows_sum_to_one_and_are_no_less_than_zero(weights):
    assert weights.shape == (48**3, 24)
    assert weights.data.min() > 0
    assert weights.sum(1) == pytest.approx(1, abs=1e-5)


def test_far_from_the_body_the_pelvis_alone_holds(weights, grid):
    corner = grid.voxel_of(np.full((1, 3), 1.45, np.float32))[0]
    assert weights[[corner]].toarray()[0] == pytest.approx(np.eye(24)[0])


def test_near_a_hand_the_hand_holds(weights, grid, body):
    at_hand = weights_at(body.joints[22:23], weights, grid)[0]
    assert at_hand[[20, 22]].sum() > 0.7


def test_left_and_right_are_mirror_images(weights, grid):
    cube = weights.toarray().reshape(*grid.shape, 24)
    mirrored = cube[::-1, :, :, list(MIRROR)]
    # The body's halves mirror to a few micrometres; 30 neighbours may be picked otherwise at a tie.
    assert np.abs(cube - mirrored).max() < 0.01


def test_weights_at_voxel_centres_are_the_voxels_own(weights, grid):
    chosen = np.random.default_rng(0).integers(0, 48**3, 500)
    found = weights_at(grid.centres()[chosen], weights, grid)
    assert found == pytest.approx(weights[chosen].toarray(), abs=1e-5)


def test_weights_between_voxels_are_their_mean(weights, grid, body):
    index = grid.voxel_of(body.joints[18:19])[0]
    pair = np.array([index, index + 1])
    middle = grid.centres()[pair].mean(0, keepdims=True)
    assert weights_at(middle, weights, grid)[0] == pytest.approx(weights[pair].toarray().mean(0), abs=1e-5)


def test_a_coarse_and_a_fine_grid_say_nearly_the_same(body, weights, grid):
    """The weights belong to the space around the body; smoothing alone depends on the voxel's size."""
    coarse = Grid(resolution=24)
    at_joints = weights_at(body.joints, voxel_weights(body, coarse), coarse)
    assert np.abs(at_joints - weights_at(body.joints, weights, grid)).mean() < 0.05


def test_the_canonical_pose_spreads_the_legs_outward():
    pose = canonical_pose()
    assert pose[1, 2] == pytest.approx(np.pi / 6)
    assert pose[2, 2] == pytest.approx(-np.pi / 6)
    assert np.count_nonzero(pose) == 2


def test_the_body_on_a_coarse_grid_is_by_the_book(body):
    grid = Grid(12)
    found = weights_around(body.vertices, body.skin_weights, grid).toarray()
    assert np.abs(found - by_the_book(body.vertices, body.skin_weights, grid)).max() < NEARLY


@pytest.mark.parametrize(
    ("vertices", "spread", "grid"),
    [
        (900, 0.3, Grid(19)),
        (900, 0.02, Grid(21, 1.0, (0.1, -0.2, 0.05))),
        (400, 1.5, Grid(17, 4.0)),
        (60, 0.1, Grid(20, 0.2)),
        (31, 0.3, Grid(9)),
        (30, 0.3, Grid(8)),
        (7, 0.3, Grid(16)),
        (1, 0.3, Grid(16)),
    ],
)
def test_any_cloud_is_by_the_book(vertices, spread, grid):
    """Grids that no block fits, voxels finer and coarser than the mesh, fewer vertices than neighbours."""
    mesh = cloud(vertices, vertices, spread)
    found = weights_around(*mesh, grid).toarray()
    assert np.abs(found - by_the_book(*mesh, grid)).max() < NEARLY


def test_a_grid_far_from_the_origin_is_by_the_book():
    grid = Grid(16, 1.0, (40.0, -25.0, 60.0))
    mesh = cloud(3, 500, 0.2, (40, -25, 60))
    assert np.abs(weights_around(*mesh, grid).toarray() - by_the_book(*mesh, grid)).max() < NEARLY


def test_vertices_at_voxel_centres_count_alone():
    grid = Grid(16)
    vertices, skin = cloud(5, 300)
    # On the outermost layer, which smoothing leaves as it is.
    face = np.flatnonzero(np.isclose(grid.centres()[:, 0], grid.axes()[0, 0]))[::7]
    vertices[: len(face)] = grid.centres()[face]
    found = weights_around(vertices, skin, grid).toarray()
    assert found[face] == pytest.approx(skin[: len(face)], abs=1e-6)
    assert np.abs(found - by_the_book(vertices, skin, grid)).max() < NEARLY


def test_a_vertex_next_to_nothing_from_a_voxel_centre_gives_numbers():
    """So near that the square of the distance is zero in single precision."""
    grid = Grid(9, 2.25)
    vertices, skin = cloud(9, 50)
    vertices[3] = 1e-25
    found = weights_around(vertices, skin, grid).toarray()
    assert np.abs(found - by_the_book(vertices, skin, grid)).max() < NEARLY


def test_of_vertices_at_one_place_the_first_count():
    grid = Grid(12)
    vertices, skin = cloud(6, 40)
    vertices, skin = np.tile(vertices, (3, 1)), np.roll(np.tile(skin, (3, 1)), 1, 0)
    assert (
        np.abs(weights_around(vertices, skin, grid).toarray() - by_the_book(vertices, skin, grid)).max()
        < 3e-6
    )
    one_place = np.tile(vertices[:1], (120, 1))
    found = weights_around(one_place, skin, grid).toarray()
    assert np.abs(found - by_the_book(one_place, skin, grid)).max() < NEARLY


def test_a_body_beyond_reach_leaves_all_to_the_pelvis():
    vertices, skin = cloud(7, 100, 0.1, (9, 0, 0))
    found = weights_around(vertices, skin, Grid(16))
    assert np.array_equal(found.toarray(), np.eye(24)[np.zeros(16**3, int)])


def test_a_skin_of_the_pelvis_alone_leaves_all_to_it():
    vertices, skin = cloud(8, 100)
    skin[:] = np.eye(24)[0]
    assert np.array_equal(weights_around(vertices, skin, Grid(16)).toarray()[:, 0], np.ones(16**3))


def test_the_number_of_threads_changes_no_bit(body, weights, grid):
    for threads in (1, 3):
        other = weights_around(*canonical_mesh(body), grid, threads)
        assert np.array_equal(other.data, weights.data)
        assert np.array_equal(other.indices, weights.indices)


def test_a_mesh_that_is_none_is_one_sentence(body):
    vertices = body.vertices.copy()
    vertices[17, 1] = np.nan
    with pytest.raises(PropfieldError, match="not all finite"):
        weights_around(vertices, body.skin_weights, Grid(16))
    with pytest.raises(PropfieldError, match="without vertices"):
        weights_around(vertices[:0], body.skin_weights[:0], Grid(16))


@pytest.mark.slow
def test_a_fine_grid_takes_little_memory():
    """256³: as a dense array the weights alone would take 1.6 GB."""
    program = (
        "from propfield.body.loaders import open_body\n"
        "from propfield.evaluation.growth_point import peak_memory\n"
        "from propfield.field.grid import Grid\n"
        "from propfield.field.skinning_weights import voxel_weights\n"
        "weights = voxel_weights(open_body(), Grid(256))\n"
        "assert abs(weights.sum(1) - 1).max() < 1e-5\n"
        "print(peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5 * 2**30

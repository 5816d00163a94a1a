"""The fit: on made-up objects whose true place is known."""

from dataclasses import replace

import numpy as np
import pytest

from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.errors import PropfieldError
from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.fit import estimator
from propfield.field.fit.body_depth import surface_depth
from propfield.field.fit.estimator import believed, fit_occupancy
from propfield.field.fit.inside import inside_body
from propfield.field.fit.limbs import Skeleton
from propfield.field.fit.posed_view import PosedView, Shown, Voxels
from propfield.field.fit.silhouettes import EMPTY, HIDDEN, OBJECT, OUTSIDE, silhouette
from propfield.field.fit.views import ViewSample, fit_views, seen_view
from propfield.field.grid import Grid
from propfield.field.learning import learn_field
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.interaction import InteractionType

from .conftest import looking_from
from .fit_views import (
    agreement,
    around,
    ball_views,
    disc,
    learned,
    place_of_ball,
    true_ball,
    view_of_body,
    wrongly_posed,
)


@pytest.fixture(scope="module")
def grid():
    return Grid(32)


@pytest.fixture(scope="module")
def weights(body, grid):
    return voxel_weights(body, grid)


@pytest.mark.parametrize("spread", [0.0, 0.08])
def test_the_fit_finds_the_object_where_votes_smear(body, grid, spread):
    views, truth = list(ball_views(body, count=150, spread=spread)), true_ball(body, grid, spread)
    votes, fit = (learned(views, body, grid, kind).type("all").occupancy for kind in ("voting", "fit"))
    assert agreement(fit, truth) > 0.93
    assert agreement(votes, truth) < 0.8
    # A probability: what the fit calls likely is so as often as it says.
    likely = fit > 0.3
    assert abs(fit[likely].mean() - truth[likely].mean()) < 0.15


def test_a_fifth_of_wrong_masks_does_little(body, grid):
    random = np.random.default_rng(4)
    views = [
        replace(view, object_mask=np.roll(view.object_mask, random.integers(30, 90), axis=1))
        if number % 5 == 0
        else view
        for number, view in enumerate(ball_views(body))
    ]
    fit, votes = (learned(views, body, grid, kind).type("all").occupancy for kind in ("fit", "voting"))
    truth = true_ball(body, grid)
    assert agreement(fit, truth) > 0.9
    assert agreement(fit, truth) > agreement(votes, truth) + 0.15
    # All true voxels are as likely as if no mask were wrong, and not a fifth less.
    assert fit[truth > 0].mean() > 0.85


def ready(view, body):
    return fit_views([seen_view(view)], body)[0]


def test_views_that_disagree_are_believed_less():
    belief = believed(np.array([0.8, 0.9, 0.7, 0.2, 0.0], np.float32))
    assert belief[:3].tolist() == [1, 1, 1]
    assert belief[3] == pytest.approx((0.2 / 0.35) ** 2, rel=1e-5)
    assert belief[4] == 0
    assert believed(np.zeros(3, np.float32)).tolist() == [1, 1, 1]


def test_what_the_body_hides_says_nothing(body, grid, weights):
    """A ball behind the back, seen from behind; from in front there is only the person."""
    centre = np.array([0, 0.1, -0.2])
    views = []
    for number, camera in enumerate(around(60, np.random.default_rng(1))):
        person = np.zeros((128, 128), bool)
        shown = ready(view_of_body(body, person, canonical_pose(), camera), body)
        rows, columns = (np.arange(128) / shown.cell).astype(int), (np.arange(128) / shown.cell).astype(int)
        depth = shown.depth[np.ix_(rows, columns)]
        ball = disc(camera, centre, 0.15)
        behind = depth < (camera.R @ centre + camera.t)[2]
        mask = ball & ~behind
        person = np.isfinite(depth) & ~mask
        if not mask.any():
            # Something must be seen for the filters to let a view pass: far from all voxels here.
            mask[0, 0] = True
        views.append(view_of_body(body, mask, canonical_pose(), camera, id=str(number), person_mask=person))
    truth = (np.linalg.norm(grid.centres() - centre, axis=1) < 0.15).reshape(grid.shape)
    truth &= ~inside_body(body, grid, np.arange(grid.resolution**3)).reshape(grid.shape)
    fit, votes = (learned(views, body, grid, kind).type("all").occupancy for kind in ("fit", "voting"))
    assert fit[truth].mean() > 0.75
    assert fit[truth].mean() > votes[truth].mean() + 0.1
    assert agreement(fit, truth) > agreement(votes, truth) + 0.1


def test_threads_change_nothing(body, grid, weights):
    views = fit_views([seen_view(view) for view in wrongly_posed(body, count=30)], body)
    assert all(view.covariance is not None for view in views)
    voxels = np.arange(grid.resolution**3)
    skeleton, inside = Skeleton.of(body), inside_body(body, grid, voxels)
    one = fit_occupancy(views, skeleton, grid, weights, voxels, inside, threads=1)
    many = fit_occupancy(views, skeleton, grid, weights, voxels, inside, threads=4)
    assert np.array_equal(one, many)
    assert one.max() > 0.5


def test_the_mix_is_made_of_its_types(body, grid):
    kinds = [InteractionType("hold", "A person holds a thing"), InteractionType("miss", "Another")]
    # Of the second way there are half as many views, elsewhere.
    hold = list(ball_views(body, count=40))
    miss = [
        replace(view, object_mask=disc(view.camera, np.array([0, 0.9, 0]), 0.15))
        for view in ball_views(body, count=20, seed=3, prompt="Another")
    ]
    field = learned([*hold, *miss], body, grid, types=kinds)
    all_, first, second = (field.type(name).occupancy for name in ("all", "hold", "miss"))
    assert np.allclose(all_, (2 * first + second) / 3, atol=1e-6)
    assert first[true_ball(body, grid) > 0].mean() > 0.85
    assert field.skinning == "forward"
    assert field.provenance["estimator"] == "fit"


def test_views_of_no_type_are_a_part_of_the_mix(body, grid):
    field = learned(ball_views(body, count=30), body, grid, types=[InteractionType("other", "Another")])
    assert agreement(field.type("all").occupancy, true_ball(body, grid)) > 0.9
    assert not field.type("other").occupancy.any()


def test_an_iterator_is_refused(body, grid):
    with pytest.raises(PropfieldError, match="reads its observations twice"):
        learn_field("thing", [], ball_views(body), body=body, grid=grid, estimator="fit")


@pytest.mark.parametrize("count", [1, 2])
def test_few_views_give_no_false_certainty(body, grid, count):
    field = learned(list(ball_views(body))[:count], body, grid)
    occupancy = field.type("all").occupancy
    assert np.isfinite(occupancy).all()
    assert 0 < occupancy.max() <= count / (count + estimator.PRIOR_VIEWS) + 1e-6


def test_the_sample_is_the_same_in_any_order(body):
    views = list(ball_views(body, count=25))
    samples = [ViewSample(most=10) for _ in range(3)]
    for sample, order in zip(samples, (views, views[::-1], views[7:] + views[:7]), strict=True):
        for view in order:
            sample.add(view)
        assert sample.added == 25
        assert len(sample.views) == 10
    first = [view.facing for view in samples[0].views]
    for sample in samples[1:]:
        assert all(np.array_equal(a, b.facing) for a, b in zip(first, sample.views, strict=True))


def test_large_pictures_are_made_smaller(body):
    camera = looking_from(0.3, focal=1200.0, size=1024)
    mask = disc(camera, place_of_ball(body), 0.15, size=1024)
    view = seen_view(view_of_body(body, mask, canonical_pose(), camera))
    assert (view.width, view.height) == (512, 512)
    assert view.lens.tolist() == [600, 600, 256, 256]
    smaller = np.unpackbits(view.objects, axis=1).astype(bool)
    assert smaller.mean() == pytest.approx(mask.mean(), rel=0.02)


def test_depth_of_a_sphere_and_of_a_face_before_the_lens():
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    vertices, faces = ball.vertices.astype(np.float32), ball.faces.astype(np.int32)
    camera = np.array([[64, 0, 32, 64], [0, 64, 32, 64], [0, 0, 1, 2]], np.float32)
    depth = np.empty((64, 64), np.float32)
    surface_depth(vertices, faces, camera, 1.0, depth)
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
    direction = np.stack([(x - 32) / 64, (y - 32) / 64, np.ones_like(x)], -1)
    # |s d − (0, 0, 2)| = 0.5
    a, b, c = (direction**2).sum(-1), -4 * direction[..., 2], 4 - 0.25
    root = b * b - 4 * a * c
    hit = root > 0.3
    expected = (-b[hit] - np.sqrt(root[hit])) / (2 * a[hit])
    assert hit.sum() > 400
    assert np.abs(depth[hit] - expected).max() < 0.02
    assert np.isinf(depth[root < -1]).all()
    surface_depth(vertices - np.array([0, 0, 2], np.float32), faces, camera, 1.0, depth)
    assert np.isfinite(depth[np.isfinite(depth)]).all()


def test_what_a_view_shows_of_a_voxel(body, grid, weights):
    """Against numpy, voxel by voxel."""
    camera = looking_from(1.1, distance=2.0, focal=120.0, size=128)
    random = np.random.default_rng(8)
    mask, person = random.uniform(size=(2, 128, 128)) < [[[0.3]], [[0.5]]]
    person &= ~mask
    pose = canonical_pose()
    pose[JOINT_INDEX["left_shoulder"]] = 0.2, 0.3, -0.8
    view = ready(view_of_body(body, mask, pose, camera, person_mask=person), body)
    count = grid.resolution**3
    inside_body = random.uniform(size=count) < 0.1
    voxels = Voxels.of(grid, weights, np.arange(count), inside_body)
    shown = Shown.room_for(voxels)
    PosedView(view, Skeleton.of(body)).look(voxels, shown)
    points = CanonicalVoxels(body, grid, weights).posed(pose).numpy().astype(float)
    depth = points @ camera.R[2].astype(float) + camera.t[2]
    pixels = camera.project(points.astype(np.float32))
    inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < 128).all(1)
    x, y = np.where(inside[:, None], pixels, 0).astype(int).T
    front = view.depth[(y / view.cell).astype(int), (x / view.cell).astype(int)]
    hidden = ~inside_body & (depth > front + 0.03) & (mask | person)[y, x]
    expected = np.select([~inside, hidden, mask[y, x]], [OUTSIDE, HIDDEN, OBJECT], EMPTY)
    assert {EMPTY, OBJECT, HIDDEN, OUTSIDE} == set(expected.tolist())
    assert (shown.shown != expected).mean() < 2e-3


def test_a_silhouette_is_the_union_of_voxels():
    """One voxel covers its own width; two on one ray are likelier than each, and never more than certain."""
    seen = np.array([[32, 32, 2.0], [32, 32, 3.0], [10, 50, 2.0], [50, 10, 2.0]], np.float32)
    occupancy = np.array([0.5, 0.5, 1.0, 0.7], np.float32)
    shown = np.array([EMPTY, EMPTY, OBJECT, HIDDEN], np.uint8)
    likely = np.zeros((64, 64), np.float32)
    silhouette(occupancy, seen, shown, 12.0, 1.0, likely)
    assert likely[31, 31] == pytest.approx(0.5 * 2**0.25)
    assert likely[29, 31] == pytest.approx(0.5)
    assert likely[50, 10] == 1
    assert likely[10, 50] == 0
    assert (likely > 0).sum() == 36 + 36

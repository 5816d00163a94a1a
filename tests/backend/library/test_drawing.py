"""Pictures of fields: what is to be seen is in them, from a side that shows it."""

import os
from dataclasses import replace

import numpy as np
import pytest

from propfield.errors import NotFound
from propfield.field.file import save_field
from propfield.library import Library
from propfield.library.drawing import draw_field
from propfield.library.drawing_view import framed
from propfield.library.previews import TYPICAL_POSES, make_previews, typical_pose


def parts(image) -> tuple[np.ndarray, np.ndarray]:
    """Where a picture shows clay, and where it shows the field."""
    pixels = np.asarray(image).astype(int)
    solid = pixels[..., 3] > 200
    grey = solid & (np.ptp(pixels[..., :3], axis=2) < 20)
    warm = solid & (pixels[..., 0] > pixels[..., 2] + 60)
    return grey, warm


def middle(mask: np.ndarray) -> np.ndarray:
    """(x, y) of a mask's middle."""
    return np.argwhere(mask).mean(0)[::-1]


def test_a_picture_shows_a_grey_body_and_a_warm_field_and_nothing_around(field):
    image = draw_field(field, "watch")
    assert (image.mode, image.size) == ("RGBA", (256, 256))
    grey, warm = parts(image)
    assert 2000 < grey.sum() < 30000
    assert warm.sum() > 300
    # The balloon is over the head: higher than all of the body, and near its middle.
    assert middle(warm)[1] < np.argwhere(grey)[:, 0].min() + 25
    assert abs(middle(warm)[0] - middle(grey)[0]) < 30
    alpha = np.asarray(image)[..., 3]
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert border.max() == 0
    rows, columns = np.nonzero(alpha)
    assert max(np.ptp(rows), np.ptp(columns)) > 200


def test_what_is_behind_the_body_is_shown_from_a_side_where_it_is_seen(field):
    x, y, z = np.meshgrid(*field.grid.axes(), indexing="ij")
    behind = np.exp(-((x / 0.2) ** 2 + ((y - 0.2) / 0.2) ** 2 + ((z + 0.2) / 0.12) ** 2)).astype(np.float32)
    flat = replace(field, types=(replace(field.types[0], occupancy=behind),))
    _, warm = parts(draw_field(flat))
    assert warm.sum() > 150


def test_the_type_is_drawn_in_its_typical_pose(field):
    assert typical_pose(field, "watch") is None
    pose = typical_pose(field, "hold")
    np.testing.assert_allclose(pose, np.asarray(field.provenance[TYPICAL_POSES]["hold"]), atol=1e-6)
    # The mix of all types has the pose of the only one that has one.
    np.testing.assert_array_equal(typical_pose(field, "all"), pose)
    resting, bent = (np.asarray(draw_field(field, "hold", each)) for each in (None, pose))
    assert (resting != bent).any()


@pytest.mark.parametrize(
    "poses", [None, [], {"hold": [1, 2]}, {"hold": "x"}, {"hold": [[float("nan")] * 3] * 24}]
)
def test_a_pose_that_is_none_is_left_out(field, poses):
    assert typical_pose(replace(field, provenance={TYPICAL_POSES: poses}), "hold") is None


def test_an_empty_type_is_a_body_alone(field):
    nothing = np.zeros_like(field.types[0].occupancy)
    grey, warm = parts(draw_field(replace(field, types=(replace(field.types[0], occupancy=nothing),))))
    assert grey.sum() > 2000
    assert warm.sum() == 0


@pytest.mark.parametrize("azimuth", np.radians([0, 35, -135, 180]))
def test_the_camera_frames_all_that_is_to_be_seen(azimuth):
    random = np.random.default_rng(3)
    points = random.normal(size=(500, 3)) * (0.4, 1.1, 0.7) + (2, -1, 0.5)
    view = framed(points, float(azimuth), 100)
    np.testing.assert_allclose(view.R @ view.R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.R) == pytest.approx(1)
    seen = points @ view.R.T + view.t
    assert seen[:, 2].min() > 0.05
    pixels = seen[:, :2] / seen[:, 2:] * view.focal[:2] + view.focal[2:]
    assert pixels.min() > 2
    assert pixels.max() < 98
    assert np.ptp(pixels, axis=0).max() > 80
    # Up is up, and a camera before the person looks at them.
    assert view.R[1, 1] < -0.9
    back = np.array([np.sin(azimuth), 0, np.cos(azimuth)])
    assert (view.centre - points.mean(0)) @ back > 0


def test_previews_lie_beside_their_field_and_are_renewed_with_it(field, tmp_path):
    library = Library(tmp_path)
    save_field(field, library.new_path("x"))
    assert not library.entry("x")["preview"]
    made = make_previews(library, "x")
    # The main type's picture is the field's.
    assert [path.name for path in made] == ["x.0.png", "x.1.png", "x.png"]
    assert library.preview("x") == library.preview("x", "watch")
    assert library.entry("x")["preview"]
    before = {path: path.stat().st_mtime_ns for path in made}
    assert make_previews(library, "x", field) == made
    assert {path: path.stat().st_mtime_ns for path in made} == before
    made[1].unlink()
    later = library.path("x").stat().st_mtime_ns + 10**10
    os.utime(library.path("x"), ns=(later, later))
    assert not library.entry("x")["preview"]
    make_previews(library, "x", types=["hold"])
    assert made[1].is_file()
    assert made[1].stat().st_mtime_ns == later
    assert made[2].stat().st_mtime_ns == before[made[2]]
    with pytest.raises(NotFound, match="hold"):
        make_previews(library, "x", types=["juggle"])

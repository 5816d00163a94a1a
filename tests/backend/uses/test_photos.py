"""The development photos, with real weights or annotations: the fitted joints land on the keypoints."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.errors import PropfieldError
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio import StudioSource
from propfield.observations.interaction import InteractionType
from propfield.perception.annotations import read_annotations
from propfield.uses.reconstruction import reconstruct

QUICK = (36, 431, 510)
TORSO_SEEN = (
    *QUICK,
    *(pytest.param(each, marks=pytest.mark.slow) for each in (86, 428, 446, 459, 474, 785, 4765)),
)
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.mark.shared
@pytest.mark.parametrize("number", TORSO_SEEN)
@pytest.mark.parametrize("annotated", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_joints_land_on_the_keypoints(shared, monkeypatch, number, annotated):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    photos = shared / "photos"
    scene = reconstruct(
        photos / f"{number:012}.jpg", annotations=photos / "instances.json" if annotated else None
    )
    # The issue asks for 5% on average; the worst, a baby, has 2.0%.
    assert scene.reprojection_px < 0.025 * scene.person_height_px
    assert scene.perceived.observation.people == 1


@pytest.mark.shared
def test_legs_alone_are_refused(shared, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    with pytest.raises(PropfieldError, match="torso"):
        reconstruct(shared / "photos" / "000000003553.jpg")


@pytest.mark.shared
def test_riders_face_where_they_look(shared, monkeypatch):
    """Left and right, front and back: the person's own axes in the camera."""
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    facing = {}
    for number in (459, 446, 474):
        scene = reconstruct(shared / "photos" / f"{number:012}.jpg")
        facing[number] = scene.perceived.fit.camera.R[:, 2]
    assert facing[459][2] < -0.8  # the man in the mirror looks at us
    assert facing[446][0] > 0.6  # the woman looks to the right
    assert facing[474][0] < -0.5  # the boy to the left


@pytest.mark.shared
@pytest.mark.slow
def test_objects_are_put_where_their_masks_are(shared, monkeypatch):
    """Boards, umbrellas and rackets: placed, not cut out, by what the studio knows of how they are held."""
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    photos, studio, grid, body = shared / "photos", StudioSource(workers=1), Grid(), open_body()
    annotations = read_annotations(photos / "instances.json")
    weights = csr_array(voxel_weights(body, grid))
    overlaps = []
    for number, category in ((36, "umbrella"), (431, "tennis racket"), (4765, "surfboard")):
        truth = studio.true_occupancy(category, None, grid, scenes=60, seed=1)
        kinds = {kind.name: kind for kind in studio.types(category)} | {"all": InteractionType("all", "")}
        seen = np.full(grid.shape, 99, np.uint32)
        types = tuple(TypeField(kinds[name], occupancy, seen, 99) for name, occupancy in truth.items())
        field = OccupancyField(category, grid, types, weights, body, canonical_pose(), skinning="forward")
        scene = reconstruct(photos / f"{number:012}.jpg", annotations=annotations, field=field)
        assert scene.object.mask_iou > scene.object.field_iou
        overlaps.append(scene.object.mask_iou)
    # The issue asks for 0.4 on average.
    assert min(overlaps) > 0.4
    assert np.mean(overlaps) > 0.6


def test_the_example_is_rebuilt_without_weights(tmp_path):
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    Image.fromarray(data.camera()).save(tmp_path / "camera.png")
    scene = reconstruct(tmp_path / "camera.png", annotations=EXAMPLES / "cameraman.json")
    assert scene.category == "camera"
    assert scene.reprojection_px < 0.02 * scene.person_height_px
    # He looks to the right, at the viewfinder.
    assert scene.perceived.fit.camera.R[0, 2] > 0.3
    licences = json.loads((EXAMPLES / "cameraman.json").read_text())["licenses"]
    assert licences[0]["name"] == "CC0-1.0"

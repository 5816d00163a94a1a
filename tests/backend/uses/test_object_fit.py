"""The prop of a photo, found by a field that knows where it is."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.field.posing import pose_field
from propfield.field.surface import iso_surface
from propfield.observations.observation import Camera, Observation, mask_box
from propfield.uses.object_fit import fit_object
from propfield.uses.reconstruction import posed_mesh
from propfield.uses.rendering import silhouette

SIZE = (128, 128)


@pytest.fixture(scope="module")
def in_hand(field):
    """A ball in the left hand."""
    grid, hand = field.grid, open_body().joints[JOINT_INDEX["left_hand"]]
    distance = np.linalg.norm(grid.centres() - hand, axis=1).reshape(grid.shape)
    occupancy = np.clip(1.2 - distance / 0.2, 0, 1).astype(np.float32)
    return replace(field, types=(replace(field.types[0], occupancy=occupancy),))


@pytest.mark.parametrize("skinning", ["backward", "forward"])
def test_a_field_explains_its_own_silhouette(in_hand, skinning):
    """With the hand at the hip the two ways of posing differ: the fit must take the field's own."""
    pose = np.zeros((24, 3), np.float32)
    pose[JOINT_INDEX["left_shoulder"], 2] = -1.3
    camera = Camera(
        K=np.array([[150, 0, 64], [0, 150, 64], [0, 0, 1]], np.float32),
        R=np.diag([1, -1, -1]).astype(np.float32),
        t=np.array([0, 0, 3], np.float32),
    )
    masks = {}
    for way in ("backward", "forward"):
        posed = pose_field(replace(in_hand, skinning=way), "all", pose)
        surface = iso_surface(posed, in_hand.grid, 0.5 * float(posed.max()))
        masks[way] = silhouette(trimesh.Trimesh(surface.vertices, surface.faces), camera, SIZE)
    either, both = masks["backward"] | masks["forward"], masks["backward"] & masks["forward"]
    assert both.sum() < 0.8 * either.sum()
    mask = masks[skinning]
    observation = Observation(
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
        camera=camera,
    )
    body = in_hand.body
    found = fit_object(replace(in_hand, skinning=skinning), observation, body, posed_mesh(body, pose))
    assert found.field_iou > 0.9

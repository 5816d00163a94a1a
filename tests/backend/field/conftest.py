"""Forty views of the open body, as the official implementation was given them, and made-up ones."""

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.observation import Camera, Observation, mask_box


def view_of(mask, pose, camera, *, id="0", prompt="A person holds a thing", **changes) -> Observation:
    """An observation that passes all filters, around a mask, a pose and a camera."""
    height, width = mask.shape
    keypoints = np.full((17, 3), 0.9, np.float32)
    keypoints[:, :2] = width / 2, height / 2
    values = {
        "id": id,
        "source": "made up",
        "category": "thing",
        "prompt": prompt,
        "licence": "CC0-1.0",
        "people": 1,
        "objects": 1,
        "person_box": np.array([0, 0, width, height], np.float32),
        "object_box": mask_box(mask),
        "person_mask": np.zeros_like(mask),
        "object_mask": mask,
        "keypoints": keypoints,
        "pose": pose,
        "shape": np.zeros(10, np.float32),
        "camera": camera,
    }
    return Observation(**(values | changes))


@pytest.fixture(scope="session")
def body():
    return open_body()


@pytest.fixture(scope="session")
def grid():
    return Grid()


@pytest.fixture(scope="session")
def weights(body, grid):
    return voxel_weights(body, grid)


@pytest.fixture(scope="session")
def reference_views(shared):
    with np.load(shared / "reference" / "inputs.npz") as data:
        masks = np.unpackbits(data["masks"], axis=-1).astype(bool)
        poses = data["pose"].copy()
        poses[:, 0] = 0
        return [
            view_of(masks[k], poses[k], Camera(data["K"][k], data["R"][k], data["t"][k]), id=str(k))
            for k in range(len(masks))
        ]


@pytest.fixture(scope="session")
def reference_outputs(shared):
    with np.load(shared / "reference" / "outputs.npz") as data:
        return dict(data)


def looking_from(azimuth: float, distance: float = 3.0, focal: float = 300.0, size: int = 256) -> Camera:
    """A camera at the height of the origin, `azimuth` radians from +x toward +z, looking at the origin."""
    back = np.array([np.cos(azimuth), 0, np.sin(azimuth)])
    right = np.cross([0, 1, 0], back)
    R = np.stack([right, [0, -1, 0], -back]).astype(np.float32)
    K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    return Camera(K, R, np.array([0, 0, distance], np.float32))

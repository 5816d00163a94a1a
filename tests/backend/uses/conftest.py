"""A field, a photo and its annotations in which everything is known."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Camera
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.posed_body import posed_mesh
from propfield.perception.rendering import silhouette

SIZE = (320, 320)


def ball_field(places: dict[str, tuple[float, float, float]], radius: float = 0.16) -> OccupancyField:
    """A field whose types are balls at the given places around the rest pose; `all` is their mean."""
    grid = Grid(resolution=32, size=3.0)
    centres = grid.centres()
    balls = {
        name: np.clip(1.2 - np.linalg.norm(centres - np.array(place, np.float32), axis=1) / radius, 0, 1)
        for name, place in places.items()
    }
    balls = {"all": np.mean(list(balls.values()), axis=0), **balls}
    body = open_body()
    return OccupancyField(
        category="sports ball",
        grid=grid,
        types=tuple(
            TypeField(
                InteractionType(name, ""),
                ball.astype(np.float32).reshape(grid.shape),
                np.full(grid.shape, 9, np.uint32),
                9,
            )
            for name, ball in balls.items()
        ),
        weights=csr_array(voxel_weights(body, grid)),
        body=body,
        rest_pose=canonical_pose(),
    )


@pytest.fixture(scope="session")
def field() -> OccupancyField:
    """A ball before the chest, or beside the left foot."""
    return ball_field({"hold": (0.0, 0.1, 0.4), "kick": (0.9, -1.0, 0.2)})


@dataclass(frozen=True)
class Staged:
    photo: Path
    annotations: Path
    camera: Camera
    ball: np.ndarray
    """Where the ball is, metres in the person's space."""

    def edit(self, change) -> None:
        data = json.loads(self.annotations.read_text())
        change(data)
        self.annotations.write_text(json.dumps(data))


@pytest.fixture
def staged(tmp_path) -> Staged:
    """The open body with its arms down before a wall, seen from the front and a little from its left, and a
    ball before its chest."""
    body = open_body()
    pose = np.zeros((24, 3), np.float32)
    pose[JOINT_INDEX["left_shoulder"], 2] = -1.0
    pose[JOINT_INDEX["right_shoulder"], 2] = 1.0
    angle = np.radians(-20)
    spin = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]], np.float32
    )
    R = np.diag([1, -1, -1]).astype(np.float32) @ spin
    K = np.array([[373.4, 0, 160], [0, 373.4, 160], [0, 0, 1]], np.float32)
    t = (np.array([0, 0.05, 2.9]) - R @ body.joints[0]).astype(np.float32)
    camera = Camera(K=K, R=R, t=t)
    person = silhouette(posed_mesh(body, pose), camera, SIZE)
    centre = np.array([0.0, 0.1, 0.4], np.float32)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    u, v = camera.project(centre)
    radius = 0.16 * K[0, 0] / (R @ centre + t)[2]
    ball = (x - u) ** 2 + (y - v) ** 2 < radius**2
    where = landmarks_of(body)
    import torch

    from propfield.body.skinning import joint_transforms

    frames = joint_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints)).numpy()[where.joints]
    points = (frames[:, :3, :3] @ where.offsets[:, :, None])[..., 0] + frames[:, :3, 3]
    keypoints = [[float(a), float(b), 2] for a, b in camera.project(points[:17].astype(np.float32))]
    pixels = np.full((*person.shape, 3), 180, np.uint8)
    pixels[person] = (90, 60, 60)
    pixels[ball] = (250, 250, 250)
    Image.fromarray(pixels).save(tmp_path / "photo.png")

    def runs(mask: np.ndarray) -> dict:
        flat = np.concatenate([[0], mask.ravel(order="F").astype(int)])
        edges = np.flatnonzero(np.diff(flat)).tolist()
        return {"size": list(mask.shape), "counts": np.diff([0, *edges, mask.size]).tolist()}

    entries = [
        {"category_id": 1, "segmentation": runs(person & ~ball), "keypoints": np.ravel(keypoints).tolist()},
        {"category_id": 2, "segmentation": runs(ball)},
    ]
    data = {
        "images": [{"id": 1, "file_name": "photo.png", "width": SIZE[0], "height": SIZE[1]}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "sports ball"}],
        "annotations": [{"id": i, "image_id": 1, "iscrowd": 0, **entry} for i, entry in enumerate(entries)],
    }
    (tmp_path / "coco.json").write_text(json.dumps(data))
    return Staged(tmp_path / "photo.png", tmp_path / "coco.json", camera, centre)

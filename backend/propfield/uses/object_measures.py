"""How well a placed object fits: to its mask, to what it touches, and to the body that it may not enter."""

import numpy as np
import trimesh
from jaxtyping import Bool, Float64, Int32
from scipy.spatial import cKDTree

from propfield.body.skeleton import JOINT_INDEX
from propfield.body.template import BodyTemplate
from propfield.observations.observation import Observation
from propfield.perception.rendering import render
from propfield.uses.body_distance import BodyDistance

GAP_SAMPLES = 5000
STRAIGHT = 0.7
"""Radians by which hips and knees are bent at most in somebody who stands."""


def mask_overlap(
    mesh: trimesh.Trimesh,
    body: trimesh.Trimesh,
    observation: Observation,
    unknown: Bool[np.ndarray, "H W"],
) -> float:
    """IoU of the object's mask with what a scene of this mesh and body shows of the mesh: a part behind the
    body is not seen. Pixels of other things do not count, nor those of the person that the body leaves free
    (hair, clothes): what is there may be hidden."""
    thing = render(mesh, observation.camera, observation.size)
    person = render(body, observation.camera, observation.size)
    shown = thing.covered & (thing.depth <= person.depth)
    free = (observation.person_mask & ~person.covered) | unknown
    counted = observation.object_mask | ~free
    union = int(((shown | observation.object_mask) & counted).sum())
    return float((shown & observation.object_mask).sum()) / union if union else 0.0


def surface_gap(
    mesh: trimesh.Trimesh, body: trimesh.Trimesh, touched: Int32[np.ndarray, " N"]
) -> float | None:
    """Metres from a mesh's surface to these vertices of the body, to some millimetres; 0 where one is inside,
    None of none."""
    if not len(touched):
        return None
    points = np.asarray(body.vertices[touched])
    if mesh.is_watertight and mesh.contains(points).any():
        return 0.0
    surface, _ = trimesh.sample.sample_surface(mesh, GAP_SAMPLES, seed=0)
    return float(cKDTree(surface).query(points)[0].min())


def deepest(mesh: trimesh.Trimesh, around: BodyDistance) -> float:
    """Metres that the deepest of a mesh's vertices is inside the body."""
    return max(0.0, -float(around.at(np.asarray(mesh.vertices, np.float32)).min()))


def ground_under(
    observation: Observation, body: BodyTemplate, posed_body: trimesh.Trimesh
) -> Float64[np.ndarray, "4"]:
    """The ground where somebody stands upright: the plane's normal (up) and offset in the camera's space, in
    metres; zeros where nobody does. Up is between the person's and the picture's, which seldom lean alike."""
    bent = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee")]
    angles = np.linalg.norm(observation.pose[[JOINT_INDEX[name] for name in bent]], axis=1)
    own, level = observation.camera.R[:, 1].astype(float), np.array([0.0, -1, 0])
    ankles = observation.keypoints[15:17, 2]
    if angles.max() > STRAIGHT or own @ level < 0.8 or ankles.min() < 0.5:
        return np.zeros(4)
    up = (own + level) / np.linalg.norm(own + level)
    feet = np.concatenate([body.part_vertices("left foot"), body.part_vertices("right foot")])
    points = posed_body.vertices[feet] @ observation.camera.R.T.astype(float) + observation.camera.t
    return np.array([*up, float((points @ up).min())])

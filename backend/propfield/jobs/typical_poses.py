"""The pose in which people typically use an object: what previews show a field in."""

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.skinning import joint_transforms
from propfield.body.template import BodyTemplate
from propfield.observations.interaction import InteractionType
from propfield.observations.store import StoredObservations

MOST = 256
"""Views of a type that are looked at: the middle of so many is the middle."""


def typical_poses(
    types: list[InteractionType], observations: StoredObservations, body: BodyTemplate
) -> dict[str, list[list[float]]]:
    """For each type that was seen the pose (24 rows of axis-angle, radians, upright) of the view that is
    nearest to all others (the medoid, by the mean distance of the joints): a true pose, where a mean would
    be none."""
    found = {}
    for kind in types:
        poses = observations.poses(kind.prompt, MOST)
        if len(poses):
            # To a ten-thousandth of a radian, as text in the header.
            found[kind.name] = np.round(_medoid(poses, body).astype(float), 4).tolist()
    return found


def _medoid(poses: Float32[np.ndarray, "N 24 3"], body: BodyTemplate) -> Float32[np.ndarray, "24 3"]:
    upright = poses.copy()
    upright[:, 0] = 0
    places = joint_transforms(torch.from_numpy(upright), torch.from_numpy(body.joints))[..., :3, 3].numpy()
    apart = [float(np.linalg.norm(places - each, axis=2).mean()) for each in places]
    return upright[int(np.argmin(apart))]

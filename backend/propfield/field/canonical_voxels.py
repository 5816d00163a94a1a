"""A grid's voxels around the rest pose, and where a pose takes them."""

import numpy as np
import torch
from jaxtyping import Float32
from scipy.sparse import csr_array

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import bone_transforms
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.grid import Grid


class CanonicalVoxels:
    """W of CHORUS Eq. 5 for all voxels of a grid; `weights` are skinning_weights.voxel_weights of the same
    body and grid. PropfieldError when they are of another grid."""

    def __init__(
        self, body: BodyTemplate, grid: Grid, weights: csr_array, device: str | torch.device = "cpu"
    ) -> None:
        if weights.shape != (grid.resolution**3, 24):
            raise PropfieldError(f"The voxel weights are of another grid: {weights.shape[0]} rows.")
        self.device = torch.device(device)
        self._joints = self.tensor(body.joints)
        self._rest = self.tensor(canonical_pose())
        self._centres = self.tensor(grid.centres())
        # A voxel that follows the pelvis alone stays where it is: the root's rotation is the camera's.
        moving = np.flatnonzero(weights[:, [0]].toarray()[:, 0] < 1)
        self._moving = torch.from_numpy(moving).to(self.device)
        self._weights = self.tensor(weights[moving].toarray())

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """An array in single precision on the voxels' device."""
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)

    def posed(self, pose: Float32[np.ndarray, "24 3"]) -> Float32[torch.Tensor, "N 3"]:
        """Where the voxel centres, in C order of [x, y, z], are in a pose; metres."""
        bones = bone_transforms(self.tensor(pose), self._joints, self._rest)[:, :3].flatten(-2)
        transform = (self._weights @ bones).unflatten(-1, (3, 4))
        moving = self._centres[self._moving]
        posed = self._centres.clone()
        posed[self._moving] = (transform[..., :3] @ moving[..., None])[..., 0] + transform[..., 3]
        return posed

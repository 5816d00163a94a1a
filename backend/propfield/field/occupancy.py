"""A learned field: where a category's objects are around the rest pose, for each way of using them."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt32
from scipy.sparse import csr_array

from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, nearest_names
from propfield.field.grid import Grid
from propfield.observations.interaction import InteractionType


@dataclass(frozen=True)
class TypeField:
    """Φ(x | s) of one interaction type s (CHORUS Eq. 2).

    Attributes:
        type: its name, prompt and body part; the mix of all is called "all".
        occupancy: probability in [0, 1]; 0 where no view saw the voxel.
        support: how many views had the voxel inside the picture; 0 where a sparse field counted none.
        views: how many views were counted.
    """

    type: InteractionType
    occupancy: Float32[np.ndarray, "R R R"]
    support: UInt32[np.ndarray, "R R R"]
    views: int


@dataclass(frozen=True)
class OccupancyField:
    """All that is known of a category: its types, the grid, the voxels' skin, the body, and where it is from.

    Attributes:
        category: COCO's name.
        weights: (R³, 24) compressed rows: how much each voxel (C order of [x, y, z]) follows each bone.
        rest_pose: (24, 3) the canonical pose of the grid, axis-angle in radians.
        provenance: sources, seeds, counts before and after each filter, versions, licences of every input.
        skinning: how the field is taken into a pose: "backward", as the paper does (posing.py), or "forward",
            by the warp that learning used (forward_posing.py).
    """

    category: str
    grid: Grid
    types: tuple[TypeField, ...]
    weights: csr_array
    body: BodyTemplate
    rest_pose: Float32[np.ndarray, "24 3"]
    provenance: dict = field(default_factory=dict)
    skinning: Literal["backward", "forward"] = "backward"

    def type(self, name: str = "all") -> TypeField:
        """The field of a type by its name. NotFound, with the names there are, for another."""
        for candidate in self.types:
            if candidate.type.name == name:
                return candidate
        names = [candidate.type.name for candidate in self.types]
        raise NotFound(
            f"This {self.category} field has no type “{name}”; it has:"
            f" {', '.join(nearest_names(name, names, 9))}."
        )

"""Bodies by name: the open body that comes with propfield, or a file of the user's."""

from functools import cache
from pathlib import Path

import numpy as np

from propfield.body.template import BodyTemplate

OPEN_BODY = Path(__file__).parent / "assets" / "open_body.npz"


@cache
def open_body() -> BodyTemplate:
    """The 24-joint body made from MakeHuman's CC0 data, with ten shape numbers; about 6,900 vertices."""
    with np.load(OPEN_BODY, allow_pickle=False) as data:
        return BodyTemplate(
            name="open body",
            licence="CC0-1.0",
            commercial=True,
            vertices=data["vertices"],
            faces=data["faces"],
            skin_weights=data["skin_weights"],
            joints=data["joints"],
            shape_directions=data["shape_directions"],
            joint_regressor=data["joint_regressor"],
        )

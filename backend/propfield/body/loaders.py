"""Bodies by name: the open body that comes with propfield, or a file of the user's."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from propfield.body.smpl_family import load_body
from propfield.body.template import BodyTemplate

OPEN_BODY = Path(__file__).parent / "assets" / "open_body.npz"
OPEN_BODY_NAMES = ("open", "open body")


@cache
def open_body() -> BodyTemplate:
    """The 24-joint body made from MakeHuman's CC0 data, with ten shape numbers; about 6,900 vertices.

    How it is made: assets/README.md and `propfield.body.construction`.
    """
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
            provenance=json.loads(str(data["provenance"])),
        )


def body_by_name(name: str) -> BodyTemplate:
    """The body that a user names: "open" (the open body), or the path of an SMPL, SMPL-H or SMPL-X file.

    NotFound where there is neither; for a file's other errors see `load_body`.
    """
    return open_body() if name.lower() in OPEN_BODY_NAMES else load_body(Path(name))


__all__ = ["OPEN_BODY", "body_by_name", "load_body", "open_body"]

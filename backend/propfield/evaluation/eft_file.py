"""EFT's fits of SMPL to COCO's persons (Joo et al. 2020), as published: one JSON file with a list of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from propfield.errors import NotFound, PropfieldError
from propfield.perception.annotations import MAX_BYTES


@dataclass(frozen=True)
class EftFit:
    """A person's SMPL parameters, with a weak-perspective camera of a square crop of the picture.

    Attributes:
        annotation: id of COCO's annotation of the person.
        rotations: (24, 3, 3) of the joints against their parents; the first is the person's against the
            camera (x right, y down, z forward).
        camera: s, t_x, t_y: a joint at (x, y) metres is at s (x, y) + t, from −1 to 1 over the crop.
        crop_scale: a 200th of the crop's side, pixels.
        crop_centre: its middle, pixels.
    """

    annotation: int
    rotations: Float[np.ndarray, "24 3 3"]
    camera: Float[np.ndarray, "3"]
    crop_scale: float
    crop_centre: Float[np.ndarray, "2"]

    @property
    def pixels_a_metre(self) -> float:
        """Scale of the weak projection in the whole picture."""
        return 100 * self.crop_scale * float(self.camera[0])

    @property
    def shift(self) -> Float[np.ndarray, "2"]:
        """Pixel of the body model's origin."""
        return self.crop_centre + 100 * self.crop_scale * self.camera[1:]


def read_eft_fits(path: Path) -> dict[int, EftFit]:
    """The fits of a file, by annotation id. NotFound without the file; PropfieldError when it is not in EFT's
    format."""
    if not path.is_file():
        raise NotFound(f"There is no file of EFT fits at {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise PropfieldError(f"{path.name} is larger than 1 GiB: give EFT's fits of COCO's validation set.")
    try:
        fits = [_fit(entry) for entry in json.loads(path.read_bytes())["data"]]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise PropfieldError(
            f"{path.name} is not in EFT's format: it needs “data”, a list of fits with"
            " parm_pose (24 × 3 × 3), parm_cam (3), bbox_scale, bbox_center (2) and annotId."
        ) from error
    return {fit.annotation: fit for fit in fits}


def _fit(entry: dict) -> EftFit:
    return EftFit(
        annotation=int(entry["annotId"]),
        rotations=np.asarray(entry["parm_pose"], dtype=float).reshape(24, 3, 3),
        camera=np.asarray(entry["parm_cam"], dtype=float).reshape(3),
        crop_scale=float(entry["bbox_scale"]),
        crop_centre=np.asarray(entry["bbox_center"], dtype=float).reshape(2),
    )

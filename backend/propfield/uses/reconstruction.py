"""One photo of a person with an object, rebuilt: posed body, camera, and the object from its field."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import Float32

from propfield.body.loaders import open_body
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, PropfieldError, nearest_names
from propfield.field.occupancy import OccupancyField
from propfield.perception.annotations import read_annotations
from propfield.perception.choice import PerceptionChoice
from propfield.perception.coco_names import COCO_80
from propfield.perception.detection import (
    PERSON,
    Detection,
    choose_category,
    choose_person,
    people_in,
)
from propfield.perception.observe import Perceived, observe
from propfield.perception.picture import Picture, load_picture
from propfield.progress import Progress, silent
from propfield.uses.object_fit import ObjectFit, fit_object
from propfield.uses.rendering import scaled_camera, silhouette
from propfield.uses.scene_file import write_scene

LONGEST = 2560
"""Pixels on the longer side to which photos are made smaller: a background image needs no more."""
LEAST_COVER = 0.5
"""A fitted body of which less lies on the person's mask is not that person: keypoints were imagined."""


@dataclass(frozen=True)
class Reconstruction:
    """A photo as a scene.

    Attributes:
        picture: the photo.
        perceived: masks, landmarks, and the body fitted to them.
        category: COCO's name of the object, None when the photo shows none that is known.
        body: the posed body in the person's space, metres.
        joints: (24, 3) the T-pose's joints of the fitted shape, metres.
        object: the object beside it; None without a field or an object.
        field_file: the field it is from, where that is a file.
    """

    picture: Picture
    perceived: Perceived
    category: str | None
    body: trimesh.Trimesh
    joints: Float32[np.ndarray, "24 3"]
    object: ObjectFit | None
    field_file: Path | None = None

    @property
    def reprojection_px(self) -> float:
        """Mean distance between the keypoints found and the fitted body's, pixels."""
        return self.perceived.fit.reprojection_px

    @property
    def person_height_px(self) -> float:
        """Height of the person in the photo: of the box around its mask and keypoints."""
        marks = self.perceived.landmarks.keypoints
        seen = marks[marks[:, 2] > 0, 1]
        box = self.perceived.person.box
        return float(max(box[3], seen.max(initial=-np.inf)) - min(box[1], seen.min(initial=np.inf)))

    def write(self, folder: Path) -> list[str]:
        """Writes the scene into `folder` and gives the names of its files: see uses.scene_file."""
        return write_scene(self, folder)


def reconstruct(
    photo: Path,
    *,
    annotations: Path | None = None,
    category: str | None = None,
    person: int | None = None,
    field: OccupancyField | None = None,
    field_file: Path | None = None,
    field_files: Mapping[str, Path] | None = None,
    choice: PerceptionChoice | None = None,
    progress: Progress = silent,
) -> Reconstruction:
    """Rebuilds a photo.

    Args:
        photo: any picture of Pillow's formats.
        annotations: a COCO file with the photo's masks (and keypoints); else `choice` finds them.
        category: the object's; else the field's, else the one nearest to the person among `field_files`.
        person: which of several people, from 1, left to right.
        field: the category's; or `field_file`, or one of `field_files` (by category). None: just the body.
        choice: who finds masks and keypoints where annotations do not tell.

    Raises PropfieldError, with one sentence, for whatever is wrong with the photo, the files or the choice.
    """
    choice = choice or PerceptionChoice()
    progress("read photo", 0.0)
    picture = load_picture(photo, longest=LONGEST)
    if field is None and field_file is not None:
        field = _load(field_file)
    progress("find person and object", 0.0)
    words = [category] if category else [field.category] if field else list(field_files or COCO_80)
    segmenter = read_annotations(annotations) if annotations else choice.open_segmenter([PERSON, *words])
    (detections,) = segmenter.segment([picture])
    who = choose_person(people_in(detections), person, picture.name)
    thing = _category(picture, detections, who, category, field, field_files)
    if field is None and field_files and thing is not None and thing in field_files:
        field_file = field_files[thing]
        field = _load(field_file)
    body = _fitting_body(field)
    progress("fit body", 0.0)
    perceived = observe(
        picture,
        detections,
        category=thing or "",
        person=who,
        finder=choice.keypoint_finder(),
        body=body,
        id=Path(picture.name).stem,
        source="photo",
        progress=progress,
    )
    worn = _worn(body, perceived.fit.shape)
    mesh = posed_mesh(worn, perceived.fit.pose)
    _check_cover(picture, perceived, mesh)
    found = None
    if field is not None and perceived.observation.object_mask.any():
        found = fit_object(field, perceived.observation, worn, mesh, progress=progress)
    return Reconstruction(
        picture=picture,
        perceived=perceived,
        category=thing,
        body=mesh,
        joints=worn.joints,
        object=found,
        field_file=field_file if found is not None else None,
    )


def posed_mesh(body: BodyTemplate, pose: np.ndarray) -> trimesh.Trimesh:
    """A body in a pose (24, 3), in the person's space."""
    vertices = pose_vertices(
        torch.from_numpy(pose),
        torch.from_numpy(body.vertices),
        torch.from_numpy(body.skin_weights),
        torch.from_numpy(body.joints),
    )
    return trimesh.Trimesh(vertices.numpy(), body.faces, process=False)


def _load(field_file: Path) -> OccupancyField:
    from propfield.field.file import load_field

    return load_field(field_file)


def _category(
    picture: Picture,
    detections: list[Detection],
    person: Detection,
    asked: str | None,
    field: OccupancyField | None,
    field_files: Mapping[str, Path] | None,
) -> str | None:
    shown = sorted({each.category for each in detections if each.category != PERSON})
    if asked is not None:
        asked = asked.strip().lower()
    if field is not None:
        if asked is not None and asked != field.category:
            raise PropfieldError(
                f"The field is of a {field.category}, not of “{asked}”; leave the category out, "
                "or give that category's field."
            )
        asked = field.category
    if asked is not None:
        if asked not in shown:
            others = f"; it shows: {', '.join(nearest_names(asked, shown, 5))}" if shown else ""
            raise NotFound(f"No “{asked}” was found in {picture.name}{others}; name another category.")
        return asked
    known = list(field_files) if field_files else None
    chosen = choose_category(person, detections, known)
    # Without a field for anything here, the body and the object's name are still worth having.
    return chosen if chosen is not None else choose_category(person, detections, None)


def _fitting_body(field: OccupancyField | None) -> BodyTemplate:
    """The field's body; a field file keeps no shape numbers, but the open body is here with them."""
    if field is None or field.body.name == open_body().name:
        return open_body()
    return field.body


def _worn(body: BodyTemplate, shape: np.ndarray) -> BodyTemplate:
    count = min(len(shape), body.shape_directions.shape[2])
    return body.shaped(shape[:count]) if count else body


def _check_cover(picture: Picture, perceived: Perceived, mesh: trimesh.Trimesh) -> None:
    width, height = picture.size
    factor = min(1.0, 160 / max(width, height))
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    covered = silhouette(mesh, scaled_camera(perceived.fit.camera, factor), size)
    rows = ((np.arange(size[1]) + 0.5) / factor).astype(int).clip(max=height - 1)
    columns = ((np.arange(size[0]) + 0.5) / factor).astype(int).clip(max=width - 1)
    observation = perceived.observation
    # The object may hide a good part of the body.
    allowed = (observation.person_mask | observation.object_mask)[rows][:, columns]
    person = observation.person_mask[rows][:, columns]
    inside = (covered & allowed).sum() / max(int(covered.sum()), 1)
    explained = (covered & person).sum() / max(int(person.sum()), 1)
    if min(inside, explained) < LEAST_COVER:
        raise PropfieldError(
            f"The person in {picture.name} could not be made out well enough to fit a body; "
            "give a photo that shows the torso, or annotations with keypoints."
        )

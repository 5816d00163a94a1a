"""One photo of a person with an object, rebuilt: posed body, camera, and the object from its field."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Bool, Float32

from propfield.body.loaders import open_body
from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.ledger import Ledger, of_body, of_field
from propfield.licences import UNKNOWN, entry, read_licence
from propfield.observations.observation import mask_box
from propfield.perception.annotations import CocoAnnotations, read_annotations
from propfield.perception.choice import PerceptionChoice
from propfield.perception.coco_names import COCO_80
from propfield.perception.detection import PERSON, Detection
from propfield.perception.observe import Perceived, Sighting, observe
from propfield.perception.picture import Picture, load_picture
from propfield.perception.posed_body import posed_mesh, worn_body
from propfield.progress import Progress, silent
from propfield.uses.object_fit import ObjectFit, fit_object
from propfield.uses.pairing import Pair, choose_pair
from propfield.uses.prop_file import read_prop
from propfield.uses.scene_file import check_folder, write_scene

LONGEST = 2560
"""Pixels on the longer side to which photos are made smaller: a background image needs no more."""


@dataclass(frozen=True)
class Wanted:
    """What of a photo is to be rebuilt; None: what is most likely meant.

    Attributes:
        category: the object's.
        person, object: which of several people, and of several objects of the category; from 1, from left.
        type: the interaction type whose field is taken.
        mesh: a mesh file of the object, which is placed instead of the field's own surface.
    """

    category: str | None = None
    person: int | None = None
    object: int | None = None
    type: str | None = None
    mesh: Path | None = None


@dataclass(frozen=True)
class Reconstruction:
    """A photo as a scene.

    Attributes:
        picture: the photo.
        pair: who and what of it was rebuilt.
        perceived: masks, landmarks, and the body fitted to them; its object is the pair's alone.
        unknown: where other people and things are: nobody knows what they hide.
        worn: the body in the fitted shape.
        body: the same posed, in the person's space, metres.
        object: the object beside it; None without a field or an object.
        field: what it is from, and
        field_file: the file of that, where it is one.
        licences: the ledger of what went in, see propfield.ledger.
    """

    picture: Picture
    pair: Pair
    perceived: Perceived
    unknown: Bool[np.ndarray, "H W"]
    worn: BodyTemplate
    body: trimesh.Trimesh
    object: ObjectFit | None
    field: OccupancyField | None = None
    field_file: Path | None = None
    licences: tuple[dict[str, Any], ...] = ()

    @property
    def category(self) -> str | None:
        """COCO's name of the object, None when the photo shows none that is known."""
        return self.pair.category

    @property
    def joints(self) -> Float32[np.ndarray, "24 3"]:
        """The T-pose's joints of the fitted shape, metres."""
        return self.worn.joints

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
    wanted: Wanted | None = None,
    *,
    annotations: Path | CocoAnnotations | None = None,
    field: OccupancyField | None = None,
    field_file: Path | None = None,
    field_files: Mapping[str, Path] | None = None,
    choice: PerceptionChoice | None = None,
    licence: str | None = None,
    ledger: Ledger | None = None,
    out: Path | None = None,
    progress: Progress = silent,
) -> Reconstruction:
    """Rebuilds a photo.

    Args:
        photo: any picture of Pillow's formats.
        wanted: what of it. The object's category is also the field's, or, where neither says, that of the
            pair that belongs together most, among the categories of `field_files`.
        annotations: COCO's, with the photo's masks (and keypoints); else `choice` finds them.
        field: the category's; or `field_file`, or one of `field_files` (by category). None: just the body.
        choice: who finds masks and keypoints where annotations do not tell.
        licence: the photo's; else the annotations say it.
        ledger: what goes in is entered there, and refused where it wants to know better.
        out: the folder that will be written; looked at before the long work begins.

    Raises PropfieldError, with one sentence, for whatever is wrong with the photo, the files or the choice.
    """
    wanted, choice, ledger = wanted or Wanted(), choice or PerceptionChoice(), ledger or Ledger()
    progress("read photo", 0.0)
    if out is not None:
        check_folder(out)
    picture = load_picture(photo, longest=LONGEST)
    progress("read photo", 1.0, picture.note)
    if isinstance(annotations, Path):
        annotations = read_annotations(annotations)
    _enter_photo(ledger, picture, annotations, licence)
    estimator = choice.body_estimator(ledger)
    prop = read_prop(wanted.mesh) if wanted.mesh else None
    if field is None and field_file is not None:
        field = _load(field_file)
    category = _asked(wanted, field, field_files)
    progress("find person and object", 0.0)
    words = [category] if category else list(field_files or COCO_80)
    segmenter = annotations or choice.open_segmenter([PERSON, *words], ledger)
    (detections,) = segmenter.segment([picture])
    pair = choose_pair(
        detections,
        picture.name,
        category=category,
        known=field_files,
        person=wanted.person,
        thing=wanted.object,
    )
    if field is None and field_files and pair.category is not None and pair.category in field_files:
        field_file = field_files[pair.category]
        field = _load(field_file)
    if field is None and (wanted.type or prop):
        raise _no_field(pair.category or "the object")
    if field is not None:
        ledger.add(of_field(field.category, field.provenance))
    body = _fitting_body(field)
    ledger.add([of_body(body)])
    progress("fit body", 0.0)
    perceived = observe(
        Sighting(
            picture=picture,
            detections=detections,
            category=pair.category or "",
            person=pair.person,
            id=Path(picture.name).stem,
            source="photo",
        ),
        choice.keypoint_finder(ledger),
        body,
        estimator=estimator,
        progress=progress,
    )
    worn = worn_body(body, perceived.fit.shape)
    mesh = posed_mesh(worn, perceived.fit.pose)
    perceived = _with_own_object(perceived, pair)
    unknown = _unknown(detections, pair, perceived)
    found = None
    if field is not None and pair.thing is not None:
        found = fit_object(
            field,
            perceived.observation,
            worn,
            mesh,
            unknown=unknown,
            type_name=wanted.type,
            prop=prop,
            progress=progress,
        )
    return Reconstruction(
        picture=picture,
        pair=pair,
        perceived=perceived,
        unknown=unknown,
        worn=worn,
        body=mesh,
        object=found,
        field=field,
        field_file=field_file if found is not None else None,
        licences=tuple(ledger.of(body, {})),
    )


def _enter_photo(
    ledger: Ledger, picture: Picture, annotations: CocoAnnotations | None, licence: str | None
) -> None:
    told = licence or (annotations.image_of(picture).licence if annotations else UNKNOWN)
    if ledger.commercial_safe and read_licence(told).commercial is None:
        raise PropfieldError(
            f"Whether {picture.name} may be used commercially is not known (its licence: “{told[:80]}”); say "
            "its licence with --licence, or leave --commercial-safe out."
        )
    ledger.add([entry(f"photo: {picture.name}", told)])


def _load(field_file: Path) -> OccupancyField:
    from propfield.field.file import load_field

    return load_field(field_file)


def _asked(
    wanted: Wanted, field: OccupancyField | None, field_files: Mapping[str, Path] | None
) -> str | None:
    """The category that was asked for, by its name or by giving its field."""
    asked = wanted.category.strip().lower() if wanted.category else None
    if field is not None:
        if asked is not None and asked != field.category:
            raise PropfieldError(
                f"The field is of a {field.category}, not of “{asked}”; leave the category out, "
                "or give that category's field."
            )
        # A type that is not there is told before the long work.
        if wanted.type is not None:
            field.type(wanted.type)
        return field.category
    if asked is not None and field_files is not None and asked not in field_files:
        raise _no_field(asked)
    return asked


def _fitting_body(field: OccupancyField | None) -> BodyTemplate:
    """The field's body; a field file keeps no shape numbers, but the open body is here with them."""
    if field is None or field.body.name == open_body().name:
        return open_body()
    return field.body


def _no_field(category: str) -> NotFound:
    return NotFound(
        f"No field of {category} is at hand; learn one, give another's file, or ask for no object to get the "
        "body alone."
    )


def _with_own_object(perceived: Perceived, pair: Pair) -> Perceived:
    """Of several objects of the category the observation holds all; a scene has the pair's own."""
    if pair.thing is None:
        return perceived
    own = replace(
        perceived.observation,
        objects=1,
        object_mask=pair.thing.mask,
        object_box=mask_box(pair.thing.mask),
        detection_score=pair.thing.score,
    )
    return replace(perceived, observation=own)


def _unknown(detections: list[Detection], pair: Pair, perceived: Perceived) -> Bool[np.ndarray, "H W"]:
    others = np.zeros_like(perceived.observation.person_mask)
    for each in detections:
        if each is not pair.person and each is not pair.thing:
            others |= each.mask
    return others & ~perceived.observation.person_mask & ~perceived.observation.object_mask

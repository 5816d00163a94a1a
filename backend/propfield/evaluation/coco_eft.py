"""COCO 2014's validation set with EFT's fits as test images of people using an object (CHORUS §4.1)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from propfield.body.skinning import joint_transforms
from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, PropfieldError
from propfield.evaluation.eft_file import EftFit, read_eft_fits
from propfield.imagery.photos import checked_category
from propfield.observations.observation import Observation, mask_box
from propfield.perception.annotations import AnnotatedImage, read_annotations
from propfield.perception.camera import usual_intrinsics
from propfield.perception.detection import PERSON
from propfield.perception.weak_camera import WeakCamera, perspective_camera
from propfield.progress import Progress, silent

OVERLAP = 0.5
"""Least intersection of the two boxes over the smaller one."""
LARGEST_RESIDUAL = 1.0
"""Of the perspective camera, see `perspective_camera`; in pixels of the crop that EFT sees, whatever the size
of the picture. With the field of view fixed it is mostly those who stand near whom no such camera fits."""
CROP = 224
"""Pixels a side of that crop."""
REASONS = ("one person", "one object", "close together", "body fitted", "finite numbers", "camera found")
"""What an image can be rejected for, in order."""


class CocoEft:
    """The images of a folder with COCO's `instances*.json` and EFT's `COCO*.json`, in it or in its folders;
    pictures are not needed. Where there are several of a kind, those with “val” in their names count.
    NotFound or PropfieldError when the folder cannot be used.

    A fit's pose is taken as it is; its shape numbers are not, since a field's body has the mean shape.
    `rejected` counts the images of the last category that `observe` looked at, by reason.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise NotFound(
                f"There is no folder at {self.folder}; give the folder with COCO's and EFT's files."
            )
        self.annotations = read_annotations(self._file("instances*.json", "COCO's instances_val2014.json"))
        self.fits = read_eft_fits(self._file("COCO*.json", "EFT's COCO2014-Val-ver10.json"))
        self.rejected = dict.fromkeys(REASONS, 0)

    def categories(self) -> list[str]:
        """The annotation file's categories but for persons, sorted."""
        return sorted(set(self.annotations.categories.values()) - {PERSON})

    def observe(
        self, category: str, body: BodyTemplate, *, progress: Progress = silent
    ) -> Iterator[Observation]:
        """The images that show exactly one person and one object of the category, close together, with a
        camera that can be told: in the file's order. NotFound, with the nearest names, for an unknown
        category."""
        wanted = checked_category(category, self.categories(), self.annotations.name)
        self.rejected = dict.fromkeys(REASONS, 0)
        for index, image in enumerate(self.annotations.images):
            if index % 100 == 0:
                progress("look at annotations", index / len(self.annotations.images))
            here = self.annotations.by_image.get(image.id, [])
            names = [self.annotations.categories[entry["category_id"]] for entry in here]
            if wanted not in names or PERSON not in names:
                continue
            people = [entry for entry, name in zip(here, names, strict=True) if name == PERSON]
            things = [entry for entry, name in zip(here, names, strict=True) if name == wanted]
            found = self._observation(image, people, things, wanted, body)
            if isinstance(found, Observation):
                yield found
            else:
                self.rejected[found] += 1

    def _observation(
        self, image: AnnotatedImage, people: list[dict], things: list[dict], category: str, body: BodyTemplate
    ) -> Observation | str:
        """The image's observation, or for what it is rejected."""
        if len(people) != 1 or people[0].get("iscrowd"):
            return "one person"
        if len(things) != 1 or things[0].get("iscrowd"):
            return "one object"
        person_box, object_box = _box(people[0]), _box(things[0])
        if _overlap(person_box, object_box) < OVERLAP:
            return "close together"
        fit = self.fits.get(int(people[0]["id"]))
        if fit is None:
            return "body fitted"
        numbers = (fit.rotations, fit.camera, fit.crop_centre, np.array([fit.crop_scale]))
        if not all(np.isfinite(each).all() for each in numbers) or not _are_rotations(fit.rotations):
            return "finite numbers"
        pose = _pose(fit)
        joints = joint_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints))[:, :3, 3].numpy()
        weak = WeakCamera(fit.rotations[0], fit.pixels_a_metre, fit.shift)
        camera, residual = perspective_camera(joints, weak, usual_intrinsics((image.width, image.height)))
        if not residual * CROP / (200 * fit.crop_scale) <= LARGEST_RESIDUAL:
            return "camera found"
        object_mask = self.annotations.mask_of(things[0], image)
        return Observation(
            id=image.file_name,
            source="coco-eft",
            category=category,
            prompt="",
            licence=image.licence,
            people=1,
            objects=1,
            person_box=person_box,
            object_box=mask_box(object_mask),
            person_mask=self.annotations.mask_of(people[0], image),
            object_mask=object_mask,
            keypoints=np.zeros((17, 3), np.float32),
            pose=pose,
            shape=np.zeros(10, np.float32),
            camera=camera,
        )

    def _file(self, pattern: str, example: str) -> Path:
        found = sorted([*self.folder.glob(pattern), *self.folder.glob(f"*/{pattern}")])
        if len(found) > 1:
            found = [path for path in found if "val" in path.name.lower()]
        if not found:
            raise NotFound(f"{self.folder} has no {pattern} in it or in its folders: put {example} there.")
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise PropfieldError(f"{self.folder} has several files where one is needed: keep one of {names}.")
        return found[0]


def _box(annotation: dict) -> Float32[np.ndarray, "4"]:
    try:
        x, y, width, height = (float(value) for value in annotation["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise PropfieldError(
            f"Annotation {annotation.get('id', '?')} has no “bbox” of four numbers, as COCO's have."
        ) from error
    return np.array([x, y, x + width, y + height], dtype=np.float32)


def _overlap(first: Float32[np.ndarray, "4"], second: Float32[np.ndarray, "4"]) -> float:
    """Intersection over the smaller of two boxes."""
    shared = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return float(np.prod(np.maximum(shared, 0))) / min(areas) if min(areas) > 0 else 0.0


def _are_rotations(matrices: Float[np.ndarray, "24 3 3"]) -> bool:
    products = matrices @ matrices.transpose(0, 2, 1)
    return bool(np.abs(products - np.eye(3)).max() < 0.01 and (np.linalg.det(matrices) > 0).all())


def _pose(fit: EftFit) -> Float32[np.ndarray, "24 3"]:
    """Axis-angle without the global orientation, which is the camera's."""
    pose = Rotation.from_matrix(fit.rotations).as_rotvec().astype(np.float32)
    pose[0] = 0
    return pose

"""COCO annotation files as a detector: instances with polygons or RLE masks, keypoints on persons.

Format: https://cocodataset.org/#format-data (object detection and keypoint detection).

COCO does not say whether coordinates are of a photo's pixels as they are stored or as EXIF turns them; its
own pictures are stored upright. Here they are of the upright photo, which is what annotation tools and
browsers show, unless the file's width and height say that they are of the stored one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as rle_masks

from propfield.errors import NotFound, PropfieldError
from propfield.licences import UNKNOWN, read_licence
from propfield.observations.observation import mask_box
from propfield.perception.detection import Detection
from propfield.perception.orientation import EXCHANGING, upright_mask, upright_points
from propfield.perception.picture import Picture

MAX_BYTES = 1 << 30
"""COCO's own largest file is under half of this."""
_VISIBILITY_CONFIDENCE = (0.0, 0.5, 1.0)
"""COCO marks a keypoint 0 (not labelled), 1 (labelled but hidden), 2 (seen)."""


@dataclass(frozen=True)
class AnnotatedImage:
    """An entry of the file's `images`."""

    id: int
    file_name: str
    width: int
    height: int
    licence: str
    caption: str


@dataclass(frozen=True)
class CocoAnnotations:
    """A COCO annotation file; a perception.protocols.Segmenter. `read_annotations` makes one."""

    name: str
    images: tuple[AnnotatedImage, ...]
    categories: dict[int, str]
    by_image: dict[int, list[dict]]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The file's categories."""
        return tuple(self.categories.values())

    def image_of(self, picture: Picture) -> AnnotatedImage:
        """The entry of a photo: by file name, else the only one there is. PropfieldError without one."""
        named = [image for image in self.images if Path(image.file_name).name == picture.name]
        if not named and len(self.images) == 1:
            named = list(self.images)
        if not named:
            raise PropfieldError(
                f"{self.name} says nothing about {picture.name}; "
                "its images' file_name must be the photo's name, or it must hold a single image."
            )
        image = named[0]
        if not _fits(image, picture.size) and not _is_of_stored(image, picture):
            raise PropfieldError(
                f"{self.name} describes {image.file_name} with {image.width} × {image.height} pixels, "
                f"but the photo has {picture.size[0]} × {picture.size[1]}; annotate the photo as it is."
            )
        return image

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The photos' annotations as detections, at their own resolution. Crowd regions are left out."""
        return [self._detections(picture) for picture in pictures]

    def _detections(self, picture: Picture) -> list[Detection]:
        image = self.image_of(picture)
        size, turn = picture.size, 1
        if _is_of_stored(image, picture):
            size, turn = (size[1], size[0]), picture.orientation
        scale = size[0] / image.width
        found = []
        entries = [entry for entry in self.by_image.get(image.id, []) if not entry.get("iscrowd")]
        for annotation in entries:
            mask = upright_mask(self._mask(annotation, size, scale), turn)
            if mask.any():
                marks = self._keypoints(annotation, size, scale)
                found.append(
                    Detection(
                        category=self.categories[annotation["category_id"]],
                        score=1.0,
                        box=mask_box(mask),
                        mask=mask,
                        keypoints=None if marks is None else upright_points(marks, size, turn),
                    )
                )
        if entries and not found:
            raise PropfieldError(
                f"All that {self.name} marks in {image.file_name} lies outside of the picture, which has "
                f"{image.width} × {image.height} pixels; coordinates are pixels from its upper left corner."
            )
        return found

    def mask_of(self, annotation: dict, image: AnnotatedImage) -> Bool[np.ndarray, "H W"]:
        """An annotation's mask, at the size that the file gives for its image."""
        return self._mask(annotation, (image.width, image.height), 1.0)

    def _mask(self, annotation: dict, size: tuple[int, int], scale: float) -> Bool[np.ndarray, "H W"]:
        width, height = size
        segmentation = annotation.get("segmentation")
        try:
            if isinstance(segmentation, dict):
                mask = _decode_rle(segmentation)
                return _resized(mask, size) if mask.shape != (height, width) else mask
            if isinstance(segmentation, list) and segmentation:
                polygons = [_clipped(polygon, size, scale) for polygon in segmentation]
                packed = rle_masks.frPyObjects(polygons, height, width)
                return rle_masks.decode(rle_masks.merge(packed)).astype(bool)
            x, y, w, h = (float(value) * scale for value in annotation["bbox"])
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise PropfieldError(
                f"Annotation {annotation.get('id', '?')} in {self.name} has no readable segmentation; "
                "give polygons of at least three points, or an RLE mask."
            ) from error
        mask = np.zeros((height, width), dtype=bool)
        x0, y0 = max(round(x), 0), max(round(y), 0)
        mask[y0 : max(round(y + h), 0), x0 : max(round(x + w), 0)] = True
        return mask

    def _keypoints(self, annotation: dict, size: tuple[int, int], scale: float) -> np.ndarray | None:
        raw = annotation.get("keypoints")
        if not raw:
            return None
        try:
            points = np.asarray(raw, dtype=np.float32).reshape(17, 3).copy()
            marks = points[:, 2].astype(int)
            confidence = np.array(_VISIBILITY_CONFIDENCE, dtype=np.float32)[np.clip(marks, 0, 2)]
        except (TypeError, ValueError) as error:
            raise PropfieldError(
                f"Annotation {annotation.get('id', '?')} in {self.name} has keypoints that are not "
                "17 times x, y, visibility; write them in COCO's order."
            ) from error
        points[:, :2] *= scale
        inside = (points[:, :2] >= 0).all(1) & (points[:, :2] <= np.array(size)).all(1)
        points[:, 2] = np.where(inside & np.isfinite(points).all(1), confidence, 0)
        points[:, :2] = np.clip(np.nan_to_num(points[:, :2]), 0, np.array(size, dtype=np.float32))
        return points if (points[:, 2] > 0).any() else None


def _fits(image: AnnotatedImage, size: tuple[int, int]) -> bool:
    width, height = size
    # A photo that was made smaller has its sides rounded.
    return abs(image.width * height - image.height * width) <= max(image.width, image.height)


def _is_of_stored(image: AnnotatedImage, picture: Picture) -> bool:
    """Whether the sizes say that a turned photo was annotated as it is stored, and not upright."""
    width, height = picture.size
    exchanged = picture.orientation in EXCHANGING and not _fits(image, (width, height))
    return exchanged and _fits(image, (height, width))


def read_annotations(path: Path) -> CocoAnnotations:
    """Reads and checks a COCO annotation file.

    NotFound when there is none; PropfieldError when it is not JSON or not COCO's format.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"There is no annotation file at {path}; give a COCO JSON file.")
    if path.stat().st_size > MAX_BYTES:
        raise PropfieldError(f"{path.name} is larger than 1 GiB; keep only the images that are needed in it.")
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PropfieldError(f"{path.name} is not JSON; give an annotation file in COCO's format.") from error
    try:
        categories = {int(entry["id"]): str(entry["name"]).lower() for entry in data["categories"]}
        licences = {
            entry.get("id"): read_licence(str(entry.get("name", "")), str(entry.get("url", ""))).name
            for entry in data.get("licenses") or []
        }
        by_image: dict[int, list[dict]] = {}
        captions: dict[int, str] = {}
        for entry in data["annotations"]:
            if "caption" in entry:
                captions.setdefault(int(entry["image_id"]), str(entry["caption"]).strip())
                continue
            if entry["category_id"] not in categories:
                raise PropfieldError(
                    f"Annotation {entry.get('id', '?')} in {path.name} has category {entry['category_id']}, "
                    "which is not in the file's categories; add it there."
                )
            by_image.setdefault(int(entry["image_id"]), []).append(entry)
        images = tuple(
            AnnotatedImage(
                id=int(entry["id"]),
                file_name=str(entry["file_name"]),
                width=int(entry["width"]),
                height=int(entry["height"]),
                licence=licences.get(entry.get("license"), UNKNOWN),
                caption=captions.get(int(entry["id"]), ""),
            )
            for entry in data["images"]
        )
        if any(image.width < 1 or image.height < 1 for image in images):
            raise ValueError("an image without a size")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PropfieldError(
            f"{path.name} is not in COCO's format; it needs images (id, file_name, width, height), "
            "categories (id, name) and annotations (image_id, category_id, segmentation)."
        ) from error
    return CocoAnnotations(name=path.name, images=images, categories=categories, by_image=by_image)


def _decode_rle(segmentation: dict) -> Bool[np.ndarray, "H W"]:
    height, width = (int(value) for value in segmentation["size"])
    counts = segmentation["counts"]
    if isinstance(counts, list):
        # pycocotools reads past its buffer when the runs do not fill the picture.
        runs = [int(value) for value in counts]
        if min(runs, default=0) < 0 or sum(runs) != height * width:
            raise ValueError("runs do not fill the picture")
        packed = rle_masks.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    else:
        packed = {"size": [height, width], "counts": str(counts).encode("ascii")}
        if int(rle_masks.area(packed)) > height * width:
            raise ValueError("runs do not fill the picture")
    return rle_masks.decode(packed).astype(bool)


def _clipped(polygon: list, size: tuple[int, int], scale: float) -> list[float]:
    points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2) * scale
    if len(points) < 3 or not np.isfinite(points).all():
        raise ValueError("a polygon has three points or more")
    return np.clip(points, 0, np.array(size)).ravel().tolist()


def _resized(mask: np.ndarray, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    rows = (np.arange(size[1]) + 0.5) * mask.shape[0] / size[1]
    columns = (np.arange(size[0]) + 0.5) * mask.shape[1] / size[0]
    return mask[rows.astype(int)][:, columns.astype(int)]

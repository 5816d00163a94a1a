"""A folder of photos as a source of observations."""

from collections.abc import Iterator
from pathlib import Path

from propfield.errors import NotFound
from propfield.imagery.photos import (
    PHOTOS,
    Photo,
    checked_category,
    checked_types,
    observe_photos,
)
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.perception.coco_names import COCO_80
from propfield.perception.detection import PERSON
from propfield.perception.observe import keypoint_finder
from propfield.progress import Progress, silent
from propfield.weights.folder import segmenter_weights

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


class FolderSource:
    """An imagery.source.Source over the photos of a folder (not of the folders in it).

    Persons and objects are found by YOLO-seg (`segmenter`), poses by MediaPipe (`landmarker`); see
    weights.folder for where weights are looked for. NotFound when there are no photos.
    """

    name = "folder"

    def __init__(
        self, folder: Path, *, segmenter: Path | None = None, landmarker: Path | None = None
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.segmenter, self.landmarker = segmenter, landmarker
        if not self.folder.is_dir():
            raise NotFound(f"There is no folder at {self.folder}; give the path of a folder of photos.")
        self.photos = [
            Photo(path)
            for path in sorted(self.folder.iterdir())
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        ]
        if not self.photos:
            raise NotFound(f"{self.folder} holds no photos; put {', '.join(SUFFIXES[:3])} files there.")

    def categories(self) -> list[str]:
        """COCO's names of objects: what the segmenter can find. Which of them the photos show is only known
        after looking at them."""
        return sorted(set(COCO_80) - {PERSON})

    def types(self, category: str) -> list[InteractionType]:
        """One type, “photos”; NotFound (with the nearest names) for an unknown category."""
        checked_category(category, self.categories(), "COCO's categories")
        return [PHOTOS]

    def observe(
        self,
        category: str,
        *,
        types: list[str] | None = None,
        views: int,
        seed: int,
        progress: Progress = silent,
    ) -> Iterator[Observation]:
        """See imagery.source.Source; yields fewer than `views` where fewer photos show the category.
        Unavailable when there are no weights."""
        wanted = checked_category(category, self.categories(), "COCO's categories")
        checked_types(types)
        from propfield.perception.onnx_segmenter import OnnxSegmenter

        return observe_photos(
            self.photos,
            OnnxSegmenter(segmenter_weights(self.segmenter)),
            keypoint_finder(self.landmarker),
            source=self,
            category=wanted,
            views=views,
            seed=seed,
            progress=progress,
        )

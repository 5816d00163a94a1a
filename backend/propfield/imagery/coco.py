"""COCO annotation files with their pictures as a source of observations."""

from collections.abc import Iterator
from pathlib import Path

from propfield.errors import NotFound
from propfield.imagery.photos import (
    PHOTOS,
    Photo,
    allowed_photos,
    checked_category,
    checked_types,
    observe_photos,
)
from propfield.ledger import Ledger
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.perception.annotations import read_annotations
from propfield.perception.choice import PerceptionChoice
from propfield.perception.detection import PERSON
from propfield.progress import Progress, silent


class CocoSource:
    """An imagery.source.Source over one annotation file; its pictures lie beside it, or in `images` there.

    Poses come from the persons' keypoints where they are annotated, else from `choice`'s keypoint finder,
    which is entered in `ledger`; pictures whose licence the ledger does not allow are left out.
    NotFound or PropfieldError when the file cannot be used.
    """

    name = "coco"

    def __init__(
        self, file: Path, choice: PerceptionChoice | None = None, ledger: Ledger | None = None
    ) -> None:
        self.file = Path(file).expanduser()
        self.annotations = read_annotations(self.file)
        self.choice, self.ledger = choice or PerceptionChoice(), ledger or Ledger()
        self._photos: dict[str, list[Photo]] = {}
        for image in self.annotations.images:
            here = self.annotations.by_image.get(image.id, [])
            shown = {self.annotations.categories[entry["category_id"]] for entry in here}
            path = self._picture(image.file_name)
            if PERSON in shown and path is not None:
                for category in shown - {PERSON}:
                    self._photos.setdefault(category, []).append(Photo(path, image.licence))
        if not self._photos:
            raise NotFound(
                f"No picture of a person with an object lies beside {self.file.name}; "
                "put the pictures that it names into its folder, or into “images” there."
            )

    def categories(self) -> list[str]:
        """Categories that a picture shows together with a person, sorted."""
        return sorted(self._photos)

    def pictures(self, category: str) -> list[Path]:
        """The pictures of a category, by name; NotFound (with the nearest names) for an unknown one."""
        wanted = checked_category(category, self.categories(), self.file.name)
        return sorted((photo.path for photo in self._photos[wanted]), key=lambda path: path.name)

    def types(self, category: str) -> list[InteractionType]:
        """One type, “photos”; NotFound (with the nearest names) for an unknown category."""
        checked_category(category, self.categories(), self.file.name)
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
        """See imagery.source.Source; yields fewer than `views` where the file has fewer pictures."""
        wanted = checked_category(category, self.categories(), self.file.name)
        checked_types(types)
        return observe_photos(
            allowed_photos(self._photos[wanted], self.ledger, f"of {wanted} in {self.file.name}"),
            self.annotations,
            self.choice.keypoint_finder(self.ledger),
            self.choice.body_estimator(self.ledger),
            source=self,
            category=wanted,
            views=views,
            seed=seed,
            progress=progress,
        )

    def _picture(self, file_name: str) -> Path | None:
        # Only the name counts: an annotation file must not lead out of its folder.
        name = Path(file_name.replace("\\", "/")).name
        for folder in (self.file.parent, self.file.parent / "images"):
            if name and (folder / name).is_file():
                return folder / name
        return None

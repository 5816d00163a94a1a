"""A folder of photos as a source of observations."""

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
from propfield.licences import UNKNOWN
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.perception.choice import PerceptionChoice
from propfield.perception.coco_names import COCO_80
from propfield.perception.detection import PERSON
from propfield.perception.picture import PHOTO_SUFFIXES
from propfield.progress import Progress, silent

LICENCE_FILE = "licence.txt"


class FolderSource:
    """An imagery.source.Source over the photos of a folder (not of the folders in it).

    `choice` says who finds persons, objects and poses; they are entered in `ledger`. A file `licence.txt`
    beside the photos says in its first line under which licence they are: an SPDX id, or “own work”; without
    it that is unknown, and a ledger that wants to know lets none in. NotFound when there are no photos.
    """

    name = "folder"

    def __init__(
        self, folder: Path, choice: PerceptionChoice | None = None, ledger: Ledger | None = None
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.choice, self.ledger = choice or PerceptionChoice(), ledger or Ledger()
        if not self.folder.is_dir():
            raise NotFound(f"There is no folder at {self.folder}; give the path of a folder of photos.")
        licence = _licence_in(self.folder)
        self.photos = [
            Photo(path, licence)
            for path in sorted(self.folder.iterdir())
            if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")
        ]
        if not self.photos:
            raise NotFound(f"{self.folder} holds no photos; put {', '.join(PHOTO_SUFFIXES[:3])} files there.")

    def categories(self) -> list[str]:
        """COCO's names of objects: what the segmenter can find. Which of them the photos show is only known
        after looking at them."""
        return sorted(set(COCO_80) - {PERSON})

    def types(self, category: str) -> list[InteractionType]:
        """One type, “photos”; NotFound (with the nearest names) for a category that nobody here can find."""
        self._checked(category)
        return [PHOTOS]

    def _checked(self, category: str) -> str:
        # Who was chosen knows best what can be found, and is asked when it is loaded.
        if self.choice != PerceptionChoice() and category.strip():
            return category.strip().lower()
        try:
            return checked_category(category, self.categories(), "COCO's categories")
        except NotFound as error:
            hint = f"{str(error).rstrip('.')}; any word is found by --detector grounding-dino."
            raise NotFound(hint) from error

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
        wanted = self._checked(category)
        checked_types(types)
        photos = allowed_photos(self.photos, self.ledger, f"in {self.folder.name}")
        segmenter = self.choice.open_segmenter((PERSON, wanted), self.ledger)
        if segmenter.vocabulary is not None:
            checked_category(wanted, segmenter.vocabulary, "what this segmenter can find")
        return observe_photos(
            photos,
            segmenter,
            self.choice.keypoint_finder(self.ledger),
            self.choice.body_estimator(self.ledger),
            source=self,
            category=wanted,
            views=views,
            seed=seed,
            progress=progress,
        )


def _licence_in(folder: Path) -> str:
    try:
        lines = (folder / LICENCE_FILE).read_text(encoding="utf-8").strip().splitlines()
    except (OSError, UnicodeDecodeError):
        return UNKNOWN
    return lines[0].strip()[:200] if lines else UNKNOWN

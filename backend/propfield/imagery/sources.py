"""Sources of pictures by name."""

from pathlib import Path

from propfield.errors import PropfieldError
from propfield.imagery.source import Source
from propfield.ledger import Ledger
from propfield.perception.choice import PerceptionChoice


def source_by_name(text: str, ledger: Ledger | None = None, choice: PerceptionChoice | None = None) -> Source:
    """The source that "studio", "coco:FILE" or "folder:DIR" names. `choice` says who looks at photos. Models
    that it uses are entered in `ledger`, and pictures are left out that it does not allow.

    PropfieldError for another text, or for a file or folder that it cannot use. Loads only the code of the
    source that is asked for.
    """
    kind, _, place = text.partition(":")
    if text == "studio":
        if choice is not None and choice != PerceptionChoice():
            raise PropfieldError(
                "The studio knows what it shows; --detector, --segmenter, --keypoints and --body are for "
                "photos: give --source folder:DIR or coco:FILE with them."
            )
        from propfield.imagery.studio import StudioSource

        return StudioSource()
    if kind == "coco" and place:
        from propfield.imagery.coco import CocoSource

        if choice is not None and (choice.detector or choice.segmenter):
            raise PropfieldError(
                f"{Path(place).name} has masks already; leave --detector and --segmenter out, or give its "
                "pictures as --source folder:DIR."
            )
        return CocoSource(Path(place), choice, ledger)
    if kind == "folder" and place:
        from propfield.imagery.folder import FolderSource

        return FolderSource(Path(place), choice, ledger)
    raise PropfieldError(f"“{text[:60]}” is no source; use “studio”, “coco:FILE” or “folder:DIR”.")

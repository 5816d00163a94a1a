"""Sources of pictures by name."""

from pathlib import Path

from propfield.errors import PropfieldError
from propfield.imagery.source import Source
from propfield.ledger import Ledger


def source_by_name(text: str, ledger: Ledger | None = None) -> Source:
    """The source that "studio", "coco:FILE" or "folder:DIR" names. Models that it uses are entered in
    `ledger`, and pictures are left out that it does not allow.

    PropfieldError for another text, or for a file or folder that it cannot use. Loads only the code of the
    source that is asked for.
    """
    kind, _, place = text.partition(":")
    if text == "studio":
        from propfield.imagery.studio import StudioSource

        return StudioSource()
    if kind == "coco" and place:
        from propfield.imagery.coco import CocoSource

        return CocoSource(Path(place), ledger=ledger)
    if kind == "folder" and place:
        from propfield.imagery.folder import FolderSource

        return FolderSource(Path(place), ledger=ledger)
    raise PropfieldError(f"“{text[:60]}” is no source; use “studio”, “coco:FILE” or “folder:DIR”.")

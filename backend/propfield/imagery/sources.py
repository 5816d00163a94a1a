"""Sources of pictures by name."""

from pathlib import Path

from propfield.errors import PropfieldError
from propfield.imagery.source import Source


def source_by_name(text: str) -> Source:
    """The source that "studio", "coco:FILE" or "folder:DIR" names. PropfieldError for another text, or for a
    file or folder that it cannot use. Loads only the code of the source that is asked for."""
    kind, _, place = text.partition(":")
    if text == "studio":
        from propfield.imagery.studio import StudioSource

        return StudioSource()
    if kind == "coco" and place:
        from propfield.imagery.coco import CocoSource

        return CocoSource(Path(place))
    if kind == "folder" and place:
        from propfield.imagery.folder import FolderSource

        return FolderSource(Path(place))
    raise PropfieldError(f"“{text[:60]}” is no source; use “studio”, “coco:FILE” or “folder:DIR”.")

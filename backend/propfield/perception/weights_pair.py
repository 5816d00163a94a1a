"""A configuration and weights side by side in a folder: how detectron2 and mmpose keep their models."""

from pathlib import Path

from propfield.errors import NotFound, PropfieldError


def configuration_and_weights(
    folder: Path, configurations: tuple[str, ...], weights: tuple[str, ...]
) -> tuple[Path, Path]:
    """The one configuration and the one file of weights in a folder, by their endings.

    NotFound without the folder; PropfieldError, saying what should lie there, where either is missing or
    there are several.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no folder at {folder}; give one with a model's configuration and weights.")
    found = []
    for what, endings in (("configuration", configurations), ("weights", weights)):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings)
        if len(files) != 1:
            count = "no" if not files else f"{len(files)} files of"
            raise PropfieldError(
                f"{folder} has {count} {what}; put one file ending in {' or '.join(endings)} there."
            )
        found.append(files[0])
    return found[0], found[1]

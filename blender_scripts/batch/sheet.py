"""The batch's contact sheet: a row for each character, field, type, pose and style."""

from pathlib import Path

from .matrix import Frame
from .spec import Spec

NAME = "contact_sheet.png"


def write_sheet(spec: Spec, frames: list[Frame]) -> str | None:
    """Lays the finished PNG pictures out; gives the sheet's name, or None where there is no picture.

    Motions and turntables show some frames, evenly picked. ImportError in a Python without Pillow, such as a
    stock Blender's.
    """
    from contact_sheet import Row, Tile, contact_sheet

    assert spec.sheet is not None
    height, columns = spec.sheet["height"], spec.sheet["columns"]
    rows = []
    for title, series in _grouped(spec, frames).items():
        tiles = [tile for one in series.values() for tile in _thinned(one, spec.sheet["frames"])]
        for start in range(0, len(tiles), columns):
            line = [Tile(path, label) for path, label in tiles[start : start + columns]]
            rows.append(Row("" if start else title, line, height))
    if not rows:
        return None
    half = spec.out / ".batch" / NAME
    contact_sheet(rows, half)
    half.replace(spec.out / NAME)
    return NAME


def _grouped(spec: Spec, frames: list[Frame]) -> dict[str, dict[tuple[str, str], list[tuple[Path, str]]]]:
    """By title, then by pose and camera, the pictures and their labels."""
    groups: dict[str, dict[tuple[str, str], list[tuple[Path, str]]]] = {}
    for frame in frames:
        picture = spec.out / f"{frame.name}.png"
        if ".png" not in frame.suffixes or not picture.is_file():
            continue
        labels, camera = frame.labels, frame.labels["camera"]
        if frame.work["camera"].get("round"):
            camera = camera.rpartition("-")[0]
        title = "{character}: {field}, {type} ({style})".format(**labels)
        own = "" if frame.number is None else f" {frame.number}"
        series = groups.setdefault(title, {}).setdefault((labels["pose"], camera), [])
        series.append((picture, f"{labels['pose']}{own}, {labels['camera']}"))
    return groups


def _thinned(tiles: list[tuple[Path, str]], most: int) -> list[tuple[Path, str]]:
    if len(tiles) <= most:
        return tiles
    return [tiles[index * len(tiles) // most] for index in range(most)]

"""A picture of many fields at once: their previews in rows, each with its name and its type."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from propfield.atomic import replacing
from propfield.errors import PropfieldError
from propfield.library.folder import Library
from propfield.library.previews import make_previews

_PAPER, _INK, _FAINT = (56, 56, 58), (236, 236, 236), (160, 160, 164)
_TILE, _LABEL, _COLUMNS = 200, 36, 5


def write_sheet(folder: Path, names: Sequence[str], out: Path) -> None:
    """Writes the previews of a library's fields, one for each type, as one picture (.jpg or .png).
    PropfieldError for another ending."""
    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise PropfieldError(f"A sheet ends in .jpg or .png, not “{out.suffix}”.")
    library = Library(folder)
    tiles: list[tuple[Path, str, str]] = []
    for name in names:
        types = [kind["name"] for kind in library.entry(name)["types"] if kind["name"] != "all"]
        pictures = make_previews(library, name, types=types)
        tiles += [
            (picture, library.entry(name)["category"], kind)
            for picture, kind in zip(pictures, types, strict=True)
        ]
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _LABEL)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (picture, category, kind) in enumerate(tiles):
        x, y = number % _COLUMNS * _TILE, number // _COLUMNS * (_TILE + _LABEL)
        with Image.open(picture) as opened:
            small = opened.convert("RGBA").resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        sheet.paste(small, (x, y), small)
        draw.text((x + 10, y + _TILE - 2), category.capitalize(), fill=_INK, font=font)
        draw.text((x + 10, y + _TILE + 14), kind, fill=_FAINT, font=font)
    with replacing(out) as temporary:
        sheet.save(temporary, quality=82, optimize=True)

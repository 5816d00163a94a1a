"""Lays labelled rows of pictures out on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, MARGIN, LABEL, TITLE = 10, 24, 24, 44
PAPER, INK, FAINT = (250, 250, 248), (32, 34, 40), (110, 114, 122)


@dataclass(frozen=True)
class Tile:
    """A picture (a file, or an (H, W, 3) array of uint8) and what stands under it."""

    picture: Path | np.ndarray
    label: str


@dataclass(frozen=True)
class Row:
    """Pictures side by side; a row without a title follows close on the one above."""

    title: str
    tiles: Sequence[Tile]
    height: int = 320

    @property
    def head(self) -> int:
        """Pixels that the title takes."""
        return TITLE if self.title else 0


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _opened(tile: Tile, height: int) -> Image.Image:
    picture = tile.picture
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else Image.open(picture)
    if image.mode == "RGBA":
        paper = Image.new("RGBA", image.size, (*PAPER, 255))
        image = Image.alpha_composite(paper, image)
    image = image.convert("RGB")
    return image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)


def contact_sheet(rows: Sequence[Row], path: Path) -> None:
    """Draws the rows below each other and writes a PNG."""
    drawn = [(row, [_opened(tile, row.height) for tile in row.tiles]) for row in rows if row.tiles]
    width = max(
        max(sum(image.width + GAP for image in images), round(_font(22).getlength(row.title)))
        for row, images in drawn
    )
    width += 2 * MARGIN
    height = sum(row.head + row.height + LABEL + GAP for row, _ in drawn) + 2 * MARGIN
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    y = MARGIN
    for row, images in drawn:
        draw.text((MARGIN, y + 8), row.title, fill=INK, font=_font(22))
        y += row.head
        x = MARGIN
        for tile, image in zip(row.tiles, images, strict=True):
            sheet.paste(image, (x, y))
            draw.text((x + 2, y + row.height + 4), tile.label, fill=FAINT, font=_font(14))
            x += image.width + GAP
        y += row.height + LABEL + GAP
    sheet.save(path, optimize=True)

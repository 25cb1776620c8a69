"""The contact sheet of cut-outs: each beside its photo, on a checkerboard and on magenta, where halos show."""

from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.drawing.colours import on_checkerboard
from fgbg_data.drawing.sheets import contact_sheet, save_png
from fgbg_data.sample import Array

SIDE_PX = 160
"""Side of the squares in which the pictures stand."""
MOST_ROWS = 200
"""Only so many cut-outs are drawn, because a longer sheet is hard to open."""
MAGENTA = (255, 0, 255)
PAPER = (255, 255, 255)


class CutoutSheet:
    """Collects rows of the sheet."""

    def __init__(self) -> None:
        self._rows: list[list[Array]] = []
        self._captions: list[str] = []
        self._more = 0

    def add(self, photo: Array, cutout: Array, rejected: str) -> None:
        """Add a cut-out.

        Args:
            photo: (H, W, 3) uint8 RGB.
            cutout: (h, w, 4) uint8 RGBA.
            rejected: why it was rejected, or "".
        """
        if len(self._rows) == MOST_ROWS:
            self._more += 1
            return
        small = Image.fromarray(cutout)
        small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
        magenta = Image.new("RGBA", small.size, MAGENTA)
        magenta.alpha_composite(small)
        picture = Image.fromarray(photo)
        picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
        premultiplied = np.asarray(small.convert("RGBa"))
        checkerboard = on_checkerboard(premultiplied, SIDE_PX, SIDE_PX)
        self._rows.append([_framed(np.asarray(picture)), checkerboard, _framed(np.asarray(magenta.convert("RGB")))])
        self._captions.append(f"rejected: {rejected}" if rejected else "")

    def save(self, path: Path) -> Path | None:
        """Write the sheet; return its path, or None if there is nothing to draw."""
        if not self._rows:
            return None
        captions = [*self._captions[:-1], f"{self._captions[-1]} ({self._more} more)"] if self._more else self._captions
        save_png(contact_sheet(self._rows, ["photo", "cut-out", "on magenta"], captions), path)
        return path


def _framed(picture: Array) -> Array:
    """Return a picture in the middle of a white square."""
    square = np.full((SIDE_PX, SIDE_PX, 3), PAPER, np.uint8)
    top, left = (SIDE_PX - picture.shape[0]) // 2, (SIDE_PX - picture.shape[1]) // 2
    square[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return square

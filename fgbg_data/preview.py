"""Contact sheets: background, foreground, image, mask and depth of some samples, for a person to look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fgbg_data.sample import Array

GAP_PX = 6
PAPER = (255, 255, 255)
INK = (70, 70, 70)


def colour_depth(codes: Array) -> Array:
    """Show depth codes in a perceptual colour map (inferno; near is bright): (h, w) uint16 -> (h, w, 3) uint8."""
    import cv2

    shown = cv2.applyColorMap((codes >> 8).astype(np.uint8), cv2.COLORMAP_INFERNO)
    rgb: Array = cv2.cvtColor(shown, cv2.COLOR_BGR2RGB)
    return rgb


def on_checkerboard(cutout: Image.Image, height: int, width: int, square_px: int = 8) -> Array:
    """Show a cut-out of mode RGBa or RGBA on a checkerboard, fitted into (height, width)."""
    squares = np.add.outer(np.arange(height) // square_px, np.arange(width) // square_px) % 2
    board = np.where(squares[..., None], 255, 225).astype(np.uint8).repeat(3, -1)
    sheet = Image.fromarray(board).convert("RGBA")
    shown = cutout.convert("RGBA")
    shown.thumbnail((width, height))
    sheet.alpha_composite(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    return np.asarray(sheet.convert("RGB"))


def contact_sheet(rows: Sequence[Sequence[Array]], titles: Sequence[str]) -> Image.Image:
    """Lay pictures out in rows under column titles.

    Args:
        rows: of (H, W, 3) uint8 pictures, all of one size.
        titles: one a column.
    """
    height, width = rows[0][0].shape[:2]
    top = 18
    sheet = Image.new(
        "RGB",
        (GAP_PX + len(titles) * (width + GAP_PX), top + GAP_PX + len(rows) * (height + GAP_PX)),
        PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = GAP_PX + column * (width + GAP_PX)
        pen.text((left, 5), title, fill=INK)
        for row, pictures in enumerate(rows):
            sheet.paste(Image.fromarray(pictures[column]), (left, top + GAP_PX + row * (height + GAP_PX)))
    return sheet


def sample_pictures(image: Array, mask: Array, codes: Array | None) -> dict[str, Array]:
    """Return image, mask and depth of a sample as (H, W, 3) uint8 pictures of one size.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8.
        codes: (h, w) uint16, or None without depth.
    """
    pictures = {"image": image, "mask": mask[..., None].repeat(3, -1)}
    if codes is not None:
        shown = Image.fromarray(colour_depth(codes))
        pictures["depth"] = np.asarray(shown.resize(image.shape[1::-1], Image.Resampling.NEAREST))
    return pictures


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, atomically."""
    from fgbg_data import storage

    with storage.partial(path) as temporary:
        sheet.save(temporary, "PNG", optimize=False)

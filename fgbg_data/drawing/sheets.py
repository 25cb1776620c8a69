"""Contact sheets: pictures laid out in rows, for a person to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fgbg_data.drawing.colours import colour_depth
from fgbg_data.sample import Array

GAP_PX = 6


LINE_PX = 14


PAPER = (255, 255, 255)


INK = (70, 70, 70)


def contact_sheet(rows: Sequence[Sequence[Array]], titles: Sequence[str], captions: Sequence[str] = ()) -> Image.Image:
    """Lay pictures out in rows under column titles.

    Args:
        rows: of (H, W, 3) uint8 pictures, all of one size.
        titles: one a column.
        captions: one a row, written above it; or none.
    """
    height, width = rows[0][0].shape[:2]
    top, line = 18, LINE_PX if captions else 0
    step = line + height + GAP_PX
    sheet = Image.new("RGB", (GAP_PX + len(titles) * (width + GAP_PX), top + GAP_PX + len(rows) * step), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = GAP_PX + column * (width + GAP_PX)
        pen.text((left, 5), title, fill=INK)
        for row, pictures in enumerate(rows):
            sheet.paste(Image.fromarray(pictures[column]), (left, top + GAP_PX + row * step + line))
    for row, caption in enumerate(captions):
        pen.text((GAP_PX, top + GAP_PX + row * step), caption, fill=INK)
    return sheet


def sample_pictures(image: Array, mask: Array, depths: Mapping[str, Array | None]) -> dict[str, Array]:
    """Return image, mask and depths of a sample as (H, W, 3) uint8 pictures of one size.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8.
        depths: field -> (h, w) uint16 codes; None where there are none.
    """
    pictures = {"image": image, "mask": mask[..., None].repeat(3, -1)}
    for name, codes in depths.items():
        if codes is not None:
            shown = Image.fromarray(colour_depth(codes))
            pictures[name] = np.asarray(shown.resize(image.shape[1::-1], Image.Resampling.NEAREST))
    return pictures


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, atomically."""
    from fgbg_data.runtime import storage

    with storage.partial(path) as temporary:
        sheet.save(temporary, "PNG", compress_level=3)  # a tenth larger than at 6, in half the time

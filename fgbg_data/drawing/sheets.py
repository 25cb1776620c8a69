"""Contact sheets: pictures laid out in rows, for a person to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from fgbg_data.drawing.colours import field_picture
from fgbg_data.fields import pixel_fields
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import Array

GAP_PX = 6
"""Space between pictures, and around them."""
TITLE_PX = 18
"""Height of the titles of the columns."""
CAPTION_PX = 14
"""Height of a caption above its row."""
PAPER = (255, 255, 255)
INK = (70, 70, 70)


def contact_sheet(rows: Sequence[Sequence[Array]], titles: Sequence[str], captions: Sequence[str] = ()) -> Image.Image:
    """Lay pictures out in rows under column titles.

    Args:
        rows: rows of (H, W, 3) uint8 RGB pictures, all of one size.
        titles: one for each column.
        captions: one for each row, written above it; or none.
    """
    height, width = rows[0][0].shape[:2]
    caption_px = CAPTION_PX if captions else 0
    step = caption_px + height + GAP_PX
    sheet = Image.new("RGB", (GAP_PX + len(titles) * (width + GAP_PX), TITLE_PX + GAP_PX + len(rows) * step), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = GAP_PX + column * (width + GAP_PX)
        pen.text((left, 5), title, fill=INK)
        for row, pictures in enumerate(rows):
            sheet.paste(Image.fromarray(pictures[column]), (left, TITLE_PX + GAP_PX + row * step + caption_px))
    for row, caption in enumerate(captions):
        pen.text((GAP_PX, TITLE_PX + GAP_PX + row * step), caption, fill=INK)
    return sheet


def sample_pictures(sample: Mapping[str, Any]) -> dict[str, Array]:
    """Return the fields of a sample as (H, W, 3) uint8 RGB pictures of the size of its image.

    Args:
        sample: field -> its pixels, image among them; whatever has no pixels is left out.
    """
    height, width = sample["image"].shape[:2]
    pictures = {}
    for name in pixel_fields(sample):
        picture = field_picture(name, sample[name])
        if picture.shape[:2] != (height, width):
            picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST))
        pictures[name] = picture
    return pictures


def save_png(picture: Image.Image, path: Location) -> None:
    """Write a picture as PNG, whole or not at all; its folder is made if it is missing."""
    with write_whole(path) as temporary:
        picture.save(temporary, "PNG", compress_level=3)  # a tenth larger than at level 6, in half the time

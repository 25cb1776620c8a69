"""The worst, the middle and the best pictures of an exam, drawn side by side with what is known of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from fgbg_data.drawing.colours import colour_depth
from fgbg_data.drawing.sheets import contact_sheet
from fgbg_data.exam.scores import LOWER_IS_BETTER, ExamScores
from fgbg_data.sample import Array

EACH = 3
"""Pictures of each kind: worst, middle and best."""
CELL_PX = 165, 220
"""Height and width of the rectangle in which a picture is shown."""
RIGHT, FALSE, MISSED = (60, 190, 90), (225, 60, 60), (70, 120, 255)
"""Colours of a mask against the known one, RGB."""
ANSWER = "right green, false red, missed blue"
"""Title of the column that shows them."""


def choose(scores: ExamScores, name: str, each: int = EACH) -> dict[str, str]:
    """Return the worst, the middle and the best pictures by a score: name of the picture -> caption.

    Args:
        scores: the scores of all pictures.
        name: the score that orders them; pictures without it are left out.
        each: number of pictures of each kind. With few pictures, each is chosen once.
    """
    sign = -1 if name in LOWER_IS_BETTER else 1
    having = [picture for picture, (_, values) in scores.rows.items() if name in values]
    ordered = sorted(having, key=lambda picture: (sign * scores.rows[picture][1][name], picture))
    middle = max(0, (len(ordered) - each) // 2)
    parts = {
        "worst": ordered[:each],
        "middle": ordered[middle : middle + each],
        "best": ordered[-each:][::-1],
    }
    chosen: dict[str, str] = {}
    for kind, pictures in parts.items():
        for picture in pictures:
            values = scores.rows[picture][1]
            shown = [f"{key} {values[key]:.3f}" for key in (name, "boundary_f", "abs_rel", "order") if key in values]
            chosen.setdefault(picture, f"{kind}: {picture}   {', '.join(dict.fromkeys(shown))}")
    return chosen


def ordering_score(scores: ExamScores) -> str:
    """Return the name of the score that orders pictures: of masks if any has one, else of depth, else of false area."""
    names = ("mask_iou_img", "delta1", "false_area")
    return next(name for name in names if any(name in values for _, values in scores.rows.values()))


def draw_panel(rows: Sequence[Mapping[str, Array]], captions: Sequence[str]) -> Image.Image:
    """Draw pictures in rows, each fitted into a rectangle of CELL_PX.

    Args:
        rows: of each row: title of the column -> (H, W, 3) uint8 RGB; a column that a row lacks stays grey.
        captions: one for each row.
    """
    titles = list(dict.fromkeys(title for row in rows for title in row))
    blank = np.full((*CELL_PX, 3), 235, np.uint8)
    cells = [[fitted(row[title]) if title in row else blank for title in titles] for row in rows]
    return contact_sheet(cells, titles, captions)


def mask_answer(image: Array, predicted: Array, truth: Array) -> Array:
    """Show a mask against the known one, on a pale picture: (H, W, 3) uint8 RGB.

    Args:
        image: (H, W, 3) uint8 RGB.
        predicted: (H, W) bool.
        truth: (H, W) bool.
    """
    pale: Array = (image.mean(-1, keepdims=True) * 0.5 + 110).astype(np.uint8).repeat(3, -1)
    for where, colour in ((predicted & truth, RIGHT), (predicted & ~truth, FALSE), (truth & ~predicted, MISSED)):
        pale[where] = pale[where] // 3 + np.array(colour, np.uint8) // 3 * 2
    return pale


def mask_picture(mask: Array) -> Array:
    """Show a mask in black and white: (H, W) bool -> (H, W, 3) uint8 RGB."""
    return (mask[..., None] * np.uint8(255)).repeat(3, -1)


def known_depth_picture(depth: Array) -> Array:
    """Show known depth as inverse depth, near is bright; grey where it is not known: (H, W, 3) uint8 RGB.

    Args:
        depth: (H, W), larger is farther, 0 where it is not known.
    """
    known = depth > 0
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0)
    shown = predicted_depth_picture(inverse, inverse[known])
    shown[~known] = 128
    return shown


def predicted_depth_picture(inverse: Array, over: Array | None = None) -> Array:
    """Show predicted inverse depth over its own range, near is bright: (h, w) -> (h, w, 3) uint8 RGB.

    Args:
        inverse: (h, w) inverse depth.
        over: the values whose 2nd and 98th percentile are shown darkest and brightest; those of `inverse` by default.
    """
    low, high = np.percentile(inverse if over is None else over, (2, 98))
    return colour_depth(inverse, float(low), float(high))


def fitted(picture: Array) -> Array:
    """Shrink or enlarge a picture so that it fits a rectangle of CELL_PX, on white."""
    height, width = picture.shape[:2]
    factor = min(CELL_PX[0] / height, CELL_PX[1] / width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST
    sheet = Image.new("RGB", CELL_PX[::-1], "white")
    sheet.paste(Image.fromarray(picture).resize(size, how), ((CELL_PX[1] - size[0]) // 2, (CELL_PX[0] - size[1]) // 2))
    return np.asarray(sheet)

"""Pictures of samples for people: what is known, what is predicted, and the error, side by side."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from fgbg_data.drawing.colours import colour_depth
from fgbg_data.drawing.sheets import GAP_PX, INK, PAPER, TITLE_PX, contact_sheet
from fgbg_train.data.batches import Targets
from fgbg_train.measure.picture import Picture, Plane
from fgbg_train.models.blocks import height_width, resize
from fgbg_train.models.cascade import Prediction

SCALE_PX = 8
"""Height of a scale below the pictures."""
SIDE_PX = 128
"""Smallest height of a picture; small pictures are enlarged by whole factors."""


def panel(targets: Targets, prediction: Prediction, *, samples: int) -> Image.Image:
    """Draw the first samples of a batch: a row for each sample, and a column for each map that exists.

    Args:
        targets: image, mask and depth; masks and depth may have another size than images.
        prediction: maps of the size of the mask of the targets.
        samples: number of samples that are drawn.
    """

    def planes(maps: Tensor | None) -> Plane | None:
        """Return (B, 1, H, W) of any float as (samples, H, W) float32 on the CPU."""
        return None if maps is None else maps[:samples].detach().float().cpu().numpy()[:, 0]

    logits = prediction.mask_logits
    mask, depth, predicted = planes(targets.mask), planes(targets.depth), planes(prediction.depth)
    images = resize(targets.image[:samples].float(), height_width(targets.mask))
    photos = np.round(images.cpu().numpy().transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    columns: dict[str, list[Picture] | None] = {
        "image": list(photos),
        "mask": pictures(mask, grey),
        "predicted mask": pictures(planes(None if logits is None else torch.sigmoid(logits)), grey),
        "depth": pictures(depth, depth_picture),
        "predicted depth": pictures(predicted, depth_picture),
        ERROR: None,
    }
    if depth is not None and predicted is not None:
        columns[ERROR] = pictures(np.abs(predicted.clip(0, 1) - depth), error_picture)
    shown = {name: column for name, column in columns.items() if column is not None}
    factor = max(1, -(-SIDE_PX // photos.shape[1]))
    rows = [[enlarged(picture, factor) for picture in row] for row in zip(*shown.values(), strict=True)]
    return with_scale(contact_sheet(rows, list(shown)), list(shown), rows[0][0].shape[1])


def with_scale(sheet: Image.Image, titles: list[str], width: int) -> Image.Image:
    """Draw scales below the last row of a sheet: what the colours of the columns of depth and error mean.

    Args:
        sheet: the sheet.
        titles: titles of its columns.
        width: width of a picture, in pixels.
    """
    taller = Image.new("RGB", (sheet.width, sheet.height + SCALE_PX + TITLE_PX), PAPER)
    taller.paste(sheet)
    pen = ImageDraw.Draw(taller)
    ramp = np.linspace(0, 1, width, dtype=np.float32)[None].repeat(SCALE_PX, 0)
    for column, title in enumerate(titles):
        if title not in SCALES:
            continue
        draw, low, high = SCALES[title]
        left, top = GAP_PX + column * (width + GAP_PX), sheet.height
        taller.paste(Image.fromarray(draw(ramp)), (left, top))
        pen.text((left, top + SCALE_PX + 3), low, fill=INK)
        pen.text((left + width, top + SCALE_PX + 3), high, fill=INK, anchor="ra")
    return taller


def pictures(planes: Plane | None, draw: Callable[[Plane], Picture]) -> list[Picture] | None:
    """Draw the planes of some samples; None if there are none."""
    return None if planes is None else [draw(plane) for plane in planes]


def grey(plane: Plane) -> Picture:
    """Show values in [0, 1] from black to white."""
    return np.repeat(np.round(plane.clip(0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def depth_picture(plane: Plane) -> Picture:
    """Show inverse depth in [0, 1] in the colours of all pictures of depth."""
    return np.asarray(colour_depth(plane))


def error_picture(plane: Plane) -> Picture:
    """Show an absolute error in [0, 1] from black through red to white, which stands for 0.5 and more."""
    import cv2

    shown = cv2.applyColorMap(np.round((2 * plane).clip(0, 1) * 255).astype(np.uint8), cv2.COLORMAP_HOT)
    return np.asarray(shown[..., ::-1], dtype=np.uint8)


def _full_error(plane: Plane) -> Picture:
    """Show 0 to 1 in the colours of errors from 0 to 0.5."""
    return error_picture(plane * np.float32(0.5))


ERROR = "depth error"
SCALES = {
    "depth": (depth_picture, "0 far", "1 near"),
    "predicted depth": (depth_picture, "0 far", "1 near"),
    ERROR: (_full_error, "0", "0.5 or more"),
}
"""Title of a column -> what draws values from 0 to 1 in its colours, and the texts at both ends."""


def enlarged(picture: Picture, factor: int) -> Picture:
    """Repeat each pixel in both directions."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)

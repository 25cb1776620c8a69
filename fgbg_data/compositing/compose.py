"""Compose: placement -> image and mask. Pure: pictures in, pixels out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fgbg_data.compositing.plan import Placement
from fgbg_data.compositing.resize import resize_premultiplied
from fgbg_data.sample import Array


class Composite(NamedTuple):
    """A composite before encoding.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 255 where the foreground covers at least half of the pixel, else 0.
    """

    image: Array
    mask: Array


def compose(background: Array, foreground: Sequence[Array], placement: Placement) -> Composite:
    """Render one placement.

    Args:
        background: (H, W, 3) uint8 RGB, the canvas; left unchanged.
        foreground: the cut-out at its sizes, as `resize_premultiplied` takes it.
        placement: where it goes, how large, and whether it is flipped.
    """
    import cv2

    cutout = resize_premultiplied(foreground, placement.height, placement.width)
    if placement.mirrored:
        cutout = cv2.flip(cutout, 1)
    return paste(background, cutout, top=placement.top, left=placement.left)


def paste(background: Array, cutout: Array, *, top: int, left: int) -> Composite:
    """Lay a premultiplied cut-out over a background; parts outside are cut off.

    Source: the "over" operator, Porter & Duff 1984: F + round(B * (255 - a) / 255). OpenCV rounds a floating-point
    product, and yet every machine gets the integer that exact arithmetic gives: a product of integers over 255 is
    never within 1/510 of a tie, and no float32 is that wrong.

    Args:
        background: (H, W, 3) uint8 RGB, left unchanged.
        cutout: (h, w, 4) uint8, premultiplied RGB and alpha.
        top: row of the cut-out's upper edge; may be negative.
        left: column of its left edge; may be negative.
    """
    import cv2

    image = background.copy()
    mask = np.zeros(background.shape[:2], np.uint8)
    rows = _overlap(top, len(cutout), len(background))
    columns = _overlap(left, cutout.shape[1], background.shape[1])
    visible = cutout[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    if not visible.size:
        return Composite(image, mask)
    alpha = cv2.extractChannel(visible, 3)
    uncovered = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    under = cv2.multiply(image[rows, columns], uncovered, scale=1 / 255)
    # The sum saturates: premultiplied colour exceeds alpha by at most a rounding step.
    image[rows, columns] = cv2.add(under, cv2.cvtColor(visible, cv2.COLOR_RGBA2RGB))
    mask[rows, columns] = cv2.threshold(alpha, 127, 255, cv2.THRESH_BINARY)[1]
    return Composite(image, mask)


def _overlap(start: int, length: int, limit: int) -> slice:
    """Return the part of [start, start + length) that lies in [0, limit)."""
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))

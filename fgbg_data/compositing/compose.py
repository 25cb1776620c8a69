"""Composites: a cut-out is pasted on a picture, and its mask is found. All functions are pure but `lay_on`."""

from typing import NamedTuple

import numpy as np

from fgbg_data.sample import Array


class Composite(NamedTuple):
    """A picture with one cut-out on it, and the mask of the cut-out."""

    image: Array
    """(H, W, 3) uint8 RGB."""
    mask: Array
    """(H, W) uint8: 255 where the foreground covers at least half of the pixel, else 0."""


def paste(background: Array, cutout: Array, *, top: int, left: int) -> Composite:
    """Paste a premultiplied cut-out onto a background; parts outside the background are cut off.

    Source: the "over" operator of Porter & Duff, "Compositing digital images", 1984: F + round(B * (255 - a) / 255).
    Every machine computes the same integers, although OpenCV rounds a floating-point product: a quotient of integers
    by 255 is never closer than 1/510 to a tie, and the error of float32 is smaller than that.

    Args:
        background: (H, W, 3) uint8 RGB. It is not changed.
        cutout: (h, w, 4) uint8: RGB premultiplied by alpha, and alpha.
        top: row of the cut-out's upper edge in the background; may be negative.
        left: column of the cut-out's left edge in the background; may be negative.

    Returns:
        The image, (H, W, 3), and the mask, (H, W).
    """
    image = background.copy()
    lay_on(image, cutout, top=top, left=left)
    return Composite(image, mask_of(cutout, top=top, left=left, canvas=background.shape[:2]))


def lay_on(image: Array, cutout: Array, *, top: int, left: int) -> None:
    """Paste a premultiplied cut-out onto an image in place; see `paste`.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        cutout: (h, w, 4) uint8: RGB premultiplied by alpha, and alpha.
        top: row of the cut-out's upper edge in the image; may be negative.
        left: column of the cut-out's left edge in the image; may be negative.
    """
    import cv2

    rows, columns, visible = visible_part(cutout, top, left, image.shape[:2])
    if visible.size:
        uncovered = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(visible, 3)), cv2.COLOR_GRAY2RGB)
        under = cv2.multiply(image[rows, columns], uncovered, scale=1 / 255)
        # cv2.add saturates at 255. The exact sum can exceed 255 by a rounding step only.
        image[rows, columns] = cv2.add(under, cv2.cvtColor(visible, cv2.COLOR_RGBA2RGB))


def mask_of(cutout: Array, *, top: int, left: int, canvas: tuple[int, ...]) -> Array:
    """Return the mask of a cut-out on a canvas, (H, W) uint8: 255 where it covers at least half of the pixel, else 0.

    Args:
        cutout: (h, w, 4) uint8 RGBA.
        top: row of the cut-out's upper edge on the canvas; may be negative.
        left: column of the cut-out's left edge on the canvas; may be negative.
        canvas: (H, W) in pixels.
    """
    import cv2

    mask = np.zeros(canvas, np.uint8)
    rows, columns, visible = visible_part(cutout, top, left, canvas)
    if visible.size:
        mask[rows, columns] = cv2.threshold(cv2.extractChannel(visible, 3), 127, 255, cv2.THRESH_BINARY)[1]
    return mask


def visible_part(pixels: Array, top: int, left: int, canvas: tuple[int, ...]) -> tuple[slice, slice, Array]:
    """Return the rows and the columns of a canvas that pixels lie on, and the part of the pixels that lies there.

    Args:
        pixels: (h, w) or (h, w, channels), of any type.
        top: row of the upper edge of the pixels on the canvas; may be negative.
        left: column of the left edge; may be negative.
        canvas: (H, W) in pixels; further sides do not count.
    """
    rows, columns = _overlap(top, pixels.shape[0], canvas[0]), _overlap(left, pixels.shape[1], canvas[1])
    return rows, columns, pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _overlap(start: int, length: int, limit: int) -> slice:
    """Return the part of the range [start, start + length) that lies in [0, limit)."""
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))

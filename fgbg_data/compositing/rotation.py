"""Rotation of cut-outs by small angles, about their centre, in integers."""

import functools
from dataclasses import dataclass

import numpy as np

from fgbg_data.compositing.draws import Draws
from fgbg_data.sample import Array

_ONE = 1 << 20
"""What sine and cosine are multiplied by."""
_STEPS = 1024
"""Steps of a coordinate in a pixel, before it is cut to the 32 that OpenCV interpolates at."""
_PI = 3_141_592_653_589_793
"""Pi, in 1e-15."""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """How far one cut-out is turned. The default leaves it as it is."""

    millidegrees: int = 0
    """The angle in thousandths of a degree, counted anticlockwise."""


def draw_rotation(draws: Draws, max_degrees: float) -> Rotation:
    """Draw the angle of one object.

    Args:
        draws: the draws of the object.
        max_degrees: the largest angle to either side, 0 to 180. Half of the objects stay upright.

    >>> draw_rotation(Draws(0, "bg07_fg42_013"), 0)
    Rotation(millidegrees=0)
    """
    if not max_degrees:
        return Rotation()
    largest = round(1000 * max_degrees)
    angles = 2 * largest + 1
    drawn = draws.below("rotate", 2 * angles)
    return Rotation(millidegrees=drawn - largest if drawn < angles else 0)


def rotated_size(height: int, width: int, rotation: Rotation) -> tuple[int, int]:
    """Return the (height, width) of a box that holds a rotated cut-out, in pixels.

    Each side differs from the one before by an even number, so that the centre stays.

    >>> rotated_size(100, 50, Rotation(millidegrees=10_000))
    (108, 68)
    """
    sine, cosine = map(abs, _sine_and_cosine(rotation.millidegrees))
    rows, columns = height * cosine + width * sine, width * cosine + height * sine
    return height + _even_excess(rows - height * _ONE), width + _even_excess(columns - width * _ONE)


def rotate(cutout: Array, rotation: Rotation) -> Array:
    """Turn a cut-out about its centre. It belongs at top - (new height - height) // 2, and so for left.

    Every machine gives the same pixels: coordinates are computed here in integers, and OpenCV interpolates 8-bit pixels
    between coordinates of 1/32 pixel with integer weights.

    Args:
        cutout: (h, w, 4) uint8 premultiplied RGBA. It is not changed, and at angle 0 it is returned.
        rotation: the angle.

    Returns:
        (height, width, 4) uint8 premultiplied RGBA, of the size that `rotated_size` gives.
    """
    import cv2

    return _turned(cutout, rotation, cv2.BORDER_CONSTANT)


def rotate_relief(relief: Array, rotation: Rotation) -> Array:
    """Turn the depth of a cut-out, (h, w) float32, in the same way; outside of it the nearest value goes on."""
    import cv2

    return _turned(relief, rotation, cv2.BORDER_REPLICATE)


def _turned(array: Array, rotation: Rotation, border: int) -> Array:
    """Turn an array of pixels about its centre; `border` is what OpenCV finds outside of it."""
    if not rotation.millidegrees:
        return array
    import cv2

    height, width = array.shape[:2]
    rows, columns = rotated_size(height, width, rotation)
    sine, cosine = _sine_and_cosine(rotation.millidegrees)
    # Twice the distance from the centre is a whole number for odd and for even sides.
    right, down = 2 * np.arange(columns, dtype=np.int64) + 1 - columns, 2 * np.arange(rows, dtype=np.int64) + 1 - rows

    def along(factor_right: int, factor_down: int, side: int) -> Array:
        """Return one coordinate of each pixel in the cut-out, (rows, columns) int32 in 1/1024 pixel."""
        middle = (side - 1) * _STEPS // 2 + _STEPS // 64  # with half of 1/32 pixel, so that this is rounded below
        first = right * factor_right * _STEPS // (2 * _ONE) + middle
        second = down * factor_down * _STEPS // (2 * _ONE)
        total: Array = second.astype(np.int32)[:, None] + first.astype(np.int32)
        return total

    x, y = along(cosine, -sine, width), along(sine, cosine, height)
    whole = cv2.merge([(x >> 10).astype(np.int16), (y >> 10).astype(np.int16)])
    part = (y & (31 << 5) | (x >> 5) & 31).astype(np.uint16)  # the number of 1/32 pixels, of y and of x
    return cv2.remap(array, whole, part, cv2.INTER_LINEAR, borderMode=border, borderValue=(0, 0, 0, 0))


def _even_excess(difference: int) -> int:
    """Return the smallest even number of pixels that is at least a difference, which is given in 1/`_ONE` pixel."""
    return 2 * -(-difference // (2 * _ONE))


@functools.lru_cache(maxsize=64)
def _sine_and_cosine(millidegrees: int) -> tuple[int, int]:
    """Return sine and cosine in 1/`_ONE`, from their power series in whole numbers.

    The mathematical library of a machine may differ from that of another in the last digit.
    """
    unit = 10**15
    angle = abs(millidegrees) * _PI // 180_000
    sums, term, order = [0, 0], unit, 0
    while term:
        sums[order % 2] += -term if order % 4 > 1 else term
        order += 1
        term = term * angle // (order * unit)
    cosine, sine = ((2 * value * _ONE + unit) // (2 * unit) for value in sums)
    return (-sine if millidegrees < 0 else sine), cosine

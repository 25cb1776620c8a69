"""Rotation of cut-outs by small angles, about their centre, in integers."""

from dataclasses import dataclass

import numpy as np

from fgbg_data.sample import Array
from fgbg_data.splits import draw

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


def draw_rotation(seed: int, key: str, prefix: str, max_degrees: float) -> Rotation:
    """Draw the angle of one object.

    Args:
        seed: seed of the dataset.
        key: key of the sample.
        prefix: what the names of the object's draws begin with; empty for the first object.
        max_degrees: the largest angle to either side, 0 to 180.

    >>> draw_rotation(0, "bg07_fg42_013", "", 0)
    Rotation(millidegrees=0)
    """
    largest = round(1000 * max_degrees)
    return Rotation(millidegrees=draw(seed, key, f"{prefix}rotate", 2 * largest + 1) - largest)


def rotated_size(height: int, width: int, rotation: Rotation) -> tuple[int, int]:
    """Return the (height, width) of a box that holds a rotated cut-out, in pixels.

    Each side differs from the one before by an even number, so that the centre stays.

    >>> rotated_size(100, 50, Rotation(millidegrees=10_000))
    (108, 68)
    """
    sine, cosine = map(abs, _sine_and_cosine(rotation))
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
    if not rotation.millidegrees:
        return cutout
    import cv2

    height, width = cutout.shape[:2]
    rows, columns = rotated_size(height, width, rotation)
    sine, cosine = _sine_and_cosine(rotation)
    # Twice the distance from the centre is a whole number for odd and for even sides.
    down = 2 * np.arange(rows, dtype=np.int64)[:, None] + 1 - rows
    right = 2 * np.arange(columns, dtype=np.int64) + 1 - columns
    scale = 2 * _ONE // _STEPS
    x = (right * cosine // scale + (width - 1) * _STEPS // 2).astype(np.int32) - (down * sine // scale).astype(np.int32)
    y = (right * sine // scale + (height - 1) * _STEPS // 2).astype(np.int32) + (down * cosine // scale).astype(
        np.int32
    )
    x = (x + _STEPS // 64) >> 5
    y = (y + _STEPS // 64) >> 5
    whole = cv2.merge([(x >> 5).astype(np.int16), (y >> 5).astype(np.int16)])
    part = (((y & 31) << 5) | (x & 31)).astype(np.uint16)
    return cv2.remap(cutout, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0))


def _even_excess(difference: int) -> int:
    """Return the smallest even number of pixels that is at least a difference, which is given in 1/`_ONE` pixel."""
    return 2 * -(-difference // (2 * _ONE))


def _sine_and_cosine(rotation: Rotation) -> tuple[int, int]:
    """Return sine and cosine in 1/`_ONE`, from their power series in whole numbers.

    The mathematical library of a machine may differ from that of another in the last digit.
    """
    unit = 10**15
    angle = rotation.millidegrees * _PI // 180_000
    sums, term, order = [0, 0], unit, 0
    while term:
        sums[order % 2] += -term if order % 4 > 1 else term
        order += 1
        term = term * angle // (order * unit)
        if order > 100:  # a negative term never becomes 0, because division rounds it down to -1
            break
    return (2 * sums[1] * _ONE + unit) // (2 * unit), (2 * sums[0] * _ONE + unit) // (2 * unit)

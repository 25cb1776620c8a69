"""Blends: what happens to the edge of a cut-out where it meets the background.

A network that is trained on pictures with one kind of edge learns to find that edge. Where the edges vary, and the
truth does not, it has to look at the object. Source: Dwibedi, Misra & Hebert, "Cut, Paste and Learn", ICCV 2017.

Each blend turns a premultiplied cut-out into another one, which is then laid on the picture by `lay_on`. Poisson
blending is left out. It changes the whole object, it takes a solver in floats whose pixels differ between machines, it
takes many times as long, and in that paper it did worse alone than plain pasting.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.integers import MAX_RADIUS, box_mean, weigh
from fgbg_data.sample import Array

DIRECTIONS = ((0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (2, -1), (2, -2), (1, -2))
"""The directions of motion, as (rows, columns) of two steps along the longer one."""
MAX_MOTION = 3
"""Largest radius of motion. OpenCV would use a Fourier transform in floats for a kernel of more than 7 x 7 pixels."""


@dataclass(frozen=True, kw_only=True)
class Blend:
    """How one cut-out is blended. The default leaves it as it is."""

    name: str = "over"
    """One of `scene_options.BLENDS`."""
    radius_px: int = 0
    """How far the blend reaches: the radius of each mean, of the erosion, or half the way of the motion."""
    direction: int = 0
    """Index into `DIRECTIONS`, for `motion`."""


def draw_blend(draws: Draws, names: Sequence[str], canvas: tuple[int, int]) -> Blend:
    """Draw the blend of one object.

    Args:
        draws: the draws of the object.
        names: the blends to choose from.
        canvas: (height, width) in pixels. Radii grow with it: up to 2 pixels at 224.

    >>> draw_blend(Draws(0, "bg07_fg42_013"), ["over"], (224, 224))
    Blend(name='over', radius_px=0, direction=0)
    """
    name = names[draws.below("blend", len(names))]
    if name == "over":
        return Blend()
    largest = min(MAX_MOTION, min(canvas) // 74) if name == "motion" else min(MAX_RADIUS, min(canvas) // 112)
    radius = 1 + draws.below("blend-radius", max(1, largest))
    direction = draws.below("blend-direction", len(DIRECTIONS)) if name == "motion" else 0
    return Blend(name=name, radius_px=radius, direction=direction)


def soften(cutout: Array, blend: Blend) -> tuple[Array, int]:
    """Return a blended cut-out, and how many pixels it has gained on each side.

    Args:
        cutout: (h, w, 4) uint8 premultiplied RGBA. It is not changed.
        blend: how it is blended. With radius 0 or `over`, the cut-out itself is returned.

    Returns:
        (h + 2 margin, w + 2 margin, 4) uint8 premultiplied RGBA, and the margin. It belongs at top - margin and
        left - margin.
    """
    radius = blend.radius_px
    if blend.name == "over" or not radius:
        return cutout, 0
    if blend.name == "feather":
        padded = _pad(cutout, 2 * radius)
        return _soft_edge(padded, box_mean(box_mean(padded, radius), radius)), 2 * radius
    if blend.name == "box":
        padded = _pad(cutout, radius)
        return _soft_edge(padded, box_mean(padded, radius)), radius
    if blend.name == "erode":
        return weigh(cutout, _eroded(cutout, radius)), 0
    return _moved(_pad(cutout, radius), radius, blend.direction), radius


def _soft_edge(cutout: Array, blurred: Array) -> Array:
    """Return a cut-out with the alpha of its blurred self and colours that are blurred along its edge only.

    The result is a' * F + (1 - a) * F' for the cut-out F of alpha a, and the blurred one F' of alpha a'. Of a colour C
    that is the same around a pixel it makes a' * C, so colours stay where alpha changes; where the cut-out is
    transparent it takes the blurred colours of the pixels nearby.
    """
    import cv2

    inside = weigh(cutout, cv2.extractChannel(blurred, 3))
    return cv2.add(inside, weigh(blurred, cv2.bitwise_not(cv2.extractChannel(cutout, 3))))


def _eroded(cutout: Array, radius: int) -> Array:
    """Return the share of each pixel that stays, (h, w) uint8, when the edge of a cut-out is taken off.

    Parts that are too thin to survive stay as they are, since the mask has them. Coverage counts twice, so that what is
    half transparent, such as glass, is no edge.
    """
    import cv2

    alpha = cv2.extractChannel(cutout, 3)
    solid = cv2.add(alpha, alpha)
    eroded = cv2.erode(solid, _disc(radius), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return cv2.add(eroded, cv2.subtract(solid, cv2.dilate(eroded, _disc(radius))))


@functools.cache
def _disc(radius: int) -> Array:
    """Return a disc of ones, (2 radius + 1, 2 radius + 1) uint8."""
    steps = np.arange(-radius, radius + 1)
    disc: Array = (steps[:, None] ** 2 + steps**2 <= radius * (radius + 1)).astype(np.uint8)
    return disc


def _moved(cutout: Array, radius: int, direction: int) -> Array:
    """Return the mean of a cut-out over 2 * radius + 1 positions along a line."""
    import cv2

    rows, columns = DIRECTIONS[direction]
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for step in range(-radius, radius + 1):
        kernel[radius + int(rows * step / 2), radius + int(columns * step / 2)] = 1
    sums = cv2.filter2D(cutout, cv2.CV_16S, kernel, borderType=cv2.BORDER_CONSTANT)
    return cv2.convertScaleAbs(sums, alpha=1 / (2 * radius + 1))


def _pad(cutout: Array, margin: int) -> Array:
    """Return a cut-out with a transparent margin."""
    import cv2

    return cv2.copyMakeBorder(cutout, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))

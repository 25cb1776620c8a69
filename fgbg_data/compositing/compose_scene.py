"""Scenes become pixels: objects are painted on a background from far to near."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fgbg_data.compositing.compose import paste
from fgbg_data.compositing.figures import Figure, paint_ids
from fgbg_data.sample import Array


class SceneComposite(NamedTuple):
    """The pixels of a scene before its image is encoded."""

    image: Array
    """(H, W, 3) uint8 RGB."""
    mask: Array
    """(H, W) uint8: 255 where an object covers at least half of the pixel, else 0."""
    instances: Array
    """(H, W) uint8: the id of the object that is seen, in the order of painting from 1; 0 for none."""


def compose_scene(background: Array, figures: Sequence[Figure]) -> SceneComposite:
    """Paint the figures of a scene.

    Args:
        background: (H, W, 3) uint8 RGB, of the size of the canvas. It is not changed.
        figures: the objects, from far to near.
    """
    image = background
    for figure in figures:
        image = paste(image, figure.cutout, top=figure.top, left=figure.left).image
    instances = paint_ids(figures, background.shape[:2])
    mask = (instances > 0) * np.uint8(255)
    return SceneComposite(image, mask, instances)


def amodal_bits(areas: Sequence[Array], canvas: tuple[int, int]) -> Array:
    """Return the whole areas of at most 16 objects as bits: (H, W) uint16, bit i - 1 is set where the object i is.

    >>> amodal_bits([np.array([[True, False]]), np.array([[True, True]])], (1, 2)).tolist()
    [[3, 2]]

    Args:
        areas: for each object (H, W) bool: what it covers, whether or not it is seen.
        canvas: (height, width) of the picture in pixels.
    """
    bits = np.zeros(canvas, np.uint16)
    for number, area in enumerate(areas):
        bits |= area.astype(np.uint16) << np.uint16(number)
    return bits

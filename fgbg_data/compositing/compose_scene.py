"""Scenes become pixels: objects are painted on a background from far to near."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fgbg_data.compositing.blends import soften
from fgbg_data.compositing.camera import Camera, photograph
from fgbg_data.compositing.colour import recolour
from fgbg_data.compositing.compose import lay_on
from fgbg_data.compositing.figures import Figure, paint_ids
from fgbg_data.compositing.shadows import darken
from fgbg_data.sample import Array


class SceneComposite(NamedTuple):
    """The pixels of a scene before its image is encoded."""

    image: Array
    """(H, W, 3) uint8 RGB."""
    mask: Array
    """(H, W) uint8: 255 where an object covers at least half of the pixel, else 0."""
    instances: Array
    """(H, W) uint8: the id of the object that is seen, in the order of painting from 1; 0 for none."""
    decoys: Array
    """(H, W) uint8: the number of the decoy that is seen, from 1; 0 for none."""


def compose_scene(
    background: Array,
    figures: Sequence[Figure],
    decoys: Sequence[Figure] = (),
    camera: Camera = Camera(),  # noqa: B008 (it is frozen)
) -> SceneComposite:
    """Paint the decoys and the objects of a scene, and take a picture of it.

    Objects are matched to the bare background, so that none depends on another.

    Args:
        background: (H, W, 3) uint8 RGB, of the size of the canvas. It is not changed.
        figures: the objects, from far to near.
        decoys: the decoys, in the order of painting; their cut-outs are filled already.
        camera: what the camera does to the whole picture.
    """
    import cv2

    image = background.copy()
    for figure in (*decoys, *figures):
        look, rows, columns = figure.placed.look, *figure.span(background.shape[:2])
        cutout = recolour(figure.cutout, look.colour, look.match, background[rows, columns])
        if figure.shadow is not None:
            image = darken(image, figure.shadow)
        behind = None if figure.hidden is None else image[figure.hidden]
        blended, margin = soften(cutout, look.blend)
        lay_on(image, blended, top=figure.top - margin, left=figure.left - margin)
        if figure.hidden is not None:
            image[figure.hidden] = behind
    instances, beneath = (paint_ids(each, background.shape[:2]) for each in (figures, decoys))
    np.copyto(beneath, 0, where=instances > 0)
    mask = cv2.threshold(instances, 0, 255, cv2.THRESH_BINARY)[1]
    return SceneComposite(photograph(image, camera), mask, instances, beneath)


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

"""Figures: the objects of a scene as pixels, before they are painted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fgbg_data.compositing.compose import mask_of, visible_part
from fgbg_data.compositing.occlusion import hidden_by
from fgbg_data.compositing.resize import resize_premultiplied
from fgbg_data.compositing.rotation import rotate
from fgbg_data.compositing.scene import SceneObject
from fgbg_data.compositing.shadows import shadow_of
from fgbg_data.compositing.stage import Stage
from fgbg_data.config import BuildConfig
from fgbg_data.sample import Array


class Figure(NamedTuple):
    """One object of a scene as pixels."""

    placed: SceneObject
    """Where it is, and how it looks."""
    cutout: Array
    """(h, w, 4) uint8: RGB premultiplied by alpha, and alpha. It has the size of the object in the picture."""
    top: int
    """Row of the upper edge of `cutout` in the picture; may be negative."""
    left: int
    """Column of the left edge of `cutout` in the picture; may be negative."""
    area: Array
    """(H, W) bool: where the object covers at least half of the pixel, whether or not anything hides it."""
    hidden: Array | None = None
    """(H, W) bool: where something in the background hides it; None if nothing does."""
    shadow: Array | None = None
    """(H, W) uint8: how much light it takes from the ground; None without a shadow."""

    @property
    def unhidden(self) -> Array:
        """(H, W) bool: the area that nothing in the background hides. Other objects may."""
        return self.area if self.hidden is None else self.area & ~self.hidden

    def span(self, canvas: tuple[int, ...]) -> tuple[slice, slice]:
        """Return the rows and the columns of the picture, of size `canvas`, that `cutout` lies on."""
        rows, columns, _ = visible_part(self.cutout, self.top, self.left, canvas)
        return rows, columns


def make_figure(placed: SceneObject, sizes: Sequence[Array], canvas: tuple[int, int]) -> Figure:
    """Return an object as pixels.

    Args:
        placed: the object.
        sizes: its cut-out at several sizes, as `cutout_sizes` returns them.
        canvas: (height, width) of the picture in pixels.
    """
    import cv2

    cutout = resize_premultiplied(sizes, placed.height, placed.width)
    if placed.mirrored:
        cutout = cv2.flip(cutout, 1)
    cutout = rotate(cutout, placed.look.rotation)
    top, left = placed.top - (len(cutout) - placed.height) // 2, placed.left - (cutout.shape[1] - placed.width) // 2
    area = mask_of(cutout, top=top, left=left, canvas=canvas) > 0
    return Figure(placed, cutout, top, left, area)


def on_stage(figure: Figure, stage: Stage | None, config: BuildConfig) -> Figure:
    """Return an object with what hides it in the background, and with its shadow on the ground.

    Args:
        figure: the object.
        stage: the ground on which it stands; None returns the object as it is.
        config: the configuration of the build.
    """
    if stage is None:
        return figure
    if config.occlude:
        figure = figure._replace(hidden=hidden_by(stage.nearness, int(figure.placed.z), figure.area))
    if config.shadow != "none":
        shadow = shadow_of(figure.cutout, figure.top, figure.left, config.canvas, config.shadow, stage.light)
        if config.occlude:
            behind = hidden_by(stage.nearness, int(figure.placed.z), shadow > 0)
            if behind is not None:
                shadow[behind] = 0
        figure = figure._replace(shadow=shadow)
    return figure


def far_to_near(figures: Sequence[Figure]) -> list[Figure]:
    """Return figures in the order in which they are painted; of two at the same distance, the lower number is first."""
    return sorted(figures, key=lambda figure: (figure.placed.z, figure.placed.number))


def paint_ids(figures: Sequence[Figure], canvas: tuple[int, int]) -> Array:
    """Return which figure is seen at each pixel: (H, W) uint8, 0 for none, else the figure's number in order from 1.

    Args:
        figures: the figures from far to near, at most 255.
        canvas: (height, width) of the picture in pixels.
    """
    ids = np.zeros(canvas, np.uint8)
    for number, figure in enumerate(figures, 1):
        ids[figure.unhidden] = number
    return ids


def seen_shares(figures: Sequence[Figure], canvas: tuple[int, int]) -> list[tuple[int, int]]:
    """Return for each figure how many of its pixels are seen, and how many would be if nothing hid them.

    Args:
        figures: the figures from far to near.
        canvas: (height, width) of the picture in pixels.
    """
    ids = paint_ids(figures, canvas)
    return [
        (int(np.count_nonzero(ids[each.span(canvas)] == number)), int(np.count_nonzero(each.area)))
        for number, each in enumerate(figures, 1)
    ]

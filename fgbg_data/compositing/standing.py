"""Standing: where an object stands on the ground of a background, and how large it is there."""

from typing import NamedTuple

import numpy as np

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.source_file import Source
from fgbg_data.compositing.stage import NEARNESS_BITS, Stage
from fgbg_data.config import BuildConfig
from fgbg_data.ground.plane import BITS, tolerance

TRIES = 40
"""Number of pixels of the ground that are drawn until one of them suits the object."""
SMALLEST = (1, 16)
"""An object should be at least this share of the height of the picture, if any of the tries allows it."""
LARGEST = (6, 5)
"""An object should be at most this share of the height: a larger one is cut off, or blurred by enlarging."""
FEET = (3, 10)
"""This share of its width left and right of its foot, there should be ground too, or something nearer."""


class Spot(NamedTuple):
    """The box of an object on the ground, and how near it is."""

    top: int
    """Row of the box's upper edge in pixels; negative above the canvas."""
    left: int
    """Column of the box's left edge in pixels; negative left of the canvas."""
    height: int
    """Height of the whole box in pixels."""
    width: int
    """Width of the whole box in pixels."""
    nearness: int
    """Code of the ground's inverse depth at its foot, of `ground.plane.BITS` bits; larger is nearer."""


def stand(config: BuildConfig, stage: Stage, foreground: Source, draws: Draws) -> Spot:
    """Draw where an object stands. Its foot is the middle of its lower edge.

    The first drawn pixel of the ground is taken at which the object is neither a speck nor cut off, and has ground
    under its whole width, as far as nothing nearer hides it. If there is none, the pixel is taken that comes closest.

    Args:
        config: gives the canvas, and the share of the object that may lie outside of it.
        stage: the background.
        foreground: the cut-out, with its height in the scene.
        draws: the draws of the object.
    """
    area = stage.ground.area_px
    best, least = None, 0
    for number in range(TRIES):
        row, column = stage.ground.pixel(draws.below(f"foot{number or ''}", area))
        spot = _spot(stage, foreground, row, column)
        lacks = _lack(config, stage, spot, row, column)
        if best is None or lacks < least:
            best, least = spot, lacks
        if not lacks:
            break
    assert best is not None
    return best


def _spot(stage: Stage, foreground: Source, row: int, column: int) -> Spot:
    """Return the box of an object whose foot is at a pixel of the ground."""
    height = stage.ground.height_px(row, column, foreground.height_mm, stage.camera_mm)
    width = max(1, (2 * height * foreground.width + foreground.height) // (2 * foreground.height))
    nearness = stage.ground.plane.code(row, column)
    return Spot(row + 1 - height, column - width // 2, height, width, nearness)


def _lack(config: BuildConfig, stage: Stage, spot: Spot, row: int, column: int) -> int:
    """Return by how much a spot does not suit its object, in 1/1000; 0 if it suits."""
    canvas_h, canvas_w = config.canvas
    rows = min(canvas_h, spot.top + spot.height) - max(0, spot.top)
    columns = min(canvas_w, spot.left + spot.width) - max(0, spot.left)
    outside = 1000 - 1000 * max(0, rows) * max(0, columns) // (spot.height * spot.width)
    lack = max(0, outside - round(1000 * config.truncate))
    smallest, largest = canvas_h * SMALLEST[0] // SMALLEST[1], canvas_h * LARGEST[0] // LARGEST[1]
    lack += 1000 * max(0, smallest - spot.height) // smallest + 1000 * max(0, spot.height - largest) // largest
    nearer = int(tolerance(np.array(spot.nearness)) * 2 + spot.nearness) >> (BITS - NEARNESS_BITS)
    reach = spot.width * FEET[0] // FEET[1]
    for foot in (column - reach, column + reach):
        if 0 <= foot < canvas_w and not stage.mask[row, foot] and stage.nearness[row, foot] <= nearer:
            lack += 100
    return lack

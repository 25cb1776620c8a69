"""How a ground looks to a person: its pixels tinted, its horizon, and figures that stand on it."""

import numpy as np

from fgbg_data.ground.ground import Ground
from fgbg_data.sample import Array

TINT = (40, 220, 120)
"""Colour over the pixels on which things can stand, RGB."""
HORIZON = (255, 40, 40)
"""Colour of the horizon, RGB."""
FIGURE = (255, 210, 0)
"""Colour of the figures, RGB."""
FIGURE_MM, CAMERA_MM = 1700, 1500
"""Height of the figures, and of the camera that is assumed, in millimetres."""
FIGURES = 3
"""Number of figures on a sheet of backgrounds."""
PRIME = 7919
"""The pixels of the figures are this many apart, modulo the area: scattered, and always the same."""


def draw_ground(image: Array, ground: Ground | str, figures: int = FIGURES) -> Array:
    """Show what was found in a background; one without ground is darkened.

    Args:
        image: (H, W, 3) uint8 RGB, left unchanged.
        ground: its ground, or the reason why it has none.
        figures: number of figures that stand on it.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    if isinstance(ground, str):
        return (image * 0.45).astype(np.uint8)
    height, width = image.shape[:2]
    shown = image.copy()
    mask = ground.mask(height, width)
    shown[mask] = (shown[mask] * 0.6 + np.array(TINT) * 0.4).astype(np.uint8)
    left, right = ((column, round(ground.horizon_row(column))) for column in (0, width))
    cv2.line(shown, left, right, HORIZON, 1, cv2.LINE_AA)
    feet = sorted(ground.pixel((number * PRIME + 1) * PRIME % ground.area_px) for number in range(figures))
    for row, column in feet:
        _draw_figure(shown, row, column, ground.height_px(row, column, FIGURE_MM, CAMERA_MM))
    return shown


def _draw_figure(image: Array, row: int, column: int, height: int) -> None:
    """Draw a person as a pictogram with its foot at a pixel."""
    import cv2

    head = max(1, height // 12)
    shoulders, hips = row - height + 2 * head, row - height * 9 // 20
    half = max(1, height // 9)
    body = np.array([(column - half, shoulders), (column + half, shoulders), (column + half * 2 // 3, hips)])
    legs = [(column + half * 2 // 3, row), (column - half * 2 // 3, row), (column - half * 2 // 3, hips)]
    outline = np.concatenate([body, np.array(legs)]).astype(np.int32)
    for colour, grow in ((0, 0, 0), 2), (FIGURE, 0):
        cv2.circle(image, (column, row - height + head), head + grow // 2, colour, -1, cv2.LINE_AA)
        if grow:
            cv2.polylines(image, [outline], True, colour, grow, cv2.LINE_AA)
        else:
            cv2.fillPoly(image, [outline], colour, cv2.LINE_AA)

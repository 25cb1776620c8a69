"""The horizon of a background: where its ground reaches infinity."""

from typing import NamedTuple

import numpy as np

from fgbg_data.ground.plane import Plane
from fgbg_data.ground.vanishing import horizon_evidence, straight_lines
from fgbg_data.sample import Array

SLOPES = (0.0, -0.05, 0.05, -0.12, 0.12)
"""Slopes of the horizons that are tried, in rows for each column."""
HIGHEST, LOWEST = -0.3, 1.0
"""Range of the horizons that are tried, as shares of the height of the picture."""
STEPS = (0.025, 0.005)
"""Steps of the search and of its refinement, as shares of the height."""
USUAL, SPREAD = 0.4, 0.2
"""Most pictures are taken nearly level: mean and standard deviation of the horizon, as shares of the height."""
ROLL_SPREAD = 0.03
"""Standard deviation of its slope."""
TRUST = 6.0
"""Weight of the evidence of the lines against these two assumptions, where the lines agree with each other."""
NOISE_PX = 0.14
"""Length of lines that meet by chance, as a share of the longer side of the picture."""
FAR_PERCENT = 5
"""Percentile of the codes that is taken for the farthest depth: the ground never vanishes below it."""
FAR_SPREAD = 0.05
"""Standard deviation, as a share of the height, of how far the horizon may lie below the row of that depth."""
PER_PX = 16
"""Horizons are rounded to 1 / PER_PX pixel, so that all later steps compute with integers."""


class Horizon(NamedTuple):
    """A straight line across the picture. Its rows are in 1 / PER_PX pixel and may lie outside the picture."""

    left: int
    """Row at the left edge, column 0."""
    right: int
    """Row at the right edge, column W."""

    def row(self, column: float, width: int) -> float:
        """Return its row in pixels at a column of a picture that is `width` pixels wide."""
        return (self.left + (self.right - self.left) * column / width) / PER_PX

    @classmethod
    def through(cls, row: float, slope: float, width: int) -> "Horizon":
        """Return the horizon that has a row in the middle column and falls by `slope` rows for each column."""
        half = slope * width / 2
        return cls(round((row - half) * PER_PX), round((row + half) * PER_PX))


def horizon_of_plane(plane: Plane, zero: float, width: int) -> Horizon:
    """Return where a plane reaches infinity, if the code of infinity is known, as that of metric depth is.

    Args:
        plane: the plane of the ground.
        zero: the code of infinity; below 0 if the farthest thing in the picture is nearer than infinity.
        width: width of the picture in pixels.
    """
    return Horizon(*(round(plane.row_of(zero, column) * PER_PX) for column in (0, width)))


def guess_horizon(codes: Array, image: Array, plane: Plane) -> Horizon:
    """Return the most likely horizon of a picture whose inverse depth has an unknown shift.

    Straight lines vote for it. Most pictures are level and look a little down. Nothing in the picture is farther than
    infinity, so the horizon lies above the row at which the plane reaches the farthest depth of the picture.

    Args:
        codes: (H, W) inverse depth, integers.
        image: (H, W, 3) uint8 RGB.
        plane: the plane of the ground.
    """
    height, width = codes.shape
    lines = straight_lines(image)
    far = plane.row_of(float(np.percentile(codes, FAR_PERCENT)), width / 2) / height

    def search(shares: Array, slopes: tuple[float, ...]) -> tuple[float, float]:
        evidence = np.stack([horizon_evidence(lines, shares * height, slope, width) for slope in slopes])
        likely = TRUST * evidence / (evidence.max() + NOISE_PX * max(height, width))
        likely -= (((shares - USUAL) / SPREAD) ** 2 + (np.maximum(shares - far, 0) / FAR_SPREAD) ** 2) / 2
        likely -= (np.array(slopes)[:, None] / ROLL_SPREAD) ** 2 / 2
        best = np.unravel_index(int(likely.argmax()), likely.shape)
        return float(shares[best[1]]), slopes[int(best[0])]

    share, slope = search(np.arange(HIGHEST, LOWEST, STEPS[0]), SLOPES)
    share, slope = search(share + np.arange(-6, 7) * STEPS[1], (slope - 0.02, slope, slope + 0.02))
    return Horizon.through(share * height, slope, width)

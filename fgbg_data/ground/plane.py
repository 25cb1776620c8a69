"""The plane of the ground in quantised inverse depth, found robustly and in integers.

On a plane in the scene, inverse depth is an affine function of row and column. An unknown scale and shift of inverse
depth, which most estimators have, keeps it affine. All functions are pure, and give the same integers on every machine.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgbg_data.sample import Array

BITS = 12
"""Bits of the inverse depth that decides where the ground is."""
LEVELS = 2**BITS - 1
"""Code of the nearest depth of a background; the farthest is 0."""
UNIT = 2**16
"""The coefficients of a plane are integers in 1 / UNIT code."""
GRID_PX = 64
"""The plane is searched on a grid of about this many points along the longer side."""
TRIALS = 600
"""Number of planes through three points that are tried."""
MAX_TILT = (35, 100)
"""Largest slope along a row, as a fraction of the slope down a column: about 19 degrees of roll."""
MIN_FALL = LEVELS // 8
"""Over the height of the picture, a ground must come nearer by at least this many codes: a wall does not."""
BASE_TOLERANCE = LEVELS * 15 // 1000
"""Codes by which a pixel of the ground may differ from the plane, at the farthest depth."""
SLACK = (5, 100)
"""This fraction of the plane's code is added to BASE_TOLERANCE."""
BEHIND_COST = 2
"""Weight of a pixel far behind the plane, against one pixel on it. Nothing behind the ground can be seen, so
such pixels speak against a plane."""
REFINEMENTS = 4
"""How often the plane is fitted again to the pixels that lie on it."""


@dataclass(frozen=True)
class Plane:
    """Inverse depth of a plane in the scene: (across * column + down * row + offset) / UNIT codes."""

    across: int
    """Slope along a row, in 1 / UNIT code for each pixel."""
    down: int
    """Slope down a column, in 1 / UNIT code for each pixel; above 0, as what is lower in the picture is nearer."""
    offset: int
    """Value at the upper left pixel, in 1 / UNIT code."""

    def codes(self, rows: Array, columns: Array) -> Array:
        """Return the codes of the plane at some pixels, int64, rounded down; they may be negative or above LEVELS."""
        return np.asarray((self.across * columns + self.down * rows + self.offset) // UNIT)

    def code(self, row: int, column: int) -> int:
        """Return the code of the plane at one pixel, rounded down."""
        return (self.across * column + self.down * row + self.offset) // UNIT

    def row_of(self, code: float, column: float) -> float:
        """Return the row at which the plane has a code in a column; it may lie outside the picture."""
        return (code * UNIT - self.across * column - self.offset) / self.down


def tolerance(codes: Array) -> Array:
    """Return by how many codes a pixel of the ground may differ from the plane, where the plane has these codes."""
    return np.asarray(BASE_TOLERANCE + np.clip(codes, 0, LEVELS) * SLACK[0] // SLACK[1])


def find_plane(codes: Array, seed: int = 0) -> Plane | None:
    """Return the plane of the ground, or None if no plane of the picture slopes as a ground does.

    Planes through three pixels are tried. The best has the most pixels on it and the fewest far behind it: tables and
    beds are level too, but the floor behind them is seen. Then it is fitted to its pixels by least squares.

    Source: RANSAC, Fischler & Bolles 1981, with a score that also counts what lies behind.

    Args:
        codes: (H, W) inverse depth, integers from 0 to LEVELS, larger is nearer.
        seed: seed of the pixels that are tried.
    """
    height, width = codes.shape
    step = max(1, max(height, width) // GRID_PX)
    rows, columns = np.mgrid[height - 1 : height // 5 : -step, step // 2 : width : step].reshape(2, -1).astype(np.int64)
    depth = codes[rows, columns].astype(np.int64)
    found = _best_plane(rows, columns, depth, height, seed)
    for _ in range(REFINEMENTS):
        if found is None:
            return None
        expected = found.codes(rows, columns)
        on = np.abs(depth - expected) <= tolerance(expected)
        found = _least_squares(rows[on], columns[on], depth[on])
    return found if found is not None and _slopes_as_ground(found.across, found.down, height) else None


def _slopes_as_ground(across: Any, down: Any, height: int) -> Any:
    """Return whether planes of these slopes, each a number or an array, can be the ground of a picture."""
    return (down * height >= MIN_FALL * UNIT) & (abs(across) * MAX_TILT[1] <= down * MAX_TILT[0])


def _best_plane(rows: Array, columns: Array, depth: Array, height: int, seed: int) -> Plane | None:
    """Return the best of the planes through three of the points; None if none slopes as a ground does."""
    stream = hashlib.shake_128(f"ground|{seed}".encode()).digest(TRIALS * 3 * 4)
    lower = np.flatnonzero(rows >= height * 2 // 5)
    if len(lower) < 3:
        return None
    picked = lower[np.frombuffer(stream, ">u4").astype(np.int64) % len(lower)].reshape(-1, 3)
    (x0, x1, x2), (y0, y1, y2), (d0, d1, d2) = (each[picked].T for each in (columns, rows, depth))
    # The normal of the plane through three points (column, row, code), as a cross product; exact in 64 bits.
    nx = (y1 - y0) * (d2 - d0) - (d1 - d0) * (y2 - y0)
    ny = (d1 - d0) * (x2 - x0) - (x1 - x0) * (d2 - d0)
    nd = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    nx, ny, nd = (np.where(nd < 0, -each, each) for each in (nx, ny, nd))
    level = nd != 0
    nx, ny, nd, x0, y0, d0 = (each[level] for each in (nx, ny, nd, x0, y0, d0))
    across, down = -nx * UNIT // nd, -ny * UNIT // nd
    ground = _slopes_as_ground(across, down, height)
    across, down, x0, y0, d0 = (each[ground] for each in (across, down, x0, y0, d0))
    if not len(across):
        return None
    offset = d0 * UNIT - across * x0 - down * y0
    expected = (across[:, None] * columns + down[:, None] * rows + offset[:, None]) // UNIT
    allowed = tolerance(expected)
    differs = depth - expected
    below = expected > 0  # elsewhere, the ground would be farther than everything in the picture
    on = np.count_nonzero((np.abs(differs) <= allowed) & below, axis=1)
    behind = np.count_nonzero((differs < -2 * allowed) & below, axis=1)
    best = int(np.argmax(on - BEHIND_COST * behind))
    return Plane(int(across[best]), int(down[best]), int(offset[best]))


def _least_squares(rows: Array, columns: Array, depth: Array) -> Plane | None:
    """Return the plane with the smallest squared differences; None if the points lie on a line.

    The sums are exact integers, and so are the determinants, so that the result does not depend on an order.
    """
    count = len(rows)
    if count < 3:
        return None
    x, y, d = (int(each.sum()) for each in (columns, rows, depth))
    # Moments about the mean, times count, which keeps them integers.
    xx = count * int((columns * columns).sum()) - x * x
    yy = count * int((rows * rows).sum()) - y * y
    xy = count * int((columns * rows).sum()) - x * y
    xd, yd = count * int((columns * depth).sum()) - x * d, count * int((rows * depth).sum()) - y * d
    determinant = xx * yy - xy * xy
    if determinant <= 0:
        return None
    across = UNIT * (xd * yy - yd * xy) // determinant
    down = UNIT * (yd * xx - xd * xy) // determinant
    return Plane(across, down, (d * UNIT - across * x - down * y) // count) if down > 0 else None

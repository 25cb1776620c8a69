"""The ground of one background: its plane, its horizon, and the pixels on which things can stand."""

import bisect
import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgbg_data.ground.horizon import PER_PX, Horizon, guess_horizon, horizon_of_plane
from fgbg_data.ground.plane import UNIT, Plane, find_plane, tolerance
from fgbg_data.sample import Array

MIN_SHARE = 40
"""Least share of the picture that a ground takes, in 1/1000. With less, nothing can stand there."""
MIN_TRUST = 450
"""Least share of the pixels under the upper edge of the ground that lie on its plane, in 1/1000."""
HIGHEST_GUESS = (1, 8)
"""A horizon that is only guessed must lie below this share of the height. If it lies higher, the camera looks down
steeply, or the plane is not the ground but a slope, a wood or a wave."""
LEAST_BELOW = (1, 30)
"""Things stand at least this share of the height below the horizon. Closer to it they would be specks."""
LARGEST_HOLE = (1, 40)
"""Gaps and specks of the ground up to this share of the longer side are smoothed away."""

Runs = tuple[tuple[int, ...], ...]
"""For each row, from the first: start, stop, start, stop ... of the columns on which things can stand."""


@dataclass(frozen=True)
class Ground:
    """A ground on which things can stand. Every number is an integer, so every machine places things alike."""

    plane: Plane
    """Inverse depth of the ground. It reaches `zero` at the horizon."""
    zero: int
    """Inverse depth of infinity, in 1 / UNIT code; below 0 if nothing in the picture is that far away."""
    trust: int
    """Share of the pixels under the upper edge of the ground that lie on its plane, in 1/1000."""
    runs: Runs
    """The pixels on which things can stand."""

    @property
    def area_px(self) -> int:
        """Number of pixels on which things can stand."""
        ends = self._spans[1]
        return ends[-1] if ends else 0

    @functools.cached_property
    def _spans(self) -> tuple[list[tuple[int, int, int]], list[int]]:
        """(row, start, stop) of all runs, and how many pixels there are up to the end of each."""
        spans = [
            (row, start, stop)
            for row, found in enumerate(self.runs)
            for start, stop in zip(found[::2], found[1::2], strict=True)
        ]
        return spans, list(itertools.accumulate(stop - start for _, start, stop in spans))

    def horizon_row(self, column: float) -> float:
        """Return the row of the horizon at a column, in pixels."""
        return self.plane.row_of(self.zero / UNIT, column)

    def pixel(self, number: int) -> tuple[int, int]:
        """Return (row, column) of one of the pixels on which things can stand.

        Args:
            number: from 0 to `area_px` - 1, counted along the rows.
        """
        if not 0 <= number < self.area_px:
            raise IndexError(f"the ground has {self.area_px} pixels")
        spans, ends = self._spans
        found = bisect.bisect_right(ends, number)
        row, start, stop = spans[found]
        return row, stop - (ends[found] - number)

    def height_px(self, row: int, column: int, height_mm: int, camera_mm: int) -> int:
        """Return how many pixels high something is that stands at a pixel of the ground, at least 1.

        pixel height = (row - horizon) x height / camera height, for a camera that looks about level.

        Source: Hoiem, Efros & Hebert, "Putting Objects in Perspective", 2006.

        Args:
            row: row of its foot.
            column: column of its foot.
            height_mm: its height in millimetres.
            camera_mm: height of the camera above the ground in millimetres.
        """
        plane = self.plane
        above_zero = plane.across * column + plane.down * row + plane.offset - self.zero
        return max(1, (2 * above_zero * height_mm + plane.down * camera_mm) // (2 * plane.down * camera_mm))

    def mask(self, height: int, width: int) -> Array:
        """Return the pixels on which things can stand, as (height, width) bool."""
        found = np.zeros((height, width), bool)
        for row, spans in enumerate(self.runs):
            for start, stop in zip(spans[::2], spans[1::2], strict=True):
                found[row, start:stop] = True
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the ground as values that JSON can hold."""
        plane = self.plane
        return {
            "plane": [plane.across, plane.down, plane.offset],
            "zero": self.zero,
            "trust": self.trust,
            "runs": [list(row) for row in self.runs],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Ground":
        """Return the ground that `to_json` gave."""
        runs = tuple(tuple(row) for row in found["runs"])
        return cls(Plane(*found["plane"]), found["zero"], found["trust"], runs)


def find_ground(
    codes: Array, image: Array, *, zero: float | None = None, horizon: float | None = None, seed: int = 0
) -> Ground | str:
    """Return the ground of a background, or the reason why it has none.

    Args:
        codes: (H, W) inverse depth, integers from 0 to LEVELS, larger is nearer; see `plane.LEVELS`.
        image: (H, W, 3) uint8 RGB.
        zero: the code of infinity, if the estimator is metric; None lets the picture decide.
        horizon: row of the horizon in the middle of the picture, if the user knows it.
        seed: seed of the search.
    """
    height, width = codes.shape
    plane = find_plane(codes, seed)
    if plane is None:
        return "no plane slopes as a ground does"
    if horizon is not None:
        line = Horizon(round(horizon * PER_PX), round(horizon * PER_PX))
    elif zero is not None:
        line = horizon_of_plane(plane, zero, width)
    else:
        line = guess_horizon(codes, image, plane)
        if line.row(width / 2, width) * HIGHEST_GUESS[1] < height * HIGHEST_GUESS[0]:
            return f"horizon at {line.row(width / 2, width) / height:.2f}: too steep"
    on = _on_plane(codes, plane, line)
    fitted = _fit_below(codes, on, line)
    if fitted is None:
        return "not nearer below the horizon"
    plane, infinity = fitted
    on = _smooth(_on_plane(codes, plane, line))
    area = int(np.count_nonzero(on))
    if area * 1000 < MIN_SHARE * codes.size:
        return f"ground is only {area * 100 / codes.size:.1f} % of it"
    rows = np.flatnonzero(on.any(axis=1))
    trust = 1000 * area // ((height - int(rows[0])) * width)
    if trust < MIN_TRUST:
        return f"uneven: {trust / 10:.0f} % on one plane"
    return Ground(plane, infinity, trust, _runs(on))


def _below(line: Horizon, shape: tuple[int, ...]) -> Array:
    """Return how far each pixel lies below the horizon, (H, W) int64 in 1 / PER_PX pixel."""
    height, width = shape
    rows = np.arange(height, dtype=np.int64)[:, None] * PER_PX
    columns = np.arange(width, dtype=np.int64)
    return rows - (line.left * width + (line.right - line.left) * columns) // width


def _on_plane(codes: Array, plane: Plane, line: Horizon) -> Array:
    """Return the pixels that lie on a plane and well below the horizon, (H, W) bool."""
    height, width = codes.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.int64)
    expected = plane.codes(rows, columns)
    near = np.abs(codes.astype(np.int64) - expected) <= tolerance(expected)
    low = _below(line, codes.shape) * LEAST_BELOW[1] >= height * PER_PX * LEAST_BELOW[0]
    return np.asarray(near & low & (expected > 0))


def _fit_below(codes: Array, on: Array, line: Horizon) -> tuple[Plane, int] | None:
    """Fit the plane again to its pixels, so that it reaches infinity at the horizon.

    Returns:
        The plane, and the code of infinity in 1 / UNIT; None if the plane does not come nearer below the horizon.
    """
    height, width = codes.shape
    below, depth = _below(line, codes.shape)[on], codes[on].astype(np.int64)
    count = len(below)
    if count < 3:
        return None
    x, d = int(below.sum()), int(depth.sum())
    xx, xd = count * int((below * below).sum()) - x * x, count * int((below * depth).sum()) - x * d
    if xx <= 0 or xd <= 0:
        return None
    down = UNIT * PER_PX * xd // xx  # for each pixel
    zero = (d * UNIT - down * x // PER_PX) // count
    across = -down * (line.right - line.left) // (PER_PX * width)
    offset = zero - down * line.left // PER_PX
    return (Plane(across, down, offset), zero) if down > 0 else None


def _smooth(on: Array) -> Array:
    """Return pixels of the ground without specks and small gaps, and without parts that are small beside the largest.

    A gap may be a thin thing that stands on the ground. An object whose foot is in the gap still looks right.
    """
    import cv2

    side = max(3, max(on.shape) * LARGEST_HOLE[0] // LARGEST_HOLE[1] | 1)
    kernel = np.ones((side, side), np.uint8)
    padded = cv2.copyMakeBorder(on.astype(np.uint8), side, side, side, side, cv2.BORDER_REPLICATE)
    padded = cv2.morphologyEx(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    count, parts = cv2.connectedComponents(padded[side:-side, side:-side], connectivity=4, ltype=cv2.CV_32S)
    size = np.bincount(parts.ravel(), minlength=count)
    size[0] = 0
    return np.asarray((size * 5 >= size.max())[parts] & (parts > 0))


def _runs(on: Array) -> Runs:
    """Return the pixels of a mask as runs of each row."""
    padded = np.pad(on.astype(np.int8), ((0, 0), (1, 1)))
    edges = np.diff(padded, axis=1)
    return tuple(tuple(int(column) for column in np.flatnonzero(row)) for row in edges)

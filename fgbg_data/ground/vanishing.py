"""Evidence for the horizon in the straight lines of a picture.

Lines that are level in the scene (joints of floors, edges of walls and streets, shelves) meet in points of the horizon.
Estimators of depth leave the horizon open, because the inverse depth that they call 0 is not that of infinity.
"""

import numpy as np

from fgbg_data.sample import Array

SHORTEST = 0.04
"""Shortest line that counts, as a share of the longer side of the picture."""
FEWEST = 4
"""With fewer lines than this, there is no evidence."""
MOST = 200
"""At most this many lines count: the longest."""
MISS_DEG = 2.0
"""A line meets a point if it passes it by less than this angle, seen from the middle of the line."""
FLAT = 0.12
"""Sine of the angle to the horizon below which a line tells less: it meets every horizon somewhere far away."""
TURNS_DEG = np.linspace(-75, 75, 61)
"""Directions of the points of the horizon that are tried, as seen by a camera as far away as the picture is wide."""
APART = 6
"""The second point is at least this many directions away from the first."""


def straight_lines(image: Array) -> Array:
    """Return the straight lines of a picture, (N, 4) float64: column and row of the start, and of the end.

    Source: the line segment detector of von Gioi et al. 2012, in OpenCV.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    import cv2

    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
    if found is None:
        return np.zeros((0, 4))
    lines = found.reshape(-1, 4).astype(np.float64)
    length = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    longest = np.argsort(-length, kind="stable")[:MOST]
    return np.asarray(lines[longest][length[longest] >= SHORTEST * max(image.shape[:2])])


def horizon_evidence(lines: Array, rows: Array, slope: float, width: int) -> Array:
    """Return how much length of lines meets in two points of each horizon, (len(rows),) float64 in pixels.

    A line that crosses a horizon cannot be level, and does not count for it.

    Args:
        lines: (N, 4), as `straight_lines` returns them.
        rows: (M,) rows of the horizons in the middle column.
        slope: rows by which these horizons fall for each column.
        width: width of the picture in pixels.
    """
    if len(lines) < FEWEST:
        return np.zeros(len(rows))
    x, y = (lines[:, 0] + lines[:, 2]) / 2, (lines[:, 1] + lines[:, 3]) / 2
    run, rise = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    length = np.hypot(run, rise)
    run, rise = run / length, rise / length
    worth = length * np.minimum(1, np.abs(rise - slope * run) / FLAT)
    columns = width / 2 + width * np.tan(np.radians(TURNS_DEG))
    above = [lines[:, k + 1] - slope * (lines[:, k] - width / 2) for k in (0, 2)]
    evidence = np.empty(len(rows))
    for number, row in enumerate(rows):
        across = columns[:, None] - x
        down = (row + slope * (columns - width / 2))[:, None] - y
        sine = np.abs(across * rise - down * run) / (np.hypot(across, down) + 1e-6)
        level = (above[0] - row) * (above[1] - row) > 0
        meets = np.maximum(1 - (sine / np.sin(np.radians(MISS_DEG))) ** 2, 0) * (worth * level)
        total = meets.sum(1)
        first = int(total.argmax())
        others = (meets * (meets[first] <= 0)).sum(1)
        others[max(0, first - APART) : first + APART + 1] = 0
        evidence[number] = total[first] + others.max()
    return evidence

"""Flat shapes: polygons, smooth blobs, limbs, ellipses and unions of them.

Coordinates are pixels of the finished picture, x to the right and y down, or any unit that `placed` scales.
Drawings need many points, so points can also be written as text: see `trace`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Point = tuple[float, float]
Points = str | Sequence[Point]  # `trace` reads the text


@dataclass(frozen=True)
class Shape:
    """A flat region: the union of closed outlines, each (N, 2) x and y, minus the union of the holes."""

    outlines: tuple[Array, ...]
    holes: tuple[Array, ...] = ()

    def __add__(self, other: "Shape") -> "Shape":
        return Shape(self.outlines + other.outlines, self.holes + other.holes)

    def __sub__(self, other: "Shape") -> "Shape":
        return Shape(self.outlines, self.holes + other.outlines)

    def placed(self, x: float = 0, y: float = 0, *, scale: float = 1, turn: float = 0, mirror: bool = False) -> "Shape":
        """Scale, mirror left to right, turn clockwise by degrees (all about the origin), then move."""
        cos, sin = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
        flip = -1 if mirror else 1
        matrix = np.array([[flip * cos, flip * sin], [-sin, cos]])
        outlines, holes = (tuple(line @ matrix + (x, y) for line in group) for group in (self.outlines, self.holes))
        return Shape(outlines, holes)


def trace(points: Points, x: float = 0, y: float = 0, scale: float = 1) -> list[Point]:
    """Read points from text, ``x,y x,y ...``, where a ``!`` doubles a point; scale and move them.

    >>> trace("0,0 4,2! 8,0")
    [(0.0, 0.0), (4.0, 2.0), (4.0, 2.0), (8.0, 0.0)]
    """
    if isinstance(points, str):
        words = [word for word in points.split() for _ in range(1 + word.endswith("!"))]
        pairs = [word.rstrip("!").split(",") for word in words]
        points = [(float(a), float(b)) for a, b in pairs]
    return [(x + scale * a, y + scale * b) for a, b in points]


def polygon(points: Points) -> Shape:
    """Return the region with these corners."""
    return Shape((np.array(trace(points)),))


def curve(points: Points, *, closed: bool = False, steps: int = 10) -> Array:
    """Return a smooth line through `points` as (N, 2) coordinates. A point given twice is a corner.

    Source: the Catmull-Rom spline (Catmull & Rom, "A class of local interpolating splines", 1974).

    >>> curve([(0, 0), (1, 0), (2, 0)], steps=2)[:, 0].tolist()
    [0.0, 0.4375, 1.0, 1.5625, 2.0]
    """
    p = np.array(trace(points))
    p = np.concatenate([p[-1:], p, p[:2]] if closed else [p[:1], p, p[-1:]])
    t = (np.arange(steps) / steps)[:, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    line = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    # Between the two copies of a corner the spline would make a loop, so that piece is left out.
    line = line[np.any(b != c, axis=2)[:, 0]].reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-1:]])


def blob(points: Points) -> Shape:
    """Return the region inside a smooth closed line through `points`. A point given twice is a corner."""
    return Shape((curve(points, closed=True),))


_ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)
CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, *, turn: float = 0) -> Shape:
    """Return an ellipse (a circle if `ry` is left out) around (x, y), turned clockwise by degrees."""
    outline = Shape((CIRCLE * (rx, rx if ry is None else ry),))
    return outline.placed(x, y, turn=turn) if turn else Shape((outline.outlines[0] + (x, y),))


def rounded(left: float, top: float, width: float, height: float, radius: float = 0) -> Shape:
    """Return a rectangle with rounded corners."""
    radius = min(radius, width / 2, height / 2)
    angle = np.linspace(0, np.pi / 2, 8 if radius else 1)
    corners = [
        (left + width - radius, top + height - radius),
        (left + radius, top + height - radius),
        (left + radius, top + radius),
        (left + width - radius, top + radius),
    ]
    arcs = [
        np.stack([x + radius * np.cos(angle + i * np.pi / 2), y + radius * np.sin(angle + i * np.pi / 2)], 1)
        for i, (x, y) in enumerate(corners)
    ]
    return Shape((np.concatenate(arcs),))


def limb(points: Points, widths: float | Sequence[float], *, smooth: bool = True) -> Shape:
    """Return a line through `points` with round ends; `widths` gives its thickness at each point."""
    points = trace(points)
    line = curve(points) if smooth else np.array(points, dtype=float)
    knots = np.broadcast_to(np.asarray(widths, dtype=float), (len(points),))
    radius = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(points)), knots) / 2
    parts = [CIRCLE[::2] * r + p for p, r in zip(line, radius, strict=True) if r > 0.4]
    for p, q, r, s in zip(line[:-1], line[1:], radius[:-1], radius[1:], strict=True):
        along = (q - p) / (np.hypot(*(q - p)) + 1e-9)
        side = np.array([-along[1], along[0]])
        parts.append(np.array([p + side * r, q + side * s, q - side * s, p - side * r]))
    return Shape(tuple(parts))


def union(shapes: Iterable[Shape]) -> Shape:
    """Return all of them as one region, to be filled at once."""
    parts = list(shapes)
    return Shape(tuple(o for s in parts for o in s.outlines), tuple(h for s in parts for h in s.holes))

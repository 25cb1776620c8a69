"""A pinhole camera for the demo's rooms and streets, so that their perspective is right by construction."""

import math
from dataclasses import dataclass

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, mix
from fgbg_data.demo.shapes import Point, Shape, ellipse, polygon, rounded

WIDTH, HEIGHT = 480, 360
"""Size of every background, in pixels."""

Point3 = tuple[float, float, float]


@dataclass(frozen=True)
class Space:
    """A scene in metres, seen by a level camera: x to the right of it, y above the ground, z away from it."""

    canvas: Canvas
    """The picture that the scene is painted on."""
    focal: float
    """Focal length in pixels."""
    centre: Point
    """Pixel at which the camera looks; its row is the horizon."""
    eye: float = 1.5
    """Height of the camera above the ground, in metres."""

    def at(self, x: float, y: float, z: float) -> Point:
        """Return where a point appears in the picture."""
        return self.centre[0] + self.focal * x / z, self.centre[1] + self.focal * (self.eye - y) / z

    def face(self, *corners: Point3) -> Shape:
        """Return the flat face with these corners."""
        return polygon([self.at(*corner) for corner in corners])

    def ground(self, left: float, right: float, near: float, far: float, y: float = 0) -> Shape:
        """Return a level rectangle."""
        return self.face((left, y, near), (right, y, near), (right, y, far), (left, y, far))

    def wall(self, x: float, near: float, far: float, bottom: float, top: float) -> Shape:
        """Return an upright rectangle that runs away from the camera."""
        return self.face((x, bottom, near), (x, bottom, far), (x, top, far), (x, top, near))

    def front(self, left: float, right: float, bottom: float, top: float, z: float, radius: float = 0) -> Shape:
        """Return an upright rectangle that faces the camera."""
        (x0, y1), (x1, y0) = self.at(left, bottom, z), self.at(right, top, z)
        return rounded(x0, y0, x1 - x0, y1 - y0, radius * self.focal / z)

    def disc(self, x: float, z: float, radius: float, y: float = 0) -> Shape:
        """Return a level disc, such as a round rug or a table's top."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        return self.face(*((x + radius * math.cos(a), y, z + radius * math.sin(a)) for a in angles))

    def box(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        tint: str,
        *,
        contact: float = 0.45,
    ) -> None:
        """Paint a block between these bounds, lit from above left; if it stands on the ground, it casts a shadow."""
        (left, right), (bottom, top), (near, far) = x, y, z
        if contact and bottom < 0.6:
            reach = 0.08 + 0.1 * (right - left)
            foot = self.ground(left - 0.04, right + reach, near - 0.1, far, 0)
            self.canvas.shadow(foot, blur=0.05 * self.focal / near, opacity=contact * (1 - bottom / 0.8))
        if right < 0:
            self.canvas.fill(self.wall(right, near, far, bottom, top), mix(tint, SHADOW, 0.34))
        if left > 0:
            self.canvas.fill(self.wall(left, near, far, bottom, top), mix(tint, SUN, 0.1))
        if top < self.eye:
            self.canvas.fill(self.ground(left, right, near, far, top), mix(tint, SUN, 0.3))
        if bottom > self.eye:
            self.canvas.fill(self.ground(left, right, near, far, bottom), mix(tint, SHADOW, 0.5))
        (x0, y1), (x1, y0) = self.at(left, bottom, near), self.at(right, top, near)
        shades = (mix(tint, SUN, 0.1), mix(tint, SHADOW, 0.14))
        self.canvas.fill(rounded(x0, y0, x1 - x0, y1 - y0), Linear((x0, y0), (x1, y1), shades))

    def ball(self, x: float, y: float, z: float, radius: float) -> Shape:
        """Return a sphere's outline: a circle, though true perspective would stretch it near the picture's edge."""
        return ellipse(*self.at(x, y, z), radius * self.focal / z)

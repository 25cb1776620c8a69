"""A small painting library: colours, gradients and soft light on a canvas of twice the final size.

Warm light comes from the upper left, and shadows are violet. This one rule makes two dozen drawings look like one set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fgbg_data.demo.shapes import Array, Point, Points, Shape, ellipse, limb, polygon, rounded

Mode = Literal["over", "multiply", "screen"]

OVERSAMPLING = 2
"""Pixels of the canvas for each final pixel, along both sides. OpenCV also antialiases, so edges are smooth enough."""
SHADOW = "#2b2350"
"""Colour that shade is mixed with."""
SUN = "#fff0d2"
"""Colour that lit parts are mixed with."""


@dataclass(frozen=True)
class Linear:
    """A gradient from `start` to `end` through evenly spaced colours."""

    start: Point
    end: Point
    colours: tuple[str, ...]

    def position(self, x: Array, y: Array) -> Array:
        """Return how far along the gradient, from 0 to 1, the pixels at columns `x` and rows `y` lie."""
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        across = (x[None, :] - self.start[0]) * dx if dx else np.zeros((1, 1), np.float32)
        down = (y[:, None] - self.start[1]) * dy if dy else np.zeros((1, 1), np.float32)
        return np.asarray((across + down) / (dx * dx + dy * dy))


@dataclass(frozen=True)
class Radial:
    """A gradient from `centre` out to `radius`; with `ry`, it is an ellipse of this half height."""

    centre: Point
    radius: float
    colours: tuple[str, ...]
    ry: float | None = None

    def position(self, x: Array, y: Array) -> Array:
        """Return how far along the gradient, from 0 to 1, the pixels at columns `x` and rows `y` lie."""
        across = (x[None, :] - self.centre[0]) / self.radius
        down = (y[:, None] - self.centre[1]) / (self.ry or self.radius)
        return np.asarray(np.sqrt(across**2 + down**2))


Paint = str | Linear | Radial


def colour(text: str) -> Array:
    """Return ``#rrggbb`` or ``#rrggbbaa`` as four floats from 0 to 1."""
    values = [int(text[i : i + 2], 16) / 255 for i in range(1, len(text), 2)]
    return np.array([*values, 1.0][:4], dtype=np.float32)


def mix(first: str, second: str, share: float) -> str:
    """Return the colour that lies `share` of the way from the first to the second.

    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    values = colour(first)[:3] * (1 - share) + colour(second)[:3] * share
    return "#" + "".join(f"{round(float(v) * 255):02x}" for v in values)


class Canvas:
    """A picture being painted: premultiplied RGB and alpha in float32, twice the final size."""

    def __init__(self, width: int, height: int, seed: int, background: Paint | None = None) -> None:
        self.width, self.height = width, height
        self.rng = np.random.default_rng(seed)
        self._rgb = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING, 3), dtype=np.float32)
        self._alpha = np.zeros(self._rgb.shape[:2], dtype=np.float32)
        self._opaque = False
        if background is not None:
            self.fill(None, background)
            self._opaque = True  # It stays opaque, so alpha need not be computed: this saves a quarter of the work.

    @property
    def frame(self) -> Shape:
        """The whole picture as a shape."""
        return rounded(0, 0, self.width, self.height)

    def fill(
        self,
        shape: Shape | None,
        paint: Paint,
        *,
        opacity: float = 1.0,
        blur: float = 0.0,
        mode: Mode = "over",
        inside: Shape | None = None,
    ) -> None:
        """Lay `paint` over `shape`, or over the whole picture if it is None.

        Args:
            shape: the region to paint.
            paint: a colour or a gradient; its alpha is respected.
            opacity: opacity of the whole layer, from 0 to 1.
            blur: softness of the edge (standard deviation, in pixels).
            mode: "over" covers what lies below; "multiply" only darkens it and "screen" only lightens it.
            inside: paint only inside this region.
        """
        window = self._window(shape or self.frame, 3 * blur)
        if window is None:
            return
        rows, columns = window
        if shape is None:
            cover = np.ones((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        else:
            cover = self._soften(self._cover(shape, window), blur)
        if inside is not None:
            cover = cover * self._cover(inside, window)
        self._lay(cover * opacity, paint, window, mode)

    def solid(
        self,
        shape: Shape,
        paint: Paint,
        *,
        volume: float = 8.0,
        shade: float = 0.5,
        light: float = 0.3,
        glow: str = SUN,
        inside: Shape | None = None,
    ) -> None:
        """Fill `shape` as a rounded body, with soft shade `volume` pixels wide on its right and light on its left."""
        self.fill(shape, paint, inside=inside)
        window = self._window(shape, 1)
        if window is None:
            return
        cover = self._cover(shape, window)
        # The copies below are shifted, so the empty surroundings of the body must be part of the array.
        pad = math.ceil(4 * volume * OVERSAMPLING)
        soft = self._soften(cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT), volume * 0.6)
        across, down = round(volume * 0.6 * OVERSAMPLING), round(volume * 0.8 * OVERSAMPLING)
        height, width = cover.shape
        far = soft[pad + down : pad + down + height, pad + across : pad + across + width]
        near = soft[pad - down : pad - down + height, pad - across : pad - across + width]
        if inside is not None:
            cover = cover * self._cover(inside, window)
        self._lay(cover * (1 - far) * shade, SHADOW, window, "multiply")
        self._lay(cover * (1 - near) * light, glow, window, "screen")

    def shadow(
        self,
        shape: Shape,
        *,
        dx: float = 0,
        dy: float = 0,
        blur: float = 6,
        opacity: float = 0.4,
        inside: Shape | None = None,
    ) -> None:
        """Softly darken what is already painted, as if `shape` stood in the light."""
        self.fill(shape.placed(dx, dy), SHADOW, blur=blur, opacity=opacity, mode="multiply", inside=inside)

    def line(
        self,
        points: Points,
        width: float | Sequence[float],
        paint: Paint,
        *,
        opacity: float = 1.0,
        smooth: bool = True,
        blur: float = 0.0,
        mode: Mode = "over",
        inside: Shape | None = None,
    ) -> None:
        """Draw a line through `points`."""
        shape = limb(points, width, smooth=smooth)
        self.fill(shape, paint, opacity=opacity, blur=blur, mode=mode, inside=inside)

    def glow(self, x: float, y: float, radius: float, tint: str, opacity: float = 0.6) -> None:
        """Light the surroundings of a lamp or of the sun."""
        fade = Radial((x, y), radius, (tint, tint + "70", tint + "28", tint + "0a", tint + "00"))
        self.fill(ellipse(x, y, radius), fade, opacity=opacity, mode="screen")

    def texture(
        self, image: Array, corners: Sequence[Point], *, opacity: float = 1.0, inside: Shape | None = None
    ) -> None:
        """Stretch `image` in perspective over four corners.

        Args:
            image: (h, w, 3) float from 0 to 1.
            corners: where its corners go, clockwise from the upper left.
            opacity: opacity of the whole layer, from 0 to 1.
            inside: paint only inside this region.
        """
        shape = polygon(corners)
        window = self._window(shape, 0)
        if window is None:
            return
        rows, columns = window
        height, width = image.shape[:2]
        source = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
        target = np.array(corners) * OVERSAMPLING - (columns.start + 0.5, rows.start + 0.5)
        matrix = cv2.getPerspectiveTransform(source, target.astype(np.float32))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        picture = cv2.warpPerspective(
            image.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        cover = self._cover(shape, window) * opacity
        if inside is not None:
            cover = cover * self._cover(inside, window)
        self._rgb[window] += cover[..., None] * (picture - self._rgb[window])
        self._alpha[window] += cover * (1 - self._alpha[window])

    def reflect(self, row: float, height: float) -> None:
        """Mirror what stands above `row` into the `height` pixels below it, smeared sideways as by water."""
        top, size = round(row * OVERSAMPLING), round(height * OVERSAMPLING)
        above = self._rgb[max(0, top - 2 * size) : top][::-1]
        image = cv2.resize(above, (above.shape[1], size), interpolation=cv2.INTER_AREA)
        self._rgb[top : top + size] = cv2.blur(image, (7 * OVERSAMPLING, 3 * OVERSAMPLING))

    def grain(self, amount: float = 0.009) -> None:
        """Lay a paper texture over the whole picture: fine grain and coarse mottling."""
        height, width = self._alpha.shape
        fine = self.rng.standard_normal((height // 2, width // 2), dtype=np.float32)
        slow = self.rng.standard_normal((height // 12 + 1, width // 12 + 1), dtype=np.float32)
        texture: Array = cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR)
        texture += 0.7 * np.asarray(cv2.resize(slow, (width, height), interpolation=cv2.INTER_CUBIC))
        texture *= amount * self._alpha
        self._rgb += texture[..., None]
        np.clip(self._rgb, 0, self._alpha[..., None], out=self._rgb)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the finished picture: (height, width, 4) uint8 RGBA with straight alpha."""
        size = (self.width, self.height)
        alpha = cv2.resize(self._alpha, size, interpolation=cv2.INTER_AREA)
        rgb = cv2.resize(self._rgb, size, interpolation=cv2.INTER_AREA)
        rgb = rgb / np.maximum(alpha, 1e-4)[..., None]
        image: NDArray[np.uint8] = np.rint(np.clip(np.dstack([rgb, alpha]), 0, 1) * 255).astype(np.uint8)
        image[image[..., 3] == 0] = 0
        return image

    def _window(self, shape: Shape, margin: float) -> tuple[slice, slice] | None:
        """Return the rows and columns that `shape` can touch, or None if it lies outside the picture."""
        points = np.concatenate(shape.outlines)
        low = np.floor((points.min(axis=0) - margin) * OVERSAMPLING).astype(int) - 2
        high = np.ceil((points.max(axis=0) + margin) * OVERSAMPLING).astype(int) + 2
        height, width = self._alpha.shape
        left, right = max(low[0], 0), min(high[0], width)
        top, bottom = max(low[1], 0), min(high[1], height)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def _cover(self, shape: Shape, window: tuple[slice, slice]) -> Array:
        """Return how much of each pixel of the window lies inside `shape`: float32 from 0 to 1."""
        rows, columns = window
        cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
        for outlines, value in ((shape.outlines, 255), (shape.holes, 0)):
            for outline in outlines:
                # OpenCV counts from pixel centres, hence the half pixel; it takes points in sixteenths of a pixel.
                points = (outline * OVERSAMPLING - (columns.start + 0.5, rows.start + 0.5)) * 16
                cv2.fillPoly(cover, [np.rint(points).astype(np.int32)], value, lineType=cv2.LINE_AA, shift=4)
        return cover.astype(np.float32) / 255

    @staticmethod
    def _soften(cover: Array, blur: float) -> Array:
        """Blur `cover`; a wide blur works on a smaller copy, which looks the same and is many times faster."""
        sigma = blur * OVERSAMPLING
        if sigma < 0.3:
            return cover
        factor = max(1, int(sigma / 3))
        if factor == 1 or min(cover.shape) < 2 * factor:
            return np.asarray(cv2.GaussianBlur(cover, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
        height, width = cover.shape
        small = cv2.resize(cover, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))

    def _lay(self, cover: Array, paint: Paint, window: tuple[slice, slice], mode: Mode) -> None:
        """Blend `paint` into the window, as strongly as `cover` (0 to 1) says for each pixel."""
        if isinstance(paint, str):
            tint, own = colour(paint)[:3], colour(paint)[3]
        else:
            rows, columns = window
            x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / OVERSAMPLING
            y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / OVERSAMPLING
            stops = np.stack([colour(c) for c in paint.colours])
            places = np.linspace(0, 1, len(stops))
            table = np.stack([np.interp(np.linspace(0, 1, 1024), places, channel) for channel in stops.T], 1)
            index = (np.clip(paint.position(x, y), 0, 1) * 1023).astype(np.int32)
            looked_up = np.take(table.astype(np.float32), index, axis=0)
            tint, own = looked_up[..., :3], looked_up[..., 3]
        cover = (cover * own)[..., None]
        rgb, alpha = self._rgb[window], self._alpha[window][..., None]
        if mode == "over":
            change = tint - rgb
            change *= cover
            rgb += change
            if not self._opaque:
                alpha += cover * (1 - alpha)
        elif mode == "multiply":
            rgb *= 1 - cover * (1 - tint)
        else:
            change = alpha - rgb
            change *= cover * tint
            rgb += change

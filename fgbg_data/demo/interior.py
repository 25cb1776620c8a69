"""The parts that the demo's rooms share: an empty room, textures for floors and shelves, plants and lamps."""

from dataclasses import dataclass

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, colour, mix
from fgbg_data.demo.shapes import Array, Shape, blob, ellipse, polygon
from fgbg_data.demo.space import HEIGHT, WIDTH, Space


@dataclass(frozen=True)
class Room:
    """An empty room seen from its open end. All lengths are metres in `space`."""

    space: Space
    """The camera and the canvas."""
    left: float
    """Where the left wall stands, along x."""
    right: float
    """Where the right wall stands, along x."""
    far: float
    """Where the far wall stands, along z."""
    height: float
    """Height of the ceiling."""

    def paint(self, walls: tuple[str, str, str], ceiling: str, floor: Array) -> None:
        """Paint the left, far and right walls, the ceiling and the floor, with soft dark corners."""
        space, canvas = self.space, self.space.canvas
        near, far, left, right, height = 0.7, self.far, self.left, self.right, self.height
        x0, y0 = space.at(left, height, far)
        x1, y1 = space.at(right, 0, far)
        canvas.fill(
            space.ground(left, right, near, far, height),
            Linear((0, 0), (0, y0), (mix(ceiling, SHADOW, 0.03), mix(ceiling, SHADOW, 0.2))),
        )
        corners = [(left, 0, far), (right, 0, far), (right, 0, 2), (left, 0, 2)]
        canvas.texture(floor, [space.at(*corner) for corner in corners])
        canvas.fill(
            space.ground(left, right, near, far), Linear((0, y1), (0, HEIGHT), (SUN + "38", SUN + "00", SHADOW + "50"))
        )
        for x, tint, edge in ((left, walls[0], x0), (right, walls[2], x1)):
            shades = (mix(tint, SHADOW, 0.18), tint, mix(tint, SHADOW, 0.1))
            outer = 0 if x == left else WIDTH
            canvas.fill(space.wall(x, near, far, 0, height), Linear((outer, 0), (edge, 0), shades))
        canvas.fill(
            space.front(left, right, 0, height, far),
            Linear((x0, y0), (x1, y1), (mix(walls[1], SUN, 0.25), mix(walls[1], SHADOW, 0.14))),
        )
        for x in (left, right):  # skirting
            canvas.fill(space.wall(x, near, far, 0, 0.1), mix(ceiling, SHADOW, 0.12))
        canvas.fill(space.front(left, right, 0, 0.1, far), mix(ceiling, SHADOW, 0.06))
        for edge_points in (
            [(left, 0, near), (left, 0, far), (right, 0, far), (right, 0, near)],
            [(left, height, near), (left, height, far), (right, height, far), (right, height, near)],
            [(left, 0, far), (left, height, far)],
            [(right, 0, far), (right, height, far)],
        ):
            seen = [space.at(*point) for point in edge_points]
            canvas.line(seen, 7, SHADOW, opacity=0.28, smooth=False, blur=6, mode="multiply")

    def sunlight(self, near: float, far: float, *, bottom: float, top: float, reach: float = 1.4) -> None:
        """Paint sunlight from a window in the left wall: a bright patch on the floor and a faint beam."""
        space, canvas = self.space, self.space.canvas
        start = self.left + 0.5
        patch = space.face(
            (start, 0, near - 0.3), (start + reach, 0, near - 0.6), (start + reach, 0, far - 0.6), (start, 0, far - 0.3)
        )
        canvas.fill(patch, "#ffdf9e", blur=2, opacity=0.5, mode="screen")
        beam = polygon(
            [
                space.at(self.left, top, near),
                space.at(self.left, top, far),
                space.at(start + reach, 0, far - 0.6),
                space.at(start + reach, 0, near - 0.6),
                space.at(start, 0, near - 0.3),
                space.at(self.left, bottom, near),
            ]
        )
        canvas.fill(beam, "#ffe9bd", blur=9, opacity=0.16, mode="screen")


def boards(seed: int, tint: str, *, across: int = 18, rows: int = 5) -> Array:
    """Return a texture of floor boards that run away from the camera."""
    rng = np.random.default_rng(seed)
    wide, long = 22, 600
    image = np.empty((long, across * wide, 3), dtype=np.float32)
    for i in range(across):
        cuts = np.sort(rng.integers(0, long, rows))
        tone = rng.uniform(0.86, 1.08, rows + 1)[np.searchsorted(cuts, np.arange(long))]
        fibre = 1 + 0.02 * rng.standard_normal(wide)
        fibre[:2] *= 0.8
        plank = tone[:, None] * fibre[None, :]
        plank[cuts] *= 0.8
        image[:, i * wide : (i + 1) * wide] = colour(tint)[:3] * plank[..., None]
    return np.clip(image, 0, 1)


def tiles(light: str, dark: str, *, across: int = 8, along: int = 10, size: int = 48) -> Array:
    """Return a texture of square floor tiles in two colours."""
    odd = np.add.outer(np.arange(along), np.arange(across)) % 2
    image = np.where(odd[..., None], colour(dark)[:3], colour(light)[:3]).repeat(size, 0).repeat(size, 1)
    joint = np.arange(size * max(across, along)) % size < 2
    image[joint[: along * size]] *= 0.88
    image[:, joint[: across * size]] *= 0.88
    return np.asarray(image, dtype=np.float32)


def book_wall(seed: int, frame: str, *, shelves: int, length: int) -> Array:
    """Return a texture of shelves filled with books, `length` pixels wide and 60 pixels high per shelf."""
    rng = np.random.default_rng(seed)
    spines = ["#b5523b", "#d9a441", "#3f6f73", "#7a3b4a", "#e6d3ae", "#4d5c86", "#8a9a5b", "#c97b4a", "#5a4038"]
    image = np.empty((shelves * 60 + 8, length, 3), dtype=np.float32)
    image[:] = colour(mix(frame, SHADOW, 0.62))[:3]
    for shelf in range(shelves):
        top, x = shelf * 60 + 8, 8
        while x < length - 14:
            wide, high = int(rng.integers(5, 12)), int(rng.integers(34, 48))
            if rng.random() < 0.06:  # without a gap now and then, the shelf looks like wallpaper
                x += int(rng.integers(8, 20))
                continue
            tint = colour(spines[rng.integers(len(spines))])[:3] * rng.uniform(0.75, 1.05)
            round_back = 1 - 0.35 * np.linspace(-0.7, 1, wide)[None, :, None] ** 2
            image[top + 52 - high : top + 52, x : x + wide] = tint * round_back
            band = top + 52 - high + int(rng.integers(5, 12))
            image[band : band + 3, x + 1 : x + wide - 1] = tint * 0.4 + 0.5 * colour("#f0d9a0")[:3]
            x += wide + 1
        image[top : top + 10] *= np.linspace(0.45, 1, 10)[:, None, None]
        image[top + 52 : top + 60] = colour(frame)[:3]
    image[:8] = colour(frame)[:3]
    step = max(length // 6, 90)
    for x in range(0, length, step):
        image[:, x : x + 8] = colour(mix(frame, SUN, 0.08))[:3]
    image[:, -8:] = colour(frame)[:3]
    return np.clip(image, 0, 1)


def foliage(canvas: Canvas, x: float, y: float, size: float, *, tint: str = "#4f8a5b", leaves: int = 9) -> None:
    """Paint a fan of pointed leaves that grow from (x, y)."""
    leaf = blob("0,0! -0.13,-0.45 0,-1! 0.13,-0.45")
    for i in np.argsort(-np.abs(np.arange(leaves) - (leaves - 1) / 2)):
        turn = -58 + 116 * i / (leaves - 1) + canvas.rng.uniform(-5, 5)
        length = size * canvas.rng.uniform(0.75, 1.05)
        shade = mix(tint, "#1d3f45", canvas.rng.uniform(0, 0.45))
        blade = leaf.placed(x, y, scale=length, turn=turn)
        canvas.solid(blade, shade, volume=size / 22, light=0.25)


def potted(space: Space, x: float, z: float, size: float = 1.0, pot: str = "#d98b66") -> None:
    """Paint a pot with a leafy plant on the floor."""
    canvas, unit = space.canvas, space.focal / z * size
    u, v = space.at(x, 0, z)
    canvas.shadow(ellipse(u + 0.08 * unit, v, 0.3 * unit, 0.06 * unit), blur=0.04 * unit, opacity=0.5)
    foliage(canvas, u, v - 0.36 * unit, 0.68 * unit)
    sides = polygon("-0.2,-0.4 0.2,-0.4 0.14,0 -0.14,0").placed(u, v, scale=unit)
    canvas.solid(sides, pot, volume=0.09 * unit)


def pendant(space: Space, x: float, z: float, height: float, ceiling: float, tint: str) -> None:
    """Paint a lamp that hangs from the ceiling, with its glow."""
    canvas, unit = space.canvas, space.focal / z
    (u, v), top = space.at(x, height, z), space.at(x, ceiling, z)
    canvas.line([top, (u, v - 0.2 * unit)], 1.2, mix(tint, SHADOW, 0.7), smooth=False)
    canvas.fill(ellipse(u, v, 0.2 * unit, 0.05 * unit), "#fff3cf")
    dome = blob("-0.22,0! -0.13,-0.16 0,-0.22 0.13,-0.16 0.22,0!").placed(u, v, scale=unit)
    canvas.solid(dome, tint, volume=0.06 * unit)
    canvas.glow(u, v + 0.05 * unit, 0.9 * unit, "#ffd890", 0.5)


def view(canvas: Canvas, pane: Shape, horizon: float, *, sky: tuple[str, ...] = ("#bfe0e6", "#fdf1d8")) -> None:
    """Paint the view through a window: a bright sky and two lines of hills."""
    canvas.fill(pane, Linear((0, horizon - 90), (0, horizon), sky))
    for i, tint in enumerate(("#a9cdb9", "#7fb09b")):
        wave = [(x, horizon - 9 + 9 * i + 7 * np.sin(x / 31 + 2.1 * i)) for x in range(-20, WIDTH + 21, 20)]
        canvas.fill(polygon([*wave, (WIDTH, HEIGHT), (0, HEIGHT)]), tint, inside=pane)

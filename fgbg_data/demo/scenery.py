"""The parts that the demo's streets and landscapes share: ridges, clouds, trees and lamps."""

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, Radial, mix
from fgbg_data.demo.shapes import Array, Shape, blob, ellipse, limb, polygon, rounded, trace, union
from fgbg_data.demo.space import HEIGHT, WIDTH, Space


def ridge(canvas: Canvas, base: float, height: float, *, rough: float = 0.5, points: int = 65) -> Array:
    """Return a mountain line across the picture as (N, 2) coordinates, made by midpoint displacement."""
    line, step = np.zeros(points), (points - 1) // 2
    line[0], line[-1] = canvas.rng.uniform(0.2, 0.8, 2)
    size = 0.5
    while step:
        for i in range(step, points, 2 * step):
            line[i] = (line[i - step] + line[i + step]) / 2 + size * canvas.rng.uniform(-1, 1)
        step, size = step // 2, size * rough
    line = (line - line.min()) / (line.max() - line.min())
    return np.stack([np.linspace(-4, WIDTH + 4, points), base - height * line], axis=1)


def below(line: Array, bottom: float = HEIGHT) -> Shape:
    """Return the region under a line that runs from left to right."""
    ends = np.array([[line[-1, 0], bottom], [line[0, 0], bottom]])
    return Shape((np.concatenate([line, ends]),))


def cloud(canvas: Canvas, x: float, y: float, size: float, tint: str = "#ffffff", opacity: float = 0.85) -> None:
    """Paint a flat-bottomed cloud, brighter on top."""
    lumps = [(-0.9, -0.05, 0.32), (-0.45, -0.25, 0.42), (0.1, -0.4, 0.52), (0.6, -0.18, 0.4), (1.0, -0.02, 0.26)]
    puff = union(ellipse(x + a * size, y + b * size, r * size) for a, b, r in lumps)
    flat = rounded(x - 2 * size, y - 2 * size, 4 * size, 2.1 * size)
    fade = Linear((0, y - 0.9 * size), (0, y + 0.1 * size), (tint, tint, tint + "30"))
    canvas.fill(puff, fade, opacity=opacity, inside=flat, blur=size / 60)


def tree(canvas: Canvas, x: float, y: float, size: float, leaf: str, haze: str, distance: float = 0.0) -> None:
    """Paint a round tree `size` pixels high that stands on (x, y); `distance` from 0 to 1 pales it towards `haze`."""
    trunk, leaf = mix("#6b4434", haze, distance), mix(leaf, haze, distance)
    canvas.shadow(ellipse(x + 0.16 * size, y, 0.34 * size, 0.045 * size), blur=size / 40, opacity=0.4)
    stem = limb(trace("0,0 -0.01,-0.3 0.02,-0.6", x, y, size), [0.085 * size, 0.055 * size, 0.03 * size])
    canvas.solid(stem, trunk, volume=size / 45)
    for branch in ("0,-0.33 0.13,-0.5", "0,-0.3 -0.12,-0.46"):
        canvas.line(trace(branch, x, y, size), [0.035 * size, 0.02 * size], trunk)
    lumps = trace("-0.2,-0.52 0.22,-0.52 0.02,-0.5 -0.13,-0.7 0.15,-0.7 0,-0.84")
    sway = canvas.rng.uniform(-0.03, 0.03, (len(lumps), 2))
    radii = (0.17, 0.17, 0.18, 0.18, 0.18, 0.15)
    spots = [
        (x + (a + s) * size, y + (b + t) * size, r * size) for (a, b), (s, t), r in zip(lumps, sway, radii, strict=True)
    ]
    crown = union(ellipse(*spot) for spot in spots)
    canvas.solid(crown, mix(leaf, SHADOW, 0.16), volume=size / 14, shade=0.45, light=0.2)
    for u, v, r in spots:
        lump = ellipse(u - 0.02 * size, v - 0.03 * size, r * 0.86)
        fade = Radial((u - 0.4 * r, v - 0.5 * r), 1.5 * r, (mix(leaf, SUN, 0.34), leaf, leaf + "00"))
        canvas.fill(lump, fade, blur=size / 90, opacity=0.85)
    dabs = []
    for _ in range(int(22 + size / 5)):
        u, v, r = spots[canvas.rng.integers(len(spots))]
        angle, far = canvas.rng.uniform(0, 2 * np.pi), r * np.sqrt(canvas.rng.uniform(0, 0.9))
        dabs.append(ellipse(u + far * np.cos(angle), v + far * np.sin(angle), size / 55, size / 95, turn=-30))
    half = len(dabs) // 2
    canvas.fill(union(dabs[:half]), mix(leaf, SUN, 0.4), opacity=0.32)
    canvas.fill(union(dabs[half:]), mix(leaf, SHADOW, 0.3), opacity=0.22)


# Both outlines start at the tier's lower edge; x counts in half widths of the tier, y in tree heights.
SKIRT = trace("0.4,-0.09 1,0! 0.45,-0.012 0,0.025 -0.45,-0.012 -1,0! -0.4,-0.09")
"""Outline of one tier of a conifer's branches, below its tip."""
DRIFT = trace("0.36,-0.1 0.94,-0.006 0.5,-0.06 0.1,-0.045 -0.35,-0.065 -0.94,-0.006 -0.36,-0.1")
"""Outline of the snow on that tier."""


def pine(canvas: Canvas, x: float, y: float, size: float, tint: str, *, snow: float = 0.0) -> None:
    """Paint a conifer `size` pixels high that stands on (x, y), with `snow` from 0 to 1 on its branches."""
    canvas.fill(rounded(x - 0.022 * size, y - 0.16 * size, 0.044 * size, 0.16 * size), mix(tint, "#4a2f2a", 0.6))
    tiers = 6
    for i in range(tiers):
        low, wide = y - (0.08 + 0.135 * i) * size, (0.25 - 0.033 * i) * size
        high = low - (0.3 - 0.012 * i) * size
        skirt = blob([(0, high - low), (0, high - low), *((a * wide, b * size) for a, b in SKIRT)]).placed(x, low)
        if size < 40:  # on so small a tree, shading could not be seen
            canvas.fill(skirt, mix(tint, SUN, 0.04 * i))
        else:
            canvas.solid(skirt, mix(tint, SUN, 0.04 * i), volume=size / 26, shade=0.42, light=0.16)
        if snow:
            drift = blob([(0, high - low), (0, high - low), *((a * wide, b * size) for a, b in DRIFT)]).placed(x, low)
            white = Linear((x - wide, 0), (x + wide, 0), ("#ffffff", "#cfdcf0"))
            canvas.fill(drift, white, opacity=snow)


def frond(canvas: Canvas, x: float, y: float, size: float, turn: float) -> None:
    """Paint a drooping palm leaf that starts at (x, y) in direction `turn` (degrees, 0 to the right)."""
    angle = np.radians(turn)
    t = np.linspace(0, 1, 22)
    spine = np.stack([x + size * t * np.cos(angle), y + size * (t * np.sin(angle) + 0.62 * t**2)], 1)
    for side in (-1, 1):
        blades = []
        for i in range(2, 22):
            p, q = spine[i], spine[i - 1]
            along = (p - q) / np.hypot(*(p - q))
            across = np.array([-along[1], along[0]]) * side
            length = size * 0.26 * np.sin(np.pi * min(1.0, 0.18 + 0.82 * i / 22)) + 3
            tip = p + along * length * 0.75 + across * length * 0.7 + (0, length * 0.22)
            blades.append(polygon([tuple(q), tuple(p + along * 2), tuple(tip)]))
        canvas.fill(union(blades), "#26304d" if side > 0 else "#3a4a5c")
    canvas.fill(limb([tuple(p) for p in spine[::7]], [2.4, 1.8, 1.2, 0.8]), "#55525f")


def cactus(canvas: Canvas, x: float, y: float, size: float, tint: str) -> None:
    """Paint a saguaro cactus `size` pixels high that stands on (x, y)."""
    canvas.shadow(ellipse(x - 0.3 * size, y, 0.45 * size, 0.035 * size), blur=size / 40, opacity=0.45)
    stems = ("0,-0.4 -0.22,-0.42 -0.25,-0.55 -0.25,-0.72", "0,-0.52 0.2,-0.54 0.24,-0.66 0.24,-0.86", "0,0 0,-0.5 0,-1")
    for points, wide in zip(stems, (0.1, 0.1, 0.17), strict=True):
        stem = limb(trace(points, x, y, size), wide * size)
        canvas.solid(stem, tint, volume=size / 24, glow="#ffdc9a", light=0.4)
    for dx in (-0.045, 0.0, 0.045):
        rib = trace("0,-0.02 0,-0.96", x + dx * size, y, size)
        canvas.line(rib, size / 110, "#2f4f4a", opacity=0.5)


def facets(canvas: Canvas, line: Array, base: float, height: float, mass: Shape) -> None:
    """Paint snow on the summits of a range: sunlit on the left of each summit, blue on its right."""
    snow_line = base - 0.52 * height
    for i in range(4, len(line) - 4):
        x, y = line[i]
        if y > snow_line - 6 or y > line[i - 4 : i + 5, 1].min() + 0.01:
            continue
        drop = (snow_line - y) + 18
        jag = canvas.rng.uniform(-0.12, 0.12, 6)
        left = [
            (x, y - 3),
            (x - 0.75 * drop, y + drop),
            (x - (0.42 + jag[0]) * drop, y + 0.72 * drop),
            (x - (0.25 + jag[1]) * drop, y + 0.98 * drop),
            (x - 0.05 * drop, y + (0.66 + jag[2]) * drop),
            (x + 0.08 * drop, y + 0.8 * drop),
        ]
        right = [
            (x, y - 3),
            (x + 0.08 * drop, y + 0.8 * drop),
            (x + 0.26 * drop, y + (0.62 + jag[3]) * drop),
            (x + 0.4 * drop, y + (0.95 + jag[4]) * drop),
            (x + 0.8 * drop, y + drop),
        ]
        canvas.fill(polygon(right), Linear((0, y), (0, y + drop), ("#b9cbe2", "#8fa8c6")), inside=mass, opacity=0.9)
        canvas.fill(polygon(left), Linear((0, y), (0, y + drop), ("#fffaf0", "#f2dfd6")), inside=mass)


def lamp(space: Space, x: float, z: float, haze: str, pale: float) -> None:
    """Paint a street lamp four metres high."""
    canvas, iron, unit = space.canvas, mix("#37424f", haze, pale), space.focal / z
    u, v = space.at(x, 0, z)
    top = v - 3.6 * unit
    canvas.line([(u, v), (u, top)], 0.08 * unit, iron, smooth=False)
    canvas.line([(u, v), (u, v - 0.5 * unit)], 0.18 * unit, iron, smooth=False)
    glass, hat = polygon("-0.12,0 0.12,0 0.2,-0.4 -0.2,-0.4"), polygon("-0.26,-0.4 0.26,-0.4 0,-0.62")
    canvas.fill(glass.placed(u, top, scale=unit), mix("#ffe9b0", haze, pale / 2))
    canvas.fill(hat.placed(u, top, scale=unit), iron)

"""A scene as plain arrays: what rooms and streets are built of, before any renderer sees it.

Metres; y up; a model's front looks towards +z. Every mesh is (vertices, normals, faces) with either one
colour per vertex or texture coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
Rng = np.random.Generator


@dataclass
class Mesh:
    """Triangles that share a material. v, n (V, 3), uv (V, 2), c (V, 3) float32; f (F, 3) uint32."""

    v: Array
    n: Array
    f: Array
    uv: Array | None = None
    c: Array | None = None


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; `fov_deg` is across the shorter image side."""

    origin: Array
    target: Array
    up: Array
    fov_deg: float


@dataclass
class Box:
    """The axis-aligned space that an object fills, for collisions and for placing things on top."""

    low: Array
    high: Array
    name: str = ""
    top: float = 0.0  # height of the surface on which small things stand; 0 = none

    @property
    def centre(self) -> Array:
        """(3,) middle of the box."""
        return (self.low + self.high) / 2

    @property
    def size(self) -> Array:
        """(3,) extents."""
        return self.high - self.low


@dataclass
class Scene:
    """Everything that a renderer needs, and the boxes that layout and cameras keep out of."""

    coloured: list[Mesh] = field(default_factory=list)
    textured: dict[Any, list[Mesh]] = field(default_factory=dict)  # key: a texture file, or an index of `drawn`
    drawn: list[tuple[Array, bool]] = field(default_factory=list)  # (tile uint8 RGB, glossy)
    lamps: list[tuple[Array, Any]] = field(default_factory=list)  # (4, 3) corners; radiance (3,) or picture uint8
    lamp_power: list[float] = field(default_factory=list)
    sky: Array | None = None  # (3,) radiance of the open sky; None = closed room
    sun: tuple[Array, Array] | None = None  # direction of travel (3,), irradiance (3,)
    boxes: list[Box] = field(default_factory=list)
    bounds: tuple[Array, Array] = (np.zeros(3), np.zeros(3))  # where cameras may be
    close_frac: float = 0.3  # share of cameras that look at one thing from near
    close_rise_deg: float = 15.0  # how much higher than that thing they mostly are

    def texture(self, tile: Array, glossy: bool = False) -> int:
        """Register a drawn tile and return its key."""
        self.drawn.append((tile, glossy))
        return len(self.drawn) - 1

    def quad(self, corners: Array, key: int, metres: float | None = None) -> None:
        """Add a parallelogram: corner 0, then along the width (1), opposite (2), along the height (3).

        `metres` is the width of one texture tile; None stretches one tile over the whole quad.
        """
        corners = np.asarray(corners, np.float32)
        across, along = corners[1] - corners[0], corners[3] - corners[0]
        normal = np.cross(across, along)
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        w, h = (1.0, 1.0) if metres is None else (np.linalg.norm(across) / metres, np.linalg.norm(along) / metres)
        uv = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
        self.textured.setdefault(key, []).append(Mesh(corners, np.tile(normal, (4, 1)).astype(np.float32), faces, uv))

    def box(self, low: Array, high: Array, key: int, metres: float | None = None, angle: float = 0.0) -> None:
        """Add the sides and top of a box, turned by `angle` radians about its middle, and reserve its space."""
        low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        middle = (low + high) / 2
        turn = turn_y(angle)
        p = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        p = (p - middle) @ turn.T + middle
        for a, b, c, d in ((1, 5, 7, 3), (4, 0, 2, 6), (5, 4, 6, 7), (0, 1, 3, 2), (3, 7, 6, 2), (0, 4, 5, 1)):
            self.quad(p[[a, b, c, d]], key, metres)
        self.boxes.append(Box(p.min(0), p.max(0), "box", float(high[1])))

    def model(self, record: dict[str, Any], folder: Path, position: Array, angle: float, scale: float = 1.0) -> Box:
        """Place a model with its base middle at `position`, reserve and return its space."""
        arrays = load_arrays(folder / record["file"])
        turn = turn_y(angle)
        v = (arrays["v"] * np.float32(scale)) @ turn.T + np.asarray(position, np.float32)
        n = arrays["n"] @ turn.T
        for piece in record["pieces"]:
            (a, b), (fa, fb) = piece["v"], piece["f"]
            faces = arrays["f"][fa:fb] - np.uint32(a)
            if piece["texture"]:
                mesh = Mesh(v[a:b], n[a:b], faces, uv=arrays["uv"][a:b])
                self.textured.setdefault(str(folder / piece["texture"]), []).append(mesh)
            else:
                self.coloured.append(Mesh(v[a:b], n[a:b], faces, c=arrays["c"][a:b]))
        box = Box(v.min(0), v.max(0), record["name"])
        box.top = float(position[1]) + scale * (record["top"] or record["size"][1])
        self.boxes.append(box)
        return box

    def lamp(self, corners: Array, radiance: Any, power: float = 1.0) -> None:
        """Add a glowing quad; its picture or colour is multiplied by `power`."""
        self.lamps.append((np.asarray(corners, np.float32), radiance))
        self.lamp_power.append(power)

    def is_free(self, low: Array, high: Array, margin: float = 0.03) -> bool:
        """Say whether the space between two corners touches no box."""
        return all(np.any(high - margin < b.low) or np.any(low + margin > b.high) for b in self.boxes)


@lru_cache(maxsize=1024)
def load_arrays(path: Path) -> dict[str, Array]:
    """Read a converted model."""
    with np.load(path) as data:
        return {k: data[k] for k in data.files}


def turn_y(angle: float) -> Array:
    """(3, 3) float32 rotation about the vertical axis."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


def leaves(rng: Rng, centre: Array, radius: Array, count: int, leaf: float, colour: Array) -> Mesh:
    """Return a cloud of `count` small leaves in an ellipsoid: foliage of bushes, crops and tree crowns."""
    where = rng.normal(0, 1, (count, 3))
    where *= (rng.random((count, 1)) ** 0.4) / np.linalg.norm(where, axis=1, keepdims=True)
    middle = np.asarray(centre) + where * np.asarray(radius)
    u = rng.normal(0, 1, (count, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    normal = np.cross(u, rng.normal(0, 1, (count, 3)))
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    w = np.cross(normal, u)
    length = leaf * rng.uniform(0.5, 1.2, (count, 1))
    plump = rng.uniform(0.35, 0.8)
    v = np.stack(
        [middle - u * length, middle + w * length * plump, middle + u * length, middle - w * length * plump], 1
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(count)[:, None, None]
    shade = np.clip(
        np.asarray(colour) * rng.uniform(0.55, 1.35, (count, 1)) + rng.normal(0, 0.015, (count, 3)), 0.01, 0.9
    )
    return Mesh(
        v.reshape(-1, 3).astype(np.float32),
        np.repeat(normal, 4, 0).astype(np.float32),
        faces.reshape(-1, 3).astype(np.uint32),
        c=np.repeat(shade, 4, 0).astype(np.float32),
    )


def rod(start: Array, end: Array, radius: float, colour: Array, sides: int = 8) -> Mesh:
    """Return a thin cylinder: poles, trunks, pipes, cables."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    u = np.cross(axis, [0.3, 0.5, 0.8])
    u /= np.linalg.norm(u)
    w = np.cross(axis, u)
    angles = np.arange(sides) * 2 * np.pi / sides
    ring = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * w
    v = np.concatenate([start + ring * radius, end + ring * radius])
    k = np.arange(sides)
    j = (k + 1) % sides
    faces = np.concatenate([np.stack([k, j, k + sides], 1), np.stack([j, j + sides, k + sides], 1)])
    n = np.concatenate([ring, ring])
    c = np.broadcast_to(np.asarray(colour, np.float32), (2 * sides, 3))
    return Mesh(v.astype(np.float32), n.astype(np.float32), faces.astype(np.uint32), c=c.astype(np.float32))

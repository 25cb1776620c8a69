"""Furniture on floors and along walls, and the small things on top of it."""

from __future__ import annotations

import numpy as np
import textures
from library import Library, Record, colour01
from scene import Array, Box, Mesh, Rng, Scene, turn_y


def line_wall(scene: Scene, rng: Rng, library: Library, wall: Array, theme: str, gap: float) -> None:
    """Stand furniture side by side along a wall, backs to it."""
    span = float(np.linalg.norm(wall[1] - wall[0]))
    direction = (wall[1] - wall[0]) / span
    inward = np.cross(direction, [0, 1, 0])
    angle = float(np.arctan2(inward[0], inward[2]))
    along = rng.uniform(0.0, 1.0)
    repeat: Record | None = None
    while along < span - 0.3:
        if rng.random() < 0.25:
            shelf(scene, rng, library, wall, along)
            along += 1.2 + rng.uniform(0, gap)
            continue
        if repeat is None or rng.random() < 0.6:
            repeat = floor_thing(rng, library, theme)
        w, h, d = repeat["size"]
        if along + w > span:
            break
        base = wall[0] + direction * (along + w / 2) + inward * (d / 2 + rng.uniform(0.0, 0.08))
        extent = np.abs(turn_y(angle) @ np.array([w, 0, d])) / 2
        if scene.is_free(base - extent, base + extent + np.array([0, h, 0])):
            scene.model(repeat, library.folder, base, angle + (rng.normal(0, 0.1) if rng.random() < 0.2 else 0))
        along += w + rng.uniform(0, gap)


def shelf(scene: Scene, rng: Rng, library: Library, wall: Array, along: float) -> None:
    """Add a board shelf or bookcase with books, boxes and small things on its boards."""
    span = float(np.linalg.norm(wall[1] - wall[0]))
    width, depth = min(rng.uniform(0.5, 1.2), span - along), rng.uniform(0.2, 0.4)
    if width < 0.3:
        return
    direction = (wall[1] - wall[0]) / span
    inward = np.cross(direction, [0, 1, 0])
    angle = float(np.arctan2(inward[0], inward[2]))
    hanging = rng.random() < 0.4
    levels = np.arange(1.3 if hanging else 0.08, rng.uniform(1.5, 2.1), rng.uniform(0.28, 0.45))
    middle = wall[0] + direction * (along + width / 2) + inward * (depth / 2 + 0.01)
    extent = np.abs(turn_y(angle) @ np.array([width, 0, depth])) / 2
    low, high = middle - extent, middle + extent
    if not scene.is_free(low + [0, levels[0], 0], high + [0, levels[-1], 0]):
        return
    wood = scene.texture(textures.planks(rng) if rng.random() < 0.6 else textures.plain(rng))
    before = len(scene.boxes)
    for y in levels:
        scene.box(low + [0, y, 0], high + [0, y + 0.025, 0], wood, 0.8)
        x = -width / 2 + 0.02
        while x < width / 2 - 0.05:
            if rng.random() < 0.2:
                x += rng.uniform(0.05, 0.3)
                continue
            thick, tall, deep = rng.uniform(0.015, 0.07), rng.uniform(0.12, 0.26), depth * rng.uniform(0.5, 0.95)
            at = middle + direction * (x + thick / 2) + [0, y + 0.025, 0]
            half = np.abs(turn_y(angle) @ np.array([thick, 0, deep])) / 2
            _cuboid(scene, at - half, at + half + [0, tall, 0], colour01(rng))
            x += thick + 0.002
    if not hanging:
        for side in (-1, 1):
            at = middle + direction * side * width / 2
            half = np.abs(turn_y(angle) @ np.array([0.025, 0, depth])) / 2
            scene.box(at - half, at + half + [0, levels[-1] + 0.03, 0], wood, 0.8)
    del scene.boxes[before:]
    scene.boxes.append(Box(low + [0, levels[0] if hanging else 0, 0], high + [0, levels[-1] + 0.2, 0], "shelf"))


def _cuboid(scene: Scene, low: Array, high: Array, colour: Array) -> None:
    p = np.array(
        [[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])], np.float32
    )
    sides = np.array([[1, 5, 7, 3], [4, 0, 2, 6], [5, 4, 6, 7], [0, 1, 3, 2], [3, 7, 6, 2], [0, 4, 5, 1]])
    v = p[sides].reshape(-1, 3)
    n = np.repeat(np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32), 4, 0)
    f = (np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(6)[:, None, None]).reshape(-1, 3).astype(np.uint32)
    scene.coloured.append(Mesh(v, n, f, c=np.tile(colour.astype(np.float32), (24, 1))))


def floor_thing(rng: Rng, library: Library, theme: str) -> Record:
    """Draw a piece of furniture, mostly of the room's theme."""
    names = [theme] if rng.random() < 0.75 and theme in library.floor else sorted(library.floor)
    records = library.floor[names[int(rng.integers(len(names)))]]
    return records[int(rng.integers(len(records)))]


def stand(scene: Scene, rng: Rng, library: Library, record: Record, scale: float = 1.0) -> Box | None:
    """Put a thing on a free place of the floor; None where there is none."""
    low, high = scene.bounds
    for _ in range(8):
        angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else int(rng.integers(4)) * np.pi / 2
        w, h, d = np.array(record["size"]) * scale
        extent = np.abs(turn_y(angle)) @ np.array([w, 0, d]) / 2
        room_for = high - low - 2 * extent
        if room_for[0] <= 0.1 or room_for[2] <= 0.1:
            return None
        at = low + extent + rng.random(3) * room_for
        at[1] = 0
        if scene.is_free(at - extent, at + extent + np.array([0, h, 0])):
            return scene.model(record, library.folder, at, angle, scale)
    return None


def table_group(scene: Scene, rng: Rng, library: Library) -> None:
    """Put a table on the floor with chairs, and perhaps people, that face it."""
    table = stand(scene, rng, library, library.pick(rng, "tables"))
    if table is None:
        return
    chair = library.pick(rng, "seats")
    w, h, d = chair["size"]
    for side in range(4):
        if rng.random() < 0.45:
            continue
        direction = np.array([(1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)][side], np.float32)
        distance = abs(table.size @ direction) / 2 + rng.uniform(-0.15, 0.35) + d / 2
        at = table.centre + direction * distance
        at[1] = 0
        angle = float(np.arctan2(-direction[0], -direction[2])) + rng.normal(0, 0.25)
        low, high = scene.bounds
        extent = np.array([w, 0, w]) / 2 + 0.02
        blocked = [b for b in scene.boxes if b is not table]
        free = all(np.any(at + extent + [0, h, 0] < b.low) or np.any(at - extent > b.high) for b in blocked)
        if free and np.all((at - extent)[[0, 2]] > low[[0, 2]]) and np.all((at + extent)[[0, 2]] < high[[0, 2]]):
            scene.model(chair, library.folder, at, angle)


def clutter(scene: Scene, rng: Rng, library: Library, box: Box, count: int) -> None:
    """Scatter small things, papers and boxes over the top of something."""
    for _ in range(count):
        at = box.centre + (rng.random(3) - 0.5) * box.size * 0.8
        at[1] = min(box.top, float(box.high[1]))
        kind = rng.random()
        if kind < 0.65:
            record = library.pick(rng, "small")
            scene.model(record, library.folder, at, rng.uniform(-np.pi, np.pi), rng.uniform(0.8, 1.3))
            scene.boxes.pop()
        elif kind < 0.85:  # a sheet, a magazine, a tray
            w, d = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.4)
            turn = turn_y(rng.uniform(-np.pi, np.pi))
            corners = (np.array([[-w, 0, d], [w, 0, d], [w, 0, -d], [-w, 0, -d]]) / 2) @ turn.T + at
            tile = textures.picture(rng, library.photos) if rng.random() < 0.5 else textures.plain(rng)
            scene.quad(corners + [0, rng.uniform(0.002, 0.02), 0], scene.texture(tile))
        else:
            half = rng.uniform(0.03, 0.15, 3) * [1, 0, 1]
            _cuboid(scene, at - half, at + half + [0, rng.uniform(0.03, 0.3), 0], colour01(rng))

"""Furnished rooms, halls and corridors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import textures
from scene import Array, Box, Rng, Scene, leaves, rod, turn_y

Record = dict[str, Any]
THEMES = ("Office", "Kitchen", "Living room", "Bedroom", "Bathroom", "Office", "Kitchen", "Living room")
PLANTS = ("plant", "ficus", "bamboo", "tulip", "flower", "lily", "orchid", "spathi", "yucca", "bonsai", "succulent")
HANGING = ("lamp", "light", "fan", "chandelier", "hood", "smoke", "cctv", "camera", "curtain", "blind", "shutter")
BARRIERS = ("tatami", "rug", "carpet", "mat", "parking", "arrow", "crossing", "rails", "sidewalk", "pool", "stair")


@dataclass(frozen=True)
class Library:
    """What scenes are furnished with, sorted by use."""

    folder: Path
    photos: list[Path]
    floor: dict[str, list[Record]]  # category -> things that stand on the floor
    seats: list[Record]
    tables: list[Record]
    small: list[Record]
    wall: list[Record]
    openings: list[Record]
    people: list[Record]
    plants: list[Record]
    vehicles: list[Record]
    outdoor: list[Record]

    @classmethod
    def build(cls, assets: Path, index: list[Record]) -> Library:
        """Sort the catalogue."""
        out: dict[str, list[Record]] = {
            k: [] for k in ("seats", "tables", "small", "wall", "openings", "people", "plants", "vehicles", "outdoor")
        }
        floor: dict[str, list[Record]] = {}
        for record in index:
            name, category = record["name"].lower(), record["category"]
            width, height, depth = record["size"]
            widest = max(width, depth)
            if record["opening"] or category == "Doors and windows":
                if height > 0.6 and widest < 4:
                    out["openings"].append(record)
            elif category == "Characters":
                out["people"].append(record)
            elif category == "Vehicles":
                out["vehicles"].append(record)
            elif any(p in name for p in BARRIERS):
                continue
            elif any(p in name for p in PLANTS):
                out["plants"].append(record)
            elif category == "Exterior":
                out["outdoor"].append(record)
            elif record["elevation"] > 0.7 and height < 1.5 and depth < 0.7:
                if not any(h in name for h in HANGING):
                    out["wall"].append(record)
            elif max(width, height, depth) < 0.5:
                out["small"].append(record)
            elif 0.25 < height < 2.6 and 0.2 < widest < 3.2 and record["elevation"] < 0.1:
                if "chair" in name or "stool" in name or "seat" in name:
                    out["seats"].append(record)
                if ("table" in name or "desk" in name) and height < 1.2 and widest > 0.6:
                    out["tables"].append(record)
                floor.setdefault(category, []).append(record)
        return cls(folder=assets / "models", photos=sorted((assets / "photos").glob("*.jpg")), floor=floor, **out)

    def pick(self, rng: Rng, kind: str) -> Record:
        """Draw one record of a kind such as "small"."""
        records: list[Record] = getattr(self, kind)
        return records[int(rng.integers(len(records)))]


def room(rng: Rng, library: Library) -> Scene:
    """Build one closed room: shell, lamps, furniture along walls and in the middle, clutter, people."""
    scene = Scene()
    shape = rng.random()
    if shape < 0.68:  # a room to live or work in
        width, length, height = rng.uniform(2.4, 7), rng.uniform(2.6, 8), rng.uniform(2.3, 3.3)
    elif shape < 0.84:  # a corridor
        width, length, height = rng.uniform(1.3, 3.2), rng.uniform(6, 20), rng.uniform(2.2, 3.6)
    else:  # a hall
        width, length, height = rng.uniform(7, 18), rng.uniform(8, 24), rng.uniform(3, 7)
    scene.bounds = (np.array([-width / 2, 0, -length / 2]), np.array([width / 2, height, length / 2]))
    walls = shell(scene, rng, library, width, length, height)
    lamps(scene, rng, width, length, height)
    for wall in walls:
        dress_wall(scene, rng, library, wall, height)
    theme = THEMES[int(rng.integers(len(THEMES)))]
    crowd = rng.uniform(0.1, 1.3) * (0.6 if shape >= 0.68 else 1.0)
    for wall in walls:
        if rng.random() < 0.85 * min(1, crowd + 0.3):
            line_wall(scene, rng, library, wall, theme, rng.uniform(0.0, 1.2))
    area = width * length
    for _ in range(int(rng.poisson(crowd * min(area / 12, 5)))):
        table_group(scene, rng, library)
    for _ in range(int(rng.poisson(crowd * min(area / 7, 7)))):
        stand(scene, rng, library, floor_thing(rng, library, theme))
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.5 else 0):
        stand(scene, rng, library, library.pick(rng, "people"))
    if rng.random() < 0.4:
        stand(scene, rng, library, library.pick(rng, "plants"), rng.uniform(1.0, 2.2))
    if shape >= 0.84 or rng.random() < 0.08:
        columns(scene, rng, width, length, height)
    for box in list(scene.boxes):
        if 0.3 < box.top < 1.5 and min(box.size[0], box.size[2]) > 0.25 and rng.random() < 0.7:
            clutter(scene, rng, library, box, int(rng.integers(1, 9)))
    return scene


def shell(scene: Scene, rng: Rng, library: Library, width: float, length: float, height: float) -> list[Array]:
    """Add floor, ceiling and walls; return each wall's corners (left bottom, right bottom) seen from inside."""
    x, z = width / 2, length / 2
    floor_kind = rng.choice(5, p=[0.28, 0.26, 0.24, 0.1, 0.12])
    tile = (
        (textures.planks, textures.tiles, textures.rough, textures.plain)[floor_kind](rng)
        if floor_kind < 4
        else textures.photo(rng, library.photos)
    )
    floor = scene.texture(tile, glossy=bool(rng.random() < 0.4))
    scene.quad(np.array([[-x, 0, z], [x, 0, z], [x, 0, -z], [-x, 0, -z]]), floor, rng.uniform(0.6, 3))
    ceiling = scene.texture(textures.tiles(rng) if rng.random() < 0.25 else textures.plain(rng))
    bright = scene.drawn[ceiling][0]
    if rng.random() < 0.8:
        scene.drawn[ceiling] = ((255 - (255 - bright) * 0.4).astype(np.uint8), False)
    scene.quad(
        np.array([[-x, height, -z], [x, height, -z], [x, height, z], [-x, height, z]]), ceiling, rng.uniform(0.6, 2.4)
    )
    corners = [np.array(p, np.float32) for p in ((-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z))]
    walls = [np.stack([corners[k], corners[(k + 1) % 4]]) for k in range(4)]
    common, metres = wall_texture(scene, rng, library), rng.uniform(0.8, 4)
    skirting = scene.texture(textures.plain(rng)) if rng.random() < 0.5 else None
    for a, b in walls:
        own = rng.random() < 0.3
        up = np.array([0, height, 0])
        scene.quad(np.stack([a, b, b + up, a + up]), wall_texture(scene, rng, library) if own else common, metres)
        if skirting is not None:
            inward = 0.012 * np.cross((b - a) / np.linalg.norm(b - a), [0, 1, 0])
            a2, b2, up2 = a + inward, b + inward, np.array([0, 0.1, 0])
            scene.quad(np.stack([a2, b2, b2 + up2, a2 + up2]), skirting)
    return walls


def wall_texture(scene: Scene, rng: Rng, library: Library) -> int:
    """Draw what covers a wall: mostly paint."""
    kind = rng.choice(7, p=[0.55, 0.12, 0.08, 0.07, 0.06, 0.07, 0.05])
    makers = (textures.plain, textures.rough, textures.tiles, textures.bricks, textures.stripes, textures.planks)
    return scene.texture(makers[kind](rng) if kind < 6 else textures.photo(rng, library.photos))


def lamps(scene: Scene, rng: Rng, width: float, length: float, height: float) -> None:
    """Add one to six glowing panels below the ceiling."""
    warm = np.array([1, rng.uniform(0.82, 1.0), rng.uniform(0.6, 1.05)])
    rows = max(1, min(3, int(length / rng.uniform(3, 6))))
    cols = max(1, min(2, int(width / rng.uniform(3, 6))))
    sx, sz = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.7)
    for row in range(rows):
        for col in range(cols):
            if rng.random() < 0.12 and rows * cols > 1:
                continue
            cx = (col + 0.5) / cols * width - width / 2 + rng.normal(0, 0.1)
            cz = (row + 0.5) / rows * length - length / 2 + rng.normal(0, 0.1)
            y = height - 0.015
            corners = np.array(
                [[cx - sx, y, cz - sz], [cx + sx, y, cz - sz], [cx + sx, y, cz + sz], [cx - sx, y, cz + sz]]
            )
            scene.lamp(corners, warm * rng.uniform(6, 14))


def on_wall(wall: Array, along: float, up: float, width: float, height: float, out: float) -> Array:
    """(4, 3) corners of a rectangle that hangs on a wall, `out` metres in front of it."""
    a, b = wall
    direction = (b - a) / np.linalg.norm(b - a)
    inward = np.cross(direction, [0, 1, 0])
    base = a + direction * (along - width / 2) + inward * out + np.array([0, up, 0])
    return np.stack([base, base + direction * width, base + direction * width + [0, height, 0], base + [0, height, 0]])


def dress_wall(scene: Scene, rng: Rng, library: Library, wall: Array, height: float) -> None:
    """Add windows with a view, doors, posters, boards, wall cupboards and pipes."""
    span = float(np.linalg.norm(wall[1] - wall[0]))
    direction = (wall[1] - wall[0]) / span
    inward = np.cross(direction, [0, 1, 0])
    angle = float(np.arctan2(inward[0], inward[2]))
    for _ in range(int(rng.poisson(span / 5))):
        along = rng.uniform(0.5, max(0.6, span - 0.5))
        kind = rng.random()
        if kind < 0.4:
            w, h = rng.uniform(0.5, min(2.2, span * 0.6)), rng.uniform(0.6, 1.5)
            low = rng.uniform(0.7, max(0.75, min(1.2, height - h - 0.2)))
            view = textures.picture(rng, library.photos) if rng.random() < 0.7 else np.full((8, 8, 3), 235, np.uint8)
            scene.lamp(on_wall(wall, along, low, w, h, 0.01), view, rng.uniform(2, 9))
            frame = colour01(rng, 0.2, 0.85)
            c = on_wall(wall, along, low, w, h, 0.03)
            bars = [(c[0], c[1]), (c[1], c[2]), (c[2], c[3]), (c[3], c[0]), ((c[0] + c[1]) / 2, (c[2] + c[3]) / 2)]
            for start, end in bars:
                scene.coloured.append(rod(start, end, rng.uniform(0.015, 0.04), frame, 4))
        elif kind < 0.65:
            record = library.pick(rng, "openings")
            w, h, d = record["size"]
            if h > height - 0.1 or w > span - 0.4:
                continue
            base = wall[0] + direction * np.clip(along, w / 2, span - w / 2) + inward * (d / 2)
            base = base + np.array([0, record["elevation"] if h < 1.9 else 0, 0])
            if base[1] + h < height:
                scene.model(record, library.folder, base, angle)
        elif kind < 0.9:
            w = rng.uniform(0.25, 1.3)
            h = w * rng.uniform(0.5, 1.5)
            low = rng.uniform(0.8, max(0.85, height - h - 0.1))
            if low + h < height:
                tile = textures.picture(rng, library.photos) if rng.random() < 0.6 else textures.plain(rng)
                key = scene.texture(tile, glossy=bool(rng.random() < 0.3))
                scene.quad(on_wall(wall, along, low, w, h, 0.02), key)
        else:
            c = on_wall(wall, along, 0, 0.1, height, 0.06)
            scene.coloured.append(rod(c[0], c[3], rng.uniform(0.02, 0.07), colour01(rng)))
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 5))):
            record = library.pick(rng, "wall")
            w, h, d = record["size"]
            low = max(rng.uniform(1.2, 1.7), 0.8)
            if w < span and low + h < height:
                base = wall[0] + direction * rng.uniform(w / 2, span - w / 2) + inward * (d / 2) + [0, low, 0]
                if scene.is_free(base - [d / 2, 0, d / 2], base + [d / 2, h, d / 2]):
                    scene.model(record, library.folder, base, angle)


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
    from scene import Mesh

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


def columns(scene: Scene, rng: Rng, width: float, length: float, height: float) -> None:
    """Add a row of posts."""
    x, radius = rng.uniform(-0.4, 0.4) * width, rng.uniform(0.06, 0.35)
    step, paint = rng.uniform(2, 5), colour01(rng)
    for z in np.arange(-length / 2 + rng.uniform(0.5, step), length / 2, step):
        if scene.is_free(np.array([x - radius, 0, z - radius]), np.array([x + radius, height, z + radius])):
            scene.coloured.append(rod([x, 0, z], [x, height, z], radius, paint, 20))
            scene.boxes.append(
                Box(np.array([x - radius, 0, z - radius]), np.array([x + radius, height, z + radius]), "post")
            )


def colour01(rng: Rng, low: float = 0.03, high: float = 0.8) -> Array:
    """(3,) float32 linear colour in [0, 1]."""
    return (np.clip(textures.colour(rng, int(255 * low), int(255 * high), 0.8) / 255, 0.02, 0.9) ** 1.8).astype(
        np.float32
    )


__all__ = ["Library", "colour01", "leaves", "room"]

"""Furnished rooms, halls and corridors."""

from __future__ import annotations

import numpy as np
import textures
from furnish import clutter, floor_thing, line_wall, stand, table_group
from library import Library, colour01
from scene import Array, Box, Rng, Scene, rod

THEMES = ("Office", "Kitchen", "Living room", "Bedroom", "Bathroom", "Office", "Kitchen", "Living room")


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

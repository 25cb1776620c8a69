"""Streets, gardens and rows of crops under an open sky."""

from __future__ import annotations

import numpy as np
import textures
from furnish import clutter, stand
from library import Library, colour01
from scene import Array, Box, Rng, Scene, leaves, rod

TREES = ("tree", "acacia", "beech", "pine", "cypress", "poplar", "palm", "maple", "ficus", "blossom", "bamboo")


def outdoors(rng: Rng, library: Library) -> Scene:
    """Build one outdoor scene."""
    scene = Scene()
    light(scene, rng)
    kind = rng.random()
    if kind < 0.42:
        street(scene, rng, library)
    elif kind < 0.64:
        garden(scene, rng, library)
    else:
        crop_rows(scene, rng, library)
    if rng.random() < 0.3:
        overhang(scene, rng)
    return scene


def light(scene: Scene, rng: Rng) -> None:
    """Add the sky's glow and, mostly, the sun."""
    scene.sky = np.array([0.8, 0.9, 1.0]) * rng.uniform(0.5, 1.2) * rng.uniform(0.9, 1.1, 3)
    if rng.random() < 0.75:
        height, turn = rng.uniform(0.2, 1.3), rng.uniform(-np.pi, np.pi)
        direction = -np.array([np.cos(height) * np.cos(turn), np.sin(height), np.cos(height) * np.sin(turn)])
        scene.sun = (direction, np.array([1.0, rng.uniform(0.85, 1), rng.uniform(0.65, 1)]) * rng.uniform(1, 7))


def ground(
    scene: Scene,
    rng: Rng,
    library: Library,
    tile: Array,
    x: tuple[float, float],
    z: tuple[float, float],
    y: float = 0.0,
    metres: float = 3.0,
) -> None:
    """Add a flat piece of ground."""
    corners = np.array([[x[0], y, z[1]], [x[1], y, z[1]], [x[1], y, z[0]], [x[0], y, z[0]]])
    scene.quad(corners, scene.texture(tile), metres)


def green(rng: Rng) -> Array:
    """(3,) linear colour of foliage, from dark needles to yellow and, rarely, red leaves."""
    if rng.random() < 0.06:
        return rng.uniform(0.05, 0.4, 3)
    value = rng.uniform(0.04, 0.3)
    return np.array([value * rng.uniform(0.4, 1.1), value, value * rng.uniform(0.1, 0.5)])


def tree(scene: Scene, rng: Rng, at: Array, height: float) -> None:
    """Grow a tree of leaves round a trunk."""
    at = np.asarray(at, np.float64)
    trunk = height * rng.uniform(0.2, 0.5)
    radius = height * rng.uniform(0.02, 0.045)
    lean = at + [rng.normal(0, 0.15), trunk * 1.3, rng.normal(0, 0.15)]
    bark = np.array([0.12, 0.08, 0.05]) * rng.uniform(0.4, 2)
    scene.coloured.append(rod(at, lean, radius, bark, 10))
    colour, spread = green(rng), height * rng.uniform(0.16, 0.36)
    tall = rng.random() < 0.3
    for _ in range(int(rng.integers(2, 6))):
        middle = lean + rng.normal(0, 1, 3) * [spread * 0.5, 0, spread * 0.5]
        middle[1] = at[1] + trunk + (height - trunk) * rng.uniform(0.25, 0.75)
        size = np.array([spread, (height - trunk) * (0.5 if tall else 0.35), spread]) * rng.uniform(0.6, 1.1)
        scene.coloured.append(
            leaves(rng, middle, size, int(rng.integers(250, 900)), height * rng.uniform(0.02, 0.045), colour)
        )
    scene.boxes.append(Box(at - [radius * 2, 0, radius * 2], at + [radius * 2, height, radius * 2], "tree"))


def bush(scene: Scene, rng: Rng, at: Array, size: Array) -> None:
    """Add a bush, a clump of grass or a piece of hedge."""
    colour = green(rng)
    at = np.asarray(at, np.float64)
    leaf = float(np.clip(size.max() * rng.uniform(0.03, 0.12), 0.012, 0.12))
    count = int(np.clip(8 * np.prod(size) ** (2 / 3) / leaf**2 * rng.uniform(0.12, 0.4), 120, 4500))
    scene.coloured.append(leaves(rng, at + [0, size[1] / 2, 0], size / 2, count, leaf, colour))
    if rng.random() < 0.15:
        fruit = leaves(rng, at + [0, size[1] / 2, 0], size / 2, count // 12, leaf * 0.8, rng.uniform(0.1, 0.9, 3))
        scene.coloured.append(fruit)


def overhang(scene: Scene, rng: Rng) -> None:
    """Hang branches into the view from above: what is higher is not always farther."""
    low, high = scene.bounds
    for _ in range(int(rng.integers(1, 7))):
        at = low + rng.random(3) * (high - low)
        at[1] = rng.uniform(1.4, 2.9)
        size = np.array([rng.uniform(0.3, 1.2), rng.uniform(0.15, 0.6), rng.uniform(0.3, 1.2)])
        leaf = rng.uniform(0.02, 0.07)
        scene.coloured.append(leaves(rng, at, size, int(rng.integers(150, 900)), leaf, green(rng)))
        scene.coloured.append(
            rod(at, at + rng.normal(0, 1, 3) * [1, 0.2, 1] + [0, 1, 0], 0.02, np.array([0.1, 0.07, 0.05]))
        )
        scene.boxes.append(Box(at - size * 0.8, at + size * 0.8, "branch"))


def vegetation(scene: Scene, rng: Rng, library: Library, at: Array) -> None:
    """Put one plant: grown here or from the catalogue."""
    if rng.random() < 0.55:
        size = np.array([1, rng.uniform(0.5, 1.6), 1]) * rng.uniform(0.25, 1.6)
        bush(scene, rng, at, size)
        scene.boxes.append(Box(at - size * [0.3, 0, 0.3], at + size * [0.3, 0.8, 0.3], "bush"))
    else:
        outdoor = [
            r for r in library.outdoor if any(t in r["name"].lower() for t in (*TREES, "bush", "hedge", "plant"))
        ]
        records = library.plants if rng.random() < 0.6 or not outdoor else outdoor
        record = records[int(rng.integers(len(records)))]
        scene.model(record, library.folder, at, rng.uniform(-np.pi, np.pi), rng.uniform(0.6, 1.4))


def building(scene: Scene, rng: Rng, low: Array, high: Array) -> None:
    """Add a block with windowed walls, sometimes with a pitched roof."""
    tile = textures.facade(rng) if rng.random() < 0.8 else textures.bricks(rng)
    scene.box(low, high, scene.texture(tile), rng.uniform(2.5, 7))
    if rng.random() < 0.5:
        rise, eave = rng.uniform(1, 3.5), 0.3
        roof = scene.texture(textures.bricks(rng) if rng.random() < 0.6 else textures.rough(rng))
        (x0, y, z0), (x1, z1), ridge = (low[0] - eave, high[1], low[2] - eave), (high[0] + eave, high[2] + eave), 0.0
        ridge = (x0 + x1) / 2
        scene.quad(np.array([[x0, y, z0], [x0, y, z1], [ridge, y + rise, z1], [ridge, y + rise, z0]]), roof, 2)
        scene.quad(np.array([[x1, y, z1], [x1, y, z0], [ridge, y + rise, z0], [ridge, y + rise, z1]]), roof, 2)
    if rng.random() < 0.5:  # a door and a band along the foot
        band = scene.texture(textures.plain(rng))
        grow = np.array([0.04, 0, 0.04])
        scene.box(low - grow, np.array([high[0], low[1] + rng.uniform(0.3, 1.0), high[2]]) + grow, band, 2)
        scene.boxes.pop()


def street(scene: Scene, rng: Rng, library: Library) -> None:
    """A road along z with pavements, buildings, trees, parked and moving vehicles, people and poles."""
    road, pavement = rng.uniform(2.0, 4.5), rng.uniform(1.0, 4.0)
    near, far = 12.0, -rng.uniform(35, 110)
    asphalt = textures.rough(rng)
    grey = rng.uniform(70, 150)
    asphalt = np.clip(grey + (asphalt.astype(np.float32) - asphalt.mean()) * 0.4, 0, 255).astype(np.uint8)
    verge = textures.grass(rng) if rng.random() < 0.4 else textures.rough(rng)
    ground(scene, rng, library, verge, (-90, 90), (far - 60, near), -0.03, 4)
    ground(scene, rng, library, asphalt, (-road, road), (far, near), 0.0, rng.uniform(2, 6))
    paint = scene.texture(np.full((8, 8, 3), 225, np.uint8))
    if rng.random() < 0.5:
        for z in np.arange(far, near, rng.uniform(2.5, 6)):
            scene.quad(
                np.array([[-0.07, 0.012, z + 1.5], [0.07, 0.012, z + 1.5], [0.07, 0.012, z], [-0.07, 0.012, z]]), paint
            )
    slabs = scene.texture(textures.tiles(rng) if rng.random() < 0.5 else textures.rough(rng))
    for side in (-1, 1):
        a, b = sorted((side * road, side * (road + pavement)))
        scene.box(np.array([a, -0.1, far]), np.array([b, rng.uniform(0.06, 0.16), near]), slabs, rng.uniform(0.8, 3))
        scene.boxes.pop()
        front = road + pavement + (rng.uniform(0, 6) if rng.random() < 0.5 else 0)
        z = near
        while z > far:
            width = rng.uniform(5, 18)
            if rng.random() < 0.75:
                depth, height = rng.uniform(6, 14), rng.uniform(3, 15)
                x0, x1 = sorted((side * front, side * (front + depth)))
                building(scene, rng, np.array([x0, 0, z - width]), np.array([x1, height, z]))
            elif rng.random() < 0.6:
                for _ in range(int(rng.integers(1, 4))):
                    at = [side * (front + rng.uniform(1, 6)), 0, z - rng.uniform(0, width)]
                    tree(scene, rng, np.array(at), rng.uniform(3.5, 12))
            z -= width + (rng.uniform(0, 6) if rng.random() < 0.4 else 0)
        if rng.random() < 0.6:  # a row of trees
            step = rng.uniform(4, 14)
            for z in np.arange(near - rng.uniform(6, 14), max(far, -60), -step):
                tree(scene, rng, np.array([side * (road + rng.uniform(0.4, 1.0)), 0, z]), rng.uniform(3.5, 9))
        if rng.random() < 0.4:  # a hedge or a wall along the pavement
            z = near - 2
            tall = rng.uniform(0.5, 2.2)
            while z > max(far, -40):
                if rng.random() < 0.8:
                    bush(
                        scene,
                        rng,
                        np.array([side * (front - 0.4), 0, z]),
                        np.array([0.9, tall, 1.8]) * rng.uniform(0.8, 1.2),
                    )
                z -= rng.uniform(1.2, 2.5)
        z = near - rng.uniform(6, 14)
        parked = rng.uniform(0.2, 1.0)
        while z > max(far, -70):  # parked vehicles
            if rng.random() < parked:
                vehicle(scene, rng, library, np.array([side * (road - 1.1), 0, z]), 0 if rng.random() < 0.5 else np.pi)
            z -= rng.uniform(5, 9)
        if rng.random() < 0.5:
            tall, step = rng.uniform(3, 8), rng.uniform(10, 30)
            for z in np.arange(near - rng.uniform(6, 16), far, -step):
                x = side * (road + 0.3)
                scene.coloured.append(rod([x, 0, z], [x, tall, z], rng.uniform(0.03, 0.1), colour01(rng)))
    for _ in range(int(rng.integers(0, 4))):
        vehicle(
            scene,
            rng,
            library,
            np.array([rng.uniform(-0.5, 0.5) * road, 0, rng.uniform(max(far, -60), 4)]),
            float(rng.choice([0, np.pi])) + rng.normal(0, 0.1),
        )
    scene.bounds = (np.array([-road - pavement + 0.3, 0, -16]), np.array([road + pavement - 0.3, 2.4, near - 1]))
    for _ in range(int(rng.integers(0, 7))):
        stand(scene, rng, library, library.pick(rng, "people"))
    for _ in range(int(rng.integers(0, 5))):
        stand(scene, rng, library, library.pick(rng, "outdoor"))


def vehicle(scene: Scene, rng: Rng, library: Library, at: Array, angle: float) -> None:
    """Place a vehicle with its length along z if there is room."""
    record = library.pick(rng, "vehicles")
    w, h, d = record["size"]
    if w > d:
        angle += np.pi / 2
    half = np.array([min(w, d), 0, max(w, d)]) / 2
    if scene.is_free(at - half, at + half + [0, h, 0]):
        scene.model(record, library.folder, at, angle)


def garden(scene: Scene, rng: Rng, library: Library) -> None:
    """Plants, outdoor furniture and people on a lawn, with a house, a fence or trees behind."""
    tile = textures.grass(rng) if rng.random() < 0.7 else textures.rough(rng)
    ground(scene, rng, library, tile, (-80, 80), (-90, 60), 0.0, rng.uniform(1.5, 5))
    reach = rng.uniform(2, 8)
    scene.bounds = (np.array([-reach, 0, -reach]), np.array([reach, 2.2, reach]))
    if rng.random() < 0.5:
        path = scene.texture(textures.tiles(rng) if rng.random() < 0.5 else textures.rough(rng))
        x, w = rng.uniform(-2, 2), rng.uniform(0.4, 1.5)
        scene.quad(np.array([[x - w, 0.01, 40], [x + w, 0.01, 40], [x + w, 0.01, -60], [x - w, 0.01, -60]]), path, 1.2)
    for side in range(4):
        kind, distance = rng.random(), reach + rng.uniform(0.5, 10)
        direction = np.array([(1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)][side], np.float64)
        across = np.array([direction[2], 0, -direction[0]])
        if kind < 0.35:
            middle = direction * (distance + 4) + across * rng.uniform(-5, 5)
            half = np.abs(direction) * 4 + np.abs(across) * rng.uniform(4, 12)
            building(scene, rng, middle - half, middle + half + [0, rng.uniform(2.5, 8), 0])
        elif kind < 0.6:
            fence = scene.texture(textures.stripes(rng) if rng.random() < 0.6 else textures.planks(rng))
            half = np.abs(direction) * 0.04 + np.abs(across) * 18
            scene.box(
                direction * distance - half, direction * distance + half + [0, rng.uniform(0.8, 2), 0], fence, 1.5
            )
        else:
            for _ in range(int(rng.integers(2, 7))):
                at = direction * (distance + rng.uniform(0, 12)) + across * rng.uniform(-12, 12)
                tree(scene, rng, at, rng.uniform(2.5, 11))
    for _ in range(int(rng.integers(5, 26))):
        at = np.array([rng.uniform(-1, 1) * reach, 0, rng.uniform(-1, 1) * reach])
        vegetation(scene, rng, library, at)
    for _ in range(int(rng.integers(0, 6))):
        box = stand(scene, rng, library, library.pick(rng, "outdoor"))
        if box is not None and 0.4 < box.top < 1.1:
            clutter(scene, rng, library, box, int(rng.integers(0, 4)))
    for _ in range(int(rng.integers(0, 3))):
        stand(scene, rng, library, library.pick(rng, "people"))


def crop_rows(scene: Scene, rng: Rng, library: Library) -> None:
    """Rows of plants, on the ground or in gutters on posts, as in fields and greenhouses."""
    ground(
        scene,
        rng,
        library,
        (textures.grass if rng.random() < 0.6 else textures.rough)(rng),
        (-70, 70),
        (-80, 60),
        0.0,
        rng.uniform(1, 4),
    )
    height = 0.0 if rng.random() < 0.25 else rng.uniform(0.5, 1.8)
    spacing, length = rng.uniform(1.0, 2.4), rng.uniform(6, 25)
    rows = int(rng.integers(1, 6))
    lush = rng.uniform(0.2, 0.7)
    scene.close_frac, scene.close_rise_deg = 0.65, -2.0
    gutter = scene.texture(textures.plain(rng))
    pole = colour01(rng)
    for row in range(rows):
        x = row * spacing
        if height:
            scene.box(np.array([x - 0.12, height - 0.15, -length]), np.array([x + 0.12, height, length]), gutter, 1)
            for z in np.arange(-length, length, rng.uniform(1.2, 3)):
                scene.coloured.append(rod([x, 0, z], [x, height - 0.1, z], rng.uniform(0.015, 0.04), pole))
                if rng.random() < 0.3:
                    scene.coloured.append(rod([x, height, z], [x, height + rng.uniform(0.3, 1), z], 0.015, pole))
            if rng.random() < 0.6:
                y = height - rng.uniform(0.2, 0.5)
                scene.coloured.append(
                    rod([x + 0.1, y, -length], [x + 0.1, y, length], rng.uniform(0.008, 0.03), colour01(rng))
                )
        z = -min(length, 7.0)
        while z < min(length, 7.0):
            size = np.array([rng.uniform(0.8, 1.3), rng.uniform(0.6, 1.4), rng.uniform(0.8, 1.3)]) * lush
            bush(scene, rng, np.array([x + rng.normal(0, 0.05), height - (0.3 * lush if height else 0), z]), size)
            z += lush * rng.uniform(0.4, 1.0)
        scene.boxes.append(
            Box(np.array([x - lush / 2, height - 0.1, -length]), np.array([x + lush / 2, height + lush, length]))
        )
    for _ in range(int(rng.integers(0, 6))):
        tree(
            scene,
            rng,
            np.array([rng.uniform(-25, 25), 0, rng.choice([-1, 1]) * rng.uniform(9, 40)]),
            rng.uniform(3, 10),
        )
    if rng.random() < 0.4:
        building(
            scene,
            rng,
            np.array([rows * spacing + 6.0, 0, -12]),
            np.array([rows * spacing + 16.0, rng.uniform(3, 7), 12]),
        )
    scene.bounds = (np.array([-2.5, 0, -4.0]), np.array([rows * spacing + 1.5, 2.3, 4.0]))
    for _ in range(int(rng.integers(0, 3))):
        stand(scene, rng, library, library.pick(rng, "people"))

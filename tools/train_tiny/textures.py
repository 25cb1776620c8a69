"""Surface pictures: drawn patterns and crops of photos, as tiles that repeat."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

Array = np.ndarray
Rng = np.random.Generator
TILE = 256


def colour(rng: Rng, low: int = 40, high: int = 235, saturation: float = 0.35) -> Array:
    """Return one (3,) float32 RGB colour, mostly muted, as paint and cloth are."""
    grey = rng.uniform(low, high)
    saturation *= 1.0 if rng.random() < 0.35 else 0.3
    tint = rng.normal(0, saturation * rng.random() * 90, 3)
    return np.clip(grey + tint - tint.mean(), 8, 247).astype(np.float32)


def noise(rng: Rng, size: int = TILE, octaves: tuple[int, ...] = (4, 16, 64, 256), fine: bool = False) -> Array:
    """Return (size, size) float32 value noise about 0 with deviation 1 that repeats at its edges.

    `fine` makes the small octaves the strong ones.
    """
    total = np.zeros((size, size), np.float32)
    weight = rng.uniform(1.2, 2.5) if fine else rng.uniform(0.3, 0.9)
    for level, cells in enumerate(octaves):
        grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        grid = np.pad(grid, 2, mode="wrap")
        large = cv2.resize(grid, None, fx=size / cells, fy=size / cells, interpolation=cv2.INTER_CUBIC)
        edge = 2 * size // cells
        total += weight**level * large[edge : edge + size, edge : edge + size]
    return total / max(float(total.std()), 1e-6)


def plain(rng: Rng) -> Array:
    """Paint: one colour with faint stains."""
    return _mix(colour(rng, 90, 240), noise(rng), rng.uniform(0, 7))


def rough(rng: Rng) -> Array:
    """Carpet, asphalt, plaster, gravel: fine noise."""
    return _mix(colour(rng, 30, 220), noise(rng, octaves=(8, 32, 128, 256), fine=True), rng.uniform(5, 30))


def grass(rng: Rng) -> Array:
    """Lawn, soil or dry ground."""
    base = np.array([rng.uniform(50, 150), rng.uniform(70, 160), rng.uniform(25, 80)], np.float32)
    return _mix(base, noise(rng, octaves=(4, 32, 128, 256), fine=bool(rng.random() < 0.7)), rng.uniform(12, 36))


def tiles(rng: Rng) -> Array:
    """A grid of tiles with joints, perhaps a chessboard."""
    count = int(rng.integers(1, 7))
    step = TILE // count
    image = _mix(colour(rng, 60, 235), noise(rng), rng.uniform(1, 9))
    yy, xx = np.mgrid[:TILE, :TILE]
    if rng.random() < 0.35:
        other = (yy // step + xx // step) % 2 == 1
        image[other] = np.clip(image[other].astype(np.float32) * 0.3 + colour(rng) * 0.7, 0, 255)
    per_tile = rng.normal(0, rng.uniform(0, 9), (count + 1, count + 1))[yy // step, xx // step]
    image = np.clip(image + per_tile[..., None], 0, 255).astype(np.uint8)
    joint = int(rng.integers(1, 4))
    image[(yy % step < joint) | (xx % step < joint)] = colour(rng, 40, 220, 0.1).astype(np.uint8)
    return image


def planks(rng: Rng) -> Array:
    """Floor boards or panelling: long strips of wood."""
    rows = int(rng.integers(3, 9))
    wood = np.array([rng.uniform(90, 220), 0, 0], np.float32)
    wood[1] = wood[0] * rng.uniform(0.62, 0.85)
    wood[2] = wood[1] * rng.uniform(0.5, 0.85)
    image = np.zeros((TILE, TILE, 3), np.float32)
    grain = cv2.resize(noise(rng, 64, (16, 64)), (TILE * 4, TILE))[:, :TILE]
    for row in range(rows):
        top, bottom = row * TILE // rows, (row + 1) * TILE // rows
        shift = int(rng.integers(TILE))
        strip = np.roll(grain[top:bottom], shift, 1)[..., None] * rng.uniform(3, 13)
        image[top:bottom] = wood * rng.uniform(0.82, 1.12) + strip
        image[top : top + 2] *= 0.55
        image[top:bottom, shift : shift + 2] *= 0.6
    return np.clip(image, 0, 255).astype(np.uint8)


def bricks(rng: Rng) -> Array:
    """Courses of bricks or blocks."""
    rows = 2 * int(rng.integers(2, 6))
    height, width = TILE // rows, TILE // (rows // 2)
    yy, xx = np.mgrid[:TILE, :TILE]
    row = yy // height
    across = (xx + (row % 2) * (width // 2)) % TILE
    per_brick = rng.normal(0, rng.uniform(3, 18), (rows + 1, TILE // width + 1))[row, across // width]
    base = colour(rng, 60, 210) if rng.random() < 0.5 else np.array([165, 85, 62], np.float32) * rng.uniform(0.6, 1.2)
    image = base + per_brick[..., None] + noise(rng)[..., None] * rng.uniform(2, 8)
    image[(yy % height < 3) | (across % width < 3)] = colour(rng, 90, 210, 0.1)
    return np.clip(image, 0, 255).astype(np.uint8)


def facade(rng: Rng) -> Array:
    """One storey-and-bay grid of a building: wall with windows."""
    image = (bricks if rng.random() < 0.25 else plain)(rng).astype(np.float32)
    bays, storeys = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    width, height = TILE // bays, TILE // storeys
    ww, wh = rng.uniform(0.3, 0.7) * width, rng.uniform(0.4, 0.7) * height
    frame = colour(rng, 60, 240, 0.2)
    for row in range(storeys):
        for col in range(bays):
            x, y = int(col * width + (width - ww) / 2), int(row * height + (height - wh) / 2)
            glass = rng.uniform(20, 110) * np.array([0.8, 0.95, 1.1]) * rng.uniform(0.6, 1.6)
            cv2.rectangle(image, (x - 4, y - 4), (x + int(ww) + 4, y + int(wh) + 4), frame.tolist(), -1)
            cv2.rectangle(image, (x, y), (x + int(ww), y + int(wh)), np.clip(glass, 0, 255).tolist(), -1)
            if rng.random() < 0.7:
                cv2.line(image, (x + int(ww / 2), y), (x + int(ww / 2), y + int(wh)), frame.tolist(), 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def stripes(rng: Rng) -> Array:
    """Wallpaper, blinds, corrugated sheet."""
    count = int(rng.integers(2, 24))
    wave = np.sin(np.arange(TILE) * 2 * np.pi * count / TILE)
    wave = np.sign(wave) if rng.random() < 0.5 else wave
    image = colour(rng) + wave[None, :, None] * colour(rng, 10, 60) * rng.uniform(0.2, 1.0)
    image = np.repeat(image, TILE, 0) + noise(rng)[..., None] * rng.uniform(0, 5)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 0, 2)) if rng.random() < 0.4 else image


def photo(rng: Rng, photos: list[Path]) -> Array:
    """A crop of a photo, mirrored so that it repeats without a seam."""
    image = cv2.imread(str(photos[int(rng.integers(len(photos)))]))[..., ::-1]
    size = int(rng.uniform(0.25, 1.0) * min(image.shape[:2]))
    top, left = (int(rng.integers(0, n - size + 1)) for n in image.shape[:2])
    half = cv2.resize(image[top : top + size, left : left + size], (TILE // 2, TILE // 2), interpolation=cv2.INTER_AREA)
    wide = np.concatenate([half, half[:, ::-1]], 1)
    return np.ascontiguousarray(np.concatenate([wide, wide[::-1]], 0))


def picture(rng: Rng, photos: list[Path]) -> Array:
    """A crop of a photo for posters, screens and the view from a window."""
    image = cv2.imread(str(photos[int(rng.integers(len(photos)))]))[..., ::-1]
    size = int(rng.uniform(0.5, 1.0) * min(image.shape[:2]))
    top, left = (int(rng.integers(0, n - size + 1)) for n in image.shape[:2])
    return cv2.resize(image[top : top + size, left : left + size], (TILE, TILE), interpolation=cv2.INTER_AREA)


def _mix(base: Array, pattern: Array, strength: float) -> Array:
    return np.clip(base + pattern[..., None] * np.float32(strength), 0, 255).astype(np.uint8)


def sky(rng: Rng, photos: list[Path], size: tuple[int, int]) -> Array:
    """What shows behind an open scene: (H, W, 3) float32 in [0, 1], clear, clouded, dull, or part of a photo."""
    height, width = size
    if rng.random() < 0.08:
        return cv2.resize(picture(rng, photos), (width, height)).astype(np.float32) / 255
    zenith = np.array([rng.uniform(0.2, 0.75), rng.uniform(0.45, 0.85), rng.uniform(0.75, 1)])
    if rng.random() < 0.35:
        zenith = np.full(3, rng.uniform(0.5, 0.95)) * rng.uniform(0.95, 1.05, 3)
    horizon = np.minimum(zenith * rng.uniform(0.9, 1.2) + rng.uniform(0, 0.25), 1)
    ramp = np.linspace(0, 1, height)[:, None, None] ** rng.uniform(0.5, 2)
    image = np.broadcast_to(zenith * (1 - ramp) + horizon * ramp, (height, width, 3))
    if rng.random() < 0.6:
        clouds = cv2.resize(noise(rng, octaves=(4, 8, 16, 64)), (width, height))
        cover = np.clip(clouds * rng.uniform(0.2, 0.6) + rng.uniform(-0.3, 0.4), 0, 1)[..., None]
        image = image * (1 - cover) + rng.uniform(0.75, 1) * cover
    return np.clip(image, 0, 1).astype(np.float32)

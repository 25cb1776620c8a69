"""Cut-outs: clip art from the assets, and models rendered alone, which know their own relief."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

CANVAS = 160
PER_SHARD = 40

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Cutout:
    """A picture to paste.

    rgba (h, w, 4) uint8; relief (h, w) float16 metres behind the contact point, or None when flat;
    metres: height of the whole canvas at the contact point's distance; base: contact (row, column) in pixels.
    """

    rgba: Array
    relief: Array | None
    metres: float
    base: tuple[float, float]


def load_clipart(assets: Path, rng: Rng, limit: int = 1500) -> list[Cutout]:
    """Read flat cut-outs; people get a person's height, things anything from a cup's to a wardrobe's."""
    out = []
    for record in json.loads((assets / "cutouts" / "index.json").read_text())[:limit]:
        bgra = cv2.imread(str(assets / "cutouts" / record["file"]), cv2.IMREAD_UNCHANGED)
        metres = rng.uniform(1.1, 1.95) if record["person"] else float(np.exp(rng.uniform(np.log(0.15), np.log(2))))
        height, width = bgra.shape[:2]
        out.append(Cutout(bgra[..., [2, 1, 0, 3]], None, metres, (height - 1.0, width / 2)))
    return out


def load_rendered(folder: Path) -> list[Cutout]:
    """Read the cut-outs that `rendered` made."""
    out = []
    for path in sorted(folder.glob("[0-9]*.npz")):
        with np.load(path) as data:
            rgba, relief, numbers = data["rgba"], data["relief"], data["numbers"]
        out += [
            Cutout(c, r, float(n[0]), (float(n[1]), float(n[2]))) for c, r, n in zip(rgba, relief, numbers, strict=True)
        ]
    return out


def rendered(number: int, assets: Path) -> dict[str, Array]:
    """Render one shard of people and furniture alone under the sky."""
    import cameras
    import outdoors
    import pathtrace
    from assets import load_models
    from library import Library
    from scene import Camera, Scene

    library = Library.build(assets, load_models(assets))
    rng = np.random.default_rng([11, number])
    furniture = [r for records in library.floor.values() for r in records] + library.seats * 2 + library.plants
    rgba, reliefs, numbers = [], [], []
    while len(rgba) < PER_SHARD:
        record = library.pick(rng, "people") if rng.random() < 0.4 else furniture[int(rng.integers(len(furniture)))]
        scene = Scene()
        outdoors.light(scene, rng)
        box = scene.model(record, library.folder, np.zeros(3), rng.uniform(-np.pi, np.pi))
        reach = float(np.linalg.norm(box.size)) * rng.uniform(1.1, 3.5) + 0.5
        rise, turn = np.deg2rad(rng.uniform(-3, 28)), rng.uniform(-np.pi, np.pi)
        way = np.array([np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)])
        fov = 2 * np.rad2deg(np.arctan(0.56 * np.linalg.norm(box.size) / reach))
        camera = Camera(box.centre + way * reach, box.centre, np.array([0.0, 1.0, 0.0]), float(np.clip(fov, 5, 90)))
        radiance, inverse = pathtrace.render(pathtrace.load(scene), camera, (CANVAS, CANVAS), number * 997 + len(rgba))
        alpha = inverse > 0
        if not 0.04 < alpha.mean() < 0.95:
            continue
        pose = cameras.pose(camera, CANVAS)
        x, y, z = pose[:9].reshape(3, 3).T @ (np.array([0.0, 0.0, 0.0]) - pose[9:12])
        focal = float(pose[12])
        image = pathtrace.develop(rng, radiance, None, ~alpha)
        soft = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 0.6)
        rgba.append(np.dstack([image, (np.clip(soft * 1.6 - 0.5, 0, 1) * 255).astype(np.uint8)]))
        reliefs.append(np.where(alpha, 1 / np.maximum(inverse, 1e-3) - z, 0).astype(np.float16))
        numbers.append([CANVAS * z / focal, CANVAS / 2 - focal * y / z, CANVAS / 2 + focal * x / z])
    return {"rgba": np.stack(rgba), "relief": np.stack(reliefs), "numbers": np.array(numbers, np.float32)}


def paste(rng: Rng, rgb: Array, inverse: Array, camera: Array, cutout: Cutout) -> tuple[Array, Array]:
    """Lay a cut-out into a view: standing on its floor, or anywhere in front of what is there.

    Args:
        rng: where, how large, mirrored or not.
        rgb: (H, W, 3) uint8, left unchanged.
        inverse: (H, W) float32 in 1/m, 0 = open sky, left unchanged.
        camera: (13,) as `shards.pathtraced` writes it.
        cutout: what to paste.
    """
    height, width = inverse.shape
    focal = float(camera[12])
    pixel_m = cutout.metres / cutout.rgba.shape[0]  # metres per cut-out pixel at the contact point
    place = _on_floor(rng, inverse, camera) if rng.random() < 0.55 else None
    if place is not None:
        row, col, z = place
        scale = focal * pixel_m / z  # picture pixels per cut-out pixel
    else:
        tall = rng.uniform(0.25, 0.85) * height
        scale = tall / cutout.rgba.shape[0]
        row, col, z = rng.uniform(0.45, 1.15) * height, rng.uniform(0, 1) * width, focal * pixel_m / scale
    if not 18 < scale * cutout.rgba.shape[0] < 2.5 * height:
        return rgb, inverse
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    to_view = np.array(
        [[mirror * scale, 0, col - mirror * scale * cutout.base[1]], [0, scale, row - scale * cutout.base[0]]]
    )
    source = cutout.rgba
    if scale < 0.7:  # shrink first: warping alone would skip pixels
        factor = scale
        source = cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        colour_view = to_view @ np.diag([1 / factor, 1 / factor, 1.0])
    else:
        colour_view = to_view
    over = cv2.warpAffine(source, colour_view, (width, height), flags=cv2.INTER_LINEAR).astype(np.float32)
    alpha = over[..., 3] / 255
    inside = alpha > 0.5
    if inside.sum() < 120:
        return rgb, inverse
    relief = np.float32(0)
    if cutout.relief is not None:
        relief = cv2.warpAffine(cutout.relief.astype(np.float32), to_view, (width, height), flags=cv2.INTER_NEAREST)
    if place is not None:
        own = 1 / np.maximum(z + relief, 0.2)
        alpha = np.where(own > inverse * 0.93, alpha, 0)  # things in front hide it; its foot may touch the floor
        inside &= alpha > 0.5
    else:
        nearest = float(np.percentile(inverse[inside], 97))
        deepest = float(np.max(np.broadcast_to(relief, inverse.shape)[inside]))
        z = min(z, max(0.93 / max(nearest, 1e-3) - deepest, 0.25))
        own = 1 / np.maximum(z + relief, 0.2)
    gain = rng.uniform(0.65, 1.25) * np.exp(rng.normal(0, 0.06, 3))
    alpha = alpha[..., None].astype(np.float32)
    out = np.clip(over[..., :3] * gain, 0, 255) * alpha + rgb * (1 - alpha)
    return out.astype(np.uint8), np.where(inside, own, inverse).astype(np.float32)


def paste_before(rng: Rng, rgb: Array, inverse: Array, cutout: Cutout) -> tuple[Array, Array]:
    """Lay a cut-out into a picture whose depth has no unit, before all that it hides.

    It stands where its foot touches what is there, as things mostly do, unless it would be behind a thing that it
    hides; one in four floats nearer than that.

    Args:
        rng: where, how large, mirrored or not.
        rgb: (H, W, 3) uint8, left unchanged.
        inverse: (H, W) float32 of any scale, 0 = infinitely far, NaN = unknown; left unchanged.
        cutout: what to paste.
    """
    height, width = inverse.shape
    rows, cols = np.where(cutout.rgba[..., 3] > 127)
    if len(rows) == 0:
        return rgb, inverse
    box = (slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1))
    scale = min(height, width) * rng.uniform(0.25, 0.85) / max(np.ptp(rows) + 1, np.ptp(cols) + 1)
    size = (max(8, round((np.ptp(cols) + 1) * scale)), max(8, round((np.ptp(rows) + 1) * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    over = cv2.resize(cutout.rgba[box], size, interpolation=how).astype(np.float32)
    relief = np.zeros(size[::-1], np.float32)
    if cutout.relief is not None:
        relief = cv2.resize(cutout.relief[box].astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        over, relief = over[:, ::-1], relief[:, ::-1]
    top = round(rng.uniform(0.5, 1.12) * height) - size[1]
    left = round(rng.uniform(0, 1) * width - size[0] / 2)
    t, b, a, z = max(top, 0), min(top + size[1], height), max(left, 0), min(left + size[0], width)
    if b - t < 12 or z - a < 12:
        return rgb, inverse
    window = (slice(t, b), slice(a, z))
    part = (slice(t - top, b - top), slice(a - left, z - left))
    alpha = over[part][..., 3:] / 255
    inside = alpha[..., 0] > 0.5
    hidden = inverse[window][inside]
    known = hidden[np.isfinite(hidden)]
    if inside.sum() < 120 or known.size < 0.2 * hidden.size:
        return rgb, inverse
    least = 0.3 * float(np.nanpercentile(inverse, 95))  # before open sky it is still as near as a thing of its size
    level = max(float(np.percentile(known, 95)), least, 1e-3) * float(np.exp(abs(rng.normal(0.02, 0.05))))
    if rng.random() < 0.25:
        level *= rng.uniform(1.1, 1.8)
    distance = 1.2 * width * cutout.metres / (cutout.rgba.shape[0] * scale)  # of a usual lens
    depth = 1 + np.clip(relief[part] - relief[part][inside].min(), 0, None) / max(distance, 0.3)
    rgb, inverse = rgb.copy(), inverse.copy()
    gain = rng.uniform(0.65, 1.25) * np.exp(rng.normal(0, 0.06, 3))
    pasted = np.clip(over[part][..., :3] * gain, 0, 255) * alpha + rgb[window] * (1 - alpha)
    rgb[window] = pasted.astype(np.uint8)
    inverse[window] = np.where(inside, level / depth, inverse[window])
    return rgb, inverse


def _on_floor(rng: Rng, inverse: Array, camera: Array) -> tuple[float, float, float] | None:
    """Return (row, column, distance) of a random place of the floor, or None."""
    height, width = inverse.shape
    rotation, origin, focal = camera[:9].reshape(3, 3), camera[9:12], camera[12]
    rows, cols = np.mgrid[:height:4, :width:4].astype(np.float32)
    rise = rotation[1, 0] * (cols - width / 2) / focal - rotation[1, 1] * (rows - height / 2) / focal + rotation[1, 2]
    z = 1 / np.maximum(inverse[::4, ::4], 1e-3)
    found = np.argwhere((np.abs(origin[1] + z * rise) < 0.06) & (z < 15) & (z > 0.5))
    if len(found) < 20:
        return None
    r, c = found[int(rng.integers(len(found)))]
    return float(r * 4), float(c * 4), float(z[r, c])

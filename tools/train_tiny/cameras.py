"""Where a photographer would stand in a scene, and where one would look."""

from __future__ import annotations

import numpy as np
from scene import Array, Box, Camera, Rng, Scene


def camera(rng: Rng, scene: Scene) -> Camera | None:
    """Draw a camera inside the bounds and outside every box; None where no place was found."""
    low, high = scene.bounds
    margin = np.minimum(0.25, (high - low) / 6)
    for _ in range(20):
        origin, target = _close(rng, scene) if rng.random() < scene.close_frac and scene.boxes else _across(rng, scene)
        if (
            np.any(origin < low + margin * [1, 0, 1])
            or np.any(origin > high - margin * [1, 0.5, 1])
            or origin[1] < 0.12
        ):
            continue
        if np.linalg.norm(target - origin) < 0.25 or _inside(origin, scene.boxes):
            continue
        roll = rng.normal(0, 0.035) if rng.random() < 0.85 else rng.normal(0, 0.2)
        return Camera(origin, target, np.array([roll, 1.0, roll * 0.3]), float(rng.uniform(36, 78)))
    return None


def _across(rng: Rng, scene: Scene) -> tuple[Array, Array]:
    """Look across the scene from eye height, from low down or from high up."""
    low, high = scene.bounds
    origin = low + rng.random(3) * (high - low)
    if rng.random() < 0.5:  # stand near an end and look along the scene
        axis = 2 if high[2] - low[2] >= high[0] - low[0] or scene.sky is not None else 0
        side = 1 if scene.sky is not None and rng.random() < 0.7 else float(rng.choice([0, 1]))
        origin[axis] = low[axis] + (high - low)[axis] * abs(side - rng.uniform(0.02, 0.25))
    tall = high[1] - low[1]
    band = rng.random()
    origin[1] = (
        rng.uniform(1.1, 1.8)
        if band < 0.6
        else rng.uniform(0.2, 1.1)
        if band < 0.83
        else rng.uniform(1.6, max(1.7, tall - 0.2))
    )
    origin[1] = min(origin[1], tall - 0.15)
    middle = (low + high) / 2
    target = middle + (rng.random(3) - 0.5) * (high - low) * 0.9
    away = 2 * middle - origin
    target = (target + away * rng.uniform(0, 1.5)) / 2 if rng.random() < 0.7 else target
    if scene.sky is not None and rng.random() < 0.6:  # outside, mostly level and along the street
        target = origin + np.array([rng.normal(0, 0.35), 0, -1.0]) * rng.choice([1, 1, 1, -1]) * 10
    distance = float(np.linalg.norm((target - origin)[[0, 2]])) + 0.3
    pitch = np.deg2rad(
        rng.normal(-4, 8) if rng.random() < 0.65 else rng.uniform(-60, -8) if rng.random() < 0.8 else rng.uniform(0, 22)
    )
    target[1] = origin[1] + np.tan(pitch) * distance
    return origin, target


def _close(rng: Rng, scene: Scene) -> tuple[Array, Array]:
    """Look at one object from a distance that lets it fill much of the picture."""
    box = scene.boxes[int(rng.integers(len(scene.boxes)))]
    size = np.minimum(box.size, 2.5)
    middle = np.clip(box.centre, *scene.bounds)
    target = middle + (rng.random(3) - 0.5) * size * 0.5
    if box.top and rng.random() < 0.6:
        target[1] = min(box.top, 1.6)
    reach = rng.uniform(0.35, 1.6) * float(np.sqrt(size.max() * np.median(size))) + rng.uniform(0.15, 0.6)
    turn, rise = rng.uniform(-np.pi, np.pi), np.deg2rad(np.clip(rng.normal(scene.close_rise_deg, 16), -35, 65))
    origin = target + reach * np.array([np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)])
    return origin, target


def _inside(origin: Array, boxes: list[Box], margin: float = 0.12) -> bool:
    return any(bool(np.all(origin > b.low - margin) and np.all(origin < b.high + margin)) for b in boxes)


def pose(camera: Camera, height: int) -> Array:
    """(13,) float32: rotation to world (columns right, up, forward), origin, focal length in pixels.

    `height` is the shorter side of the picture.
    """
    forward = camera.target - camera.origin
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, camera.up)
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(right, forward), forward], 1)
    focal = height / 2 / np.tan(np.deg2rad(camera.fov_deg) / 2)
    return np.concatenate([rotation.ravel(), camera.origin, [focal]]).astype(np.float32)


def worth_keeping(inverse_depth: Array) -> bool:
    """Say whether a view shows enough: not a blank wall, not the inside of a thing."""
    seen = inverse_depth[inverse_depth > 0]
    if seen.size < 0.25 * inverse_depth.size or np.percentile(seen, 98) > 8:
        return False
    logs = np.log(seen)
    return float(np.percentile(logs, 95) - np.percentile(logs, 5)) > 0.3

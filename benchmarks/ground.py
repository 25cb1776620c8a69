"""How well the ground of a picture is found: horizon and pixels of the floor, against exact depth and against sensors.

    python benchmarks/ground.py --render 60 --rooms ROOMS     # needs Mitsuba and the assets of tools/train_tiny
    python benchmarks/ground.py --rooms ROOMS --rgbd RGBD [--depth tiny]
    python benchmarks/ground.py --bg BG --fg FG --sheet SHEET.png     # 24 samples, placed freely and on the ground

A room is rendered with exact depth and a known camera. A view counts if at least 5 % of it is floor. The horizon is
that of the middle column; its error is a share of the height of the picture. For pictures with a depth sensor, the
reference is the plane that the same search finds in the depth of the sensor, where it finds one.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from fgbg_data import BuildConfig, build, load_estimator, open_dataset
from fgbg_data.ground.ground import Ground, find_ground
from fgbg_data.ground.plane import LEVELS, find_plane
from fgbg_data.splits import draw
from fgbg_data.text import text_table

Array = np.ndarray
TOOLS = Path(__file__).resolve().parents[1] / "tools" / "train_tiny"
SEED = 90_000
VIEWS = 8
SIZE = (192, 256)
LEAST_FLOOR = 0.05
SCENES = ("kitchen", "labfloor", "hall", "corridor", "street_pseudo", "strawberry")


class View(NamedTuple):
    """A picture with a known horizon."""

    image: Array
    """(H, W, 3) uint8 RGB."""
    depth: Array
    """(H, W) exact or measured inverse depth, 0 at infinity."""
    horizon: float
    """Row of the horizon in the middle column."""
    floor: Array
    """(H, W) bool: where the floor is seen."""


def render(folder: Path, scenes: int, cache: Path) -> None:
    """Render rooms that no training saw, one file for each, and keep those that are there."""
    sys.path.insert(0, str(TOOLS))
    import pathtrace

    pathtrace.start(threads=1)
    import cameras
    import rooms
    from assets import load_models
    from library import Library

    library = Library.build(cache / "assets", load_models(cache / "assets"))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(scenes):
        path = folder / f"{number:04d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([7, SEED, number])
        scene = rooms.room(rng, library)
        loaded = None
        gc.collect()  # the numbers of Mitsuba's objects are compiled in: free the old before making the new
        loaded = pathtrace.load(scene)
        images, depths, poses = [], [], []
        for view in range(VIEWS):
            camera = cameras.camera(rng, scene)
            if camera is None:
                continue
            radiance, inverse = pathtrace.render(loaded, camera, SIZE, number * VIEWS + view)
            if cameras.worth_keeping(inverse):
                images.append(pathtrace.develop(rng, radiance, None, inverse == 0))
                depths.append(inverse.astype(np.float32))
                poses.append(cameras.pose(camera, SIZE[0]))
        if images:
            np.savez(path, rgb=np.stack(images), inverse_depth=np.stack(depths), camera=np.stack(poses))
        print(f"{path}: {len(images)} views", flush=True)


def views_of_rooms(folder: Path) -> Iterator[View]:
    """Yield the rendered views in which enough of the floor is seen."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as found:
            for image, depth, pose in zip(found["rgb"], found["inverse_depth"], found["camera"], strict=True):
                height, width = depth.shape
                right, up, forward = pose[:9].reshape(3, 3)[1]  # how far each axis of the camera points upwards
                focal, eye = pose[12], pose[10]
                rows, columns = np.mgrid[0:height, 0:width] + 0.5
                rise = right * (columns - width / 2) / focal + up * (height / 2 - rows) / focal + forward
                with np.errstate(divide="ignore", invalid="ignore"):
                    floor = (depth > 0) & (np.abs(eye + rise / depth) < 0.03)
                if floor.mean() >= LEAST_FLOOR:
                    yield View(image, depth, height / 2 + forward * focal / up, floor)


def views_of_sensors(folder: Path) -> Iterator[View]:
    """Yield the pictures in whose measured depth a ground is found."""
    for path in sorted(folder.glob("*.jpg")):
        image = cv2.imread(str(path))
        depth = cv2.imread(str(path.with_suffix(".depth.png")), cv2.IMREAD_UNCHANGED)
        if image is None or depth is None:
            raise FileNotFoundError(f"{path}: the picture or its .depth.png cannot be read")
        scale = 320 / max(depth.shape)
        depth = cv2.resize(depth, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST).astype(np.float32)
        image = cv2.resize(image, depth.shape[::-1], interpolation=cv2.INTER_AREA)[..., ::-1].copy()
        known = (depth > 0) & (depth < 65535)
        if known.mean() < 0.5:
            continue
        inverse = 1 / nearest_known(depth, known)
        inverse = np.minimum(inverse, np.percentile(inverse, 99.5))
        found, _ = ground_in(inverse, image, metric=True)
        if isinstance(found, Ground):
            yield View(image, inverse, found.horizon_row(depth.shape[1] / 2), found.mask(*depth.shape))


def nearest_known(depth: Array, known: Array) -> Array:
    """Return depth in which each unknown pixel takes the nearest known one."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(labels.max()) + 1, np.float32)
    table[labels[known]] = depth[known]
    return np.asarray(table[labels])


def ground_in(depth: Array, image: Array, *, metric: bool) -> tuple[Ground | str, Array]:
    """Return the ground that is found in inverse depth, and the codes in which it was looked for."""
    low, high = float(depth.min()), float(depth.max())
    codes = np.rint((depth.astype(np.float64) - low) * (LEVELS / max(high - low, 1e-9))).astype(np.uint16)
    zero = -low * LEVELS / max(high - low, 1e-9) if metric else None
    return find_ground(codes, image, zero=zero), codes


def row(name: str, views: list[View], depths: list[Array], *, metric: bool) -> list[str]:
    """Return a row of the table: how well the ground of some views is found in some inverse depth."""
    errors, inside, purity = [], [], []
    for view, depth in zip(views, depths, strict=True):
        height, width = view.depth.shape
        found, _ = ground_in(np.minimum(depth, np.percentile(depth, 99.5)), view.image, metric=metric)
        if isinstance(found, str):
            continue
        errors.append(abs(found.horizon_row(width / 2) - view.horizon) / height)
        inside.append(0 <= view.horizon < height)
        mask = found.mask(height, width)
        purity.append(np.count_nonzero(mask & view.floor) / np.count_nonzero(mask))
    error, seen = np.array(errors), np.array(inside, bool)
    groups = [group for group in (error, error[seen]) for _ in LIMITS]
    shares = [
        f"{np.mean(group < limit):.0%}" if len(group) else "-" for group, limit in zip(groups, LIMITS * 2, strict=True)
    ]
    about = [f"{np.median(error):.3f}", *shares, f"{np.mean(purity):.0%}"] if len(error) else ["-"] * 6
    return [name, str(len(views)), f"{len(error) / max(1, len(views)):.0%}", *about]


def plane_row(name: str, views: list[View]) -> list[str]:
    """Return a row of the table: the horizon of the plane in exact depth, also where it is no ground."""
    errors, inside = [], []
    for view in views:
        height, width = view.depth.shape
        depth = np.minimum(view.depth, np.percentile(view.depth, 99.5)).astype(np.float64)
        low, high = float(depth.min()), float(depth.max())
        plane = find_plane(np.rint((depth - low) * (LEVELS / (high - low))).astype(np.int64))
        row = np.inf if plane is None else plane.row_of(-low * LEVELS / (high - low), width / 2)
        errors.append(abs(row - view.horizon) / height)
        inside.append(0 <= view.horizon < height)
    error, seen = np.array(errors), np.array(inside)
    shares = [f"{np.mean(group < limit):.0%}" for group in (error, error[seen]) for limit in LIMITS]
    return [name, str(len(views)), f"{np.mean(np.isfinite(error)):.0%}", f"{np.median(error):.3f}", *shares, "-"]


LIMITS = (0.04, 0.08)
HEADER = [
    *("depth", "views", "ground found", "median error", "within 4 %", "within 8 %"),
    *("4 %, horizon inside", "8 %, horizon inside", "of its pixels floor"),
]


def draw_sheet(bg: Path, fg: Path, path: Path) -> None:
    """Draw 24 samples twice, side by side: placed freely, and on the ground with shadows."""
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        ways = {"free": {}, "ground": {"place": "ground", "shadow": "cast", "require_ground": True}}
        opened = {}
        for name, options in ways.items():
            config = BuildConfig(
                bg=bg, fg=fg, out=Path(folder) / name, positions=1, mirror=False, depth="none", image_format="png",
                holdout="sample", val=0, test=0, shard_size=100_000, **options,
            )  # fmt: skip
            build(config)
            dataset = open_dataset(config.out)
            opened[name] = {sample.key: sample.image for sample in dataset}
        keys = sorted(opened["ground"], key=lambda key: draw(0, key, "sheet", 2**32))
        chosen: list[str] = []
        used: dict[str, int] = {}
        for most in range(1, 25):  # as few repetitions of sources as possible
            for key in keys:
                sources = key.split("_")[:2]
                if len(chosen) < 24 and key not in chosen and all(used.get(each, 0) < most for each in sources):
                    chosen.append(key)
                    used |= {each: used.get(each, 0) + 1 for each in sources}
        line = np.full((next(iter(opened["free"].values())).shape[0], 2, 3), 255, np.uint8)
        pairs = [np.hstack([opened["free"][key], line, opened["ground"][key]]) for key in chosen]
    gap = np.full((pairs[0].shape[0], 8, 3), 255, np.uint8)
    rows = [np.hstack([part for pair in pairs[k : k + 4] for part in (pair, gap)]) for k in range(0, 24, 4)]
    line = np.full((8, rows[0].shape[1], 3), 255, np.uint8)
    sheet = np.vstack([part for each in rows for part in (each, line)])
    small = cv2.resize(sheet, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small[..., ::-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure how well the ground of pictures is found.")
    parser.add_argument("--rooms", type=Path, help="folder of the rendered rooms")
    parser.add_argument("--render", type=int, default=0, metavar="N", help="render N rooms into it first, and stop")
    parser.add_argument("--rgbd", type=Path, help="folder of scenes with sensor depth: NNN.jpg and NNN.depth.png")
    parser.add_argument("--depth", default="tiny", help="name of the depth estimator")
    parser.add_argument(
        "--cache", type=Path, default=Path(os.environ.get("FGBG_TINY_CACHE", Path.home() / ".cache/fgbg-tiny"))
    )
    parser.add_argument("--bg", type=Path, help="backgrounds of the sheet")
    parser.add_argument("--fg", type=Path, help="cut-outs of the sheet")
    parser.add_argument("--sheet", type=Path, help="draw this PNG, and stop")
    options = parser.parse_args()
    if options.sheet:
        draw_sheet(options.bg, options.fg, options.sheet)
        return
    if options.render:
        render(options.rooms, options.render, options.cache)
        return
    estimator = load_estimator(options.depth, "cpu")
    estimate = getattr(estimator, "estimate_smooth", estimator.estimate)  # as builds look for grounds
    rows = []
    if options.rooms:
        views = list(views_of_rooms(options.rooms))
        rows.append(plane_row("rooms, exact, any plane", views))
        guesses = list(estimate(np.stack([view.image for view in views])))
        rows.append(row("rooms, exact", views, [view.depth for view in views], metric=True))
        rows.append(row(f"rooms, {options.depth}", views, guesses, metric=False))
    for scene in SCENES if options.rgbd else ():
        views = list(views_of_sensors(options.rgbd / scene))
        if views:
            guesses = [estimate(view.image[None])[0] for view in views]
            rows.append(row(f"{scene}, {options.depth}", views, guesses, metric=False))
    print(text_table(HEADER, rows))


if __name__ == "__main__":
    main()

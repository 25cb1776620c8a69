"""Rendered views in files of some dozens, each made from its own number, so that a stopped run goes on."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 192, 256
SCENES, VIEWS = 6, 7  # per shard and per scene
OUTDOORS_FRAC = 0.32

Array = np.ndarray


def write(path: Path, **arrays: Array) -> None:
    """Write an npz under another name first, so that a file that exists is whole."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)


def pathtraced(number: int, assets: Path) -> dict[str, Array]:
    """Render one shard.

    Returns:
        rgb (N, H, W, 3) uint8, inverse_depth (N, H, W) float16 in 1/m with 0 = open sky, camera (N, 13) float32:
        rotation to world (9, columns right, up, forward), origin (3), focal length in pixels; outdoors (N,) bool.
    """
    import cameras
    import outdoors
    import pathtrace
    import rooms
    import textures
    from assets import load_models

    library = rooms.Library.build(assets, load_models(assets))
    rgb, inverse, poses, places = [], [], [], []
    for scene_number in range(SCENES):
        rng = np.random.default_rng([7, number, scene_number])
        outside = rng.random() < OUTDOORS_FRAC
        scene = (outdoors.outdoors if outside else rooms.room)(rng, library)
        loaded = None
        gc.collect()  # the numbers of Mitsuba's objects are compiled in: free the old before making the new
        loaded = pathtrace.load(scene)
        for view in range(VIEWS):
            camera = cameras.camera(rng, scene)
            if camera is None:
                continue
            seed = (number * SCENES + scene_number) * VIEWS + view
            radiance, inverse_depth = pathtrace.render(loaded, camera, (HEIGHT, WIDTH), seed)
            if not cameras.worth_keeping(inverse_depth):
                continue
            sky = textures.sky(rng, library.photos, (HEIGHT, WIDTH)) if scene.sky is not None else None
            rgb.append(pathtrace.develop(rng, radiance, sky, inverse_depth == 0))
            inverse.append(np.minimum(inverse_depth, 60).astype(np.float16))
            poses.append(cameras.pose(camera, HEIGHT))
            places.append(outside)
    return {"rgb": np.stack(rgb), "inverse_depth": np.stack(inverse), "camera": np.stack(poses), "outdoors": np.array(places)}


def _work(worker: int, workers: int, count: int, folder: Path, assets: Path, variant: str) -> None:
    import pathtrace

    pathtrace.start(variant)
    for number in range(worker, count, workers):
        path = folder / f"{number:05d}.npz"
        if path.exists():
            continue
        begin = time.perf_counter()
        try:
            arrays = pathtraced(number, assets)
        except Exception as error:  # one odd scene must not end a run of an hour
            print(f"shard {number}: {error!r}", flush=True)
            continue
        write(path, **arrays)
        seconds = time.perf_counter() - begin
        print(f"shard {number}: {len(arrays['rgb'])} views, {seconds / len(arrays['rgb']):.2f} s each", flush=True)


def render(folder: Path, assets: Path, count: int, workers: int = 2, variant: str = "llvm_ad_rgb",
           work: Callable[..., None] = _work) -> None:
    """Render the shards 0 ... count - 1 that are not there yet, in processes of one thread."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=work, args=(k, workers, count, folder, assets, variant)) for k in range(workers)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise RuntimeError(f"a rendering process failed; finished shards are in {folder}, start again to go on")


def load(folder: Path, limit: int | None = None) -> list[Path]:
    """Return the finished shards in order."""
    return sorted(folder.glob("[0-9]*.npz"))[:limit]

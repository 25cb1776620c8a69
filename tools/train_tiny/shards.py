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
OUTDOORS_FRAC = (0.32, 0.7)  # in the first LATER shards, and from there on: streets and plants were learnt last
LATER = 108

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
    from library import Library

    library = Library.build(assets, load_models(assets))
    rgb, inverse, poses, places = [], [], [], []
    for scene_number in range(SCENES):
        rng = np.random.default_rng([7, number, scene_number])
        outside = rng.random() < OUTDOORS_FRAC[number >= LATER]
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
    return {
        "rgb": np.stack(rgb),
        "inverse_depth": np.stack(inverse),
        "camera": np.stack(poses),
        "outdoors": np.array(places),
    }


def raycast(number: int, assets: Path) -> dict[str, Array]:
    """Ray-cast one shard of simple scenes; arrays as `pathtraced`."""
    from raycast import shard

    return shard(number, assets, HEIGHT, WIDTH)


def cutouts(number: int, assets: Path) -> dict[str, Array]:
    """Render one shard of people and furniture alone."""
    from cutouts import rendered

    return rendered(number, assets)


KINDS: dict[str, Callable[[int, Path], dict[str, Array]]] = {
    "pathtraced": pathtraced,
    "cutouts": cutouts,
    "raycast": raycast,
}


def _work(worker: int, workers: int, kind: str, count: int, cache: Path, variant: str) -> None:
    if kind != "raycast":
        import pathtrace

        pathtrace.start(variant)
    for number in range(worker, count, workers):
        path = cache / kind / f"{number:05d}.npz"
        if path.exists():
            continue
        begin = time.perf_counter()
        try:
            arrays = KINDS[kind](number, cache / "assets")
        except Exception as error:  # one odd scene must not end a run of an hour
            print(f"{kind} {number}: {error!r}", flush=True)
            continue
        write(path, **arrays)
        each = (time.perf_counter() - begin) / max(1, len(next(iter(arrays.values()))))
        print(f"{kind} {number}: {len(next(iter(arrays.values())))} views, {each:.2f} s each", flush=True)


def render(kind: str, count: int, cache: Path, workers: int = 2, variant: str = "llvm_ad_rgb") -> None:
    """Make the shards 0 ... count - 1 of a kind that are not there yet, in processes of one thread."""
    (cache / kind).mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_work, args=(k, workers, kind, count, cache, variant)) for k in range(workers)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise RuntimeError(f"rendering failed; finished shards are in {cache / kind}, start again to go on")

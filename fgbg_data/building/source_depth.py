"""Depth of the sources, from which depth is composed. Files beside the shards hold it while a build runs."""

import errno
import functools
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fgbg_data.building.estimating import check_depth, estimate
from fgbg_data.compositing.compose import Composite, paste
from fgbg_data.compositing.composed_depth import NEUTRAL, neutral_box, relief_of
from fgbg_data.compositing.resize import resize_premultiplied
from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.dataset.file_names import SOURCE_DEPTH
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.key import Kind
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import LACKING
from fgbg_data.runtime.locks import claim, claimant_is_dead
from fgbg_data.sample import Array

KEPT = 128
"""Number of files that one reader keeps mapped."""
CLAIMED_S = 120.0
"""Seconds to wait for a batch that another process has claimed, before it is estimated here too."""


class SourceDepth:
    """Reads the files that `estimate_sources` wrote, by memory maps that all workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = functools.lru_cache(KEPT)(self._map)

    def background(self, name: str) -> Array:
        """Return (H, W) float32, the inverse depth of a background on the canvas, in the unit of the estimator."""
        return self._open("background", name)

    def relief(self, name: str) -> Array:
        """Return (h, w) float32 in [0, 1], the relief of a foreground; see `composed_depth.relief_of`."""
        return self._open("foreground", name)

    def _map(self, kind: Kind, name: str) -> Array:
        path = _path(self._folder, kind, name)
        found: Array
        try:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError as error:
            if error.errno not in LACKING | {errno.ENODEV}:
                raise
            found = np.load(path, allow_pickle=False)  # its file system cannot map files
        return found


def folder_of(out: Path, fingerprint: str) -> Path:
    """Return where a build keeps the depth of its sources until it is finished."""
    return out / SOURCE_DEPTH / fingerprint


def clear(out: Path) -> None:
    """Remove the depth of sources that this build, or an earlier one in this folder, has left."""
    shutil.rmtree(out / SOURCE_DEPTH, ignore_errors=True)


def num_calls(batch_size: int, backgrounds: int, foregrounds: int) -> int:
    """Return how often the estimator is called."""
    return -(-backgrounds // batch_size) + -(-foregrounds // batch_size)


def estimate_sources(
    folder: Path,
    cache: SourceCache,
    estimator: DepthEstimator,
    backgrounds: Sequence[str],
    foregrounds: Sequence[str],
    report: Callable[[int], None] = lambda done: None,
    *,
    shared_from: float | None = None,
) -> None:
    """Ask an estimator about every source, and write its answers. Answers of an earlier run are kept.

    Batches are cut at fixed positions in the given order, backgrounds first, and a short batch is filled with its last
    picture. The last digits of depth depend on the batch, so this makes them independent of the number of workers and
    of the sample at which a build was killed.

    Args:
        folder: where the files are written.
        cache: the decoded pictures.
        estimator: is called `num_calls` times.
        backgrounds: ids of the backgrounds.
        foregrounds: ids of the foregrounds.
        report: called with the number of sources that are finished.
        shared_from: share of the batches after which to begin, in [0, 1), if other processes do the same work at the
            same time: each makes the batches that nobody else has claimed, and waits for the others. None makes all.

    Raises:
        EstimatorError: a depth is not finite, or has another size than the picture; the source is named.
    """
    size = estimator.batch_size
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (("background", backgrounds), ("foreground", foregrounds))
    batches = [(kind, names[start : start + size]) for kind, names in kinds for start in range(0, len(names), size)]
    first = int((shared_from or 0) * len(batches))
    done, waiting = 0, []
    for number in (*range(first, len(batches)), *range(first)):
        kind, batch = batches[number]
        if not _is_finished(folder, kind, batch):
            if shared_from is not None and not claim(folder / f"batch-{number:06d}.claim"):
                waiting.append(number)
                continue
            _estimate_batch(folder, cache, estimator, kind, batch)
        done += len(batch)
        report(done)
    for number in waiting:
        kind, batch = batches[number]
        if not _finished_elsewhere(folder, number, kind, batch):
            _estimate_batch(folder, cache, estimator, kind, batch)
        done += len(batch)
        report(done)


def _is_finished(folder: Path, kind: Kind, names: Sequence[str]) -> bool:
    return all(_path(folder, kind, name).is_file() for name in names)


def _finished_elsewhere(folder: Path, number: int, kind: Kind, names: Sequence[str]) -> bool:
    """Wait until another process has finished a batch that it claimed; return False if it has ended, or is too slow.

    To estimate a batch twice costs time only, because both write the same bytes.
    """
    until = time.monotonic() + CLAIMED_S
    while time.monotonic() < until and not claimant_is_dead(folder / f"batch-{number:06d}.claim"):
        if _is_finished(folder, kind, names):
            return True
        time.sleep(0.2)
    return _is_finished(folder, kind, names)


def _estimate_batch(
    folder: Path, cache: SourceCache, estimator: DepthEstimator, kind: Kind, names: Sequence[str]
) -> None:
    if kind == "background":
        images = [cache.background(name) for name in names]
    else:
        shown = {name: _on_neutral(cache, name) for name in names}
        images = [composite.image for composite, _, _ in shown.values()]
    depths = estimate(estimator, images, estimator.batch_size)
    for name, image, depth in zip(names, images, depths, strict=True):
        check_depth(depth, image, estimator, f"{kind} {name}")
        if kind == "foreground":
            composite, rows, columns = shown[name]
            depth = relief_of(depth[rows, columns], composite.mask[rows, columns])
        path = _path(folder, kind, name)
        with write_whole(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, depth.astype(np.float32, copy=False), allow_pickle=False)


def _on_neutral(cache: SourceCache, name: str) -> tuple[Composite, slice, slice]:
    """Return a cut-out alone on an empty canvas, and its rows and columns there."""
    cutout, canvas = cache.foreground(name), cache.canvas
    top, left, height, width = neutral_box(cutout[0].shape[0], cutout[0].shape[1], canvas)
    empty = np.full((*canvas, 3), NEUTRAL, np.uint8)
    composite = paste(empty, resize_premultiplied(cutout, height, width), top=top, left=left)
    return composite, slice(top, top + height), slice(left, left + width)


def _path(folder: Path, kind: Kind, name: str) -> Path:
    return folder / kind / f"{name}.npy"

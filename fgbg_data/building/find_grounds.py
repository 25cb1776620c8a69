"""The grounds of backgrounds are found: an estimator sees each background once, then geometry decides."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fgbg_data.building.estimating import check_depth, estimate
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.ground.ground import Ground, find_ground
from fgbg_data.ground.notes import GroundNote
from fgbg_data.ground.plane import LEVELS
from fgbg_data.sample import Array


class Background(NamedTuple):
    """A background whose ground is looked for."""

    name: str
    """Its id or its file, for errors."""
    image: Array
    """(H, W, 3) uint8 RGB, of the size of the canvas."""
    size: tuple[int, int]
    """(height, width) of the picture that it was made of, in pixels."""
    note: GroundNote
    """What the user knows about its ground."""


class Found(NamedTuple):
    """What was found in a background."""

    codes: Array
    """(H, W) uint16 quantised inverse depth, 0 to LEVELS, larger is nearer."""
    ground: Ground | str
    """Its ground, or the reason why it has none."""


def find_grounds(
    estimator: DepthEstimator,
    count: int,
    load: Callable[[int], Background],
    *,
    fit: str,
    report: Callable[[int], None] = lambda done: None,
) -> Iterator[Found]:
    """Yield the ground of each background, in order.

    Batches are cut at fixed positions, and the last one is filled up, because the last digits of depth depend on the
    batch. The depth is quantised before it decides anything.

    Args:
        estimator: sees each background once.
        count: number of backgrounds.
        load: number of a background -> the background; all are of one size.
        fit: how pictures were made to fill the canvas, `cover` or `stretch`; a known horizon is moved with them.
        report: called with the number of backgrounds that are finished.

    Raises:
        EstimatorError: a depth is not finite, or has another size than the picture; the background is named.
    """
    metric = estimator.identity().get("output") == "metric"
    for start in range(0, count, estimator.batch_size):
        batch = [load(number) for number in range(start, min(start + estimator.batch_size, count))]
        images = [background.image for background in batch]
        depths = estimate(estimator, images, estimator.batch_size, smooth=True)
        for done, (background, depth) in enumerate(zip(batch, depths, strict=True), start + 1):
            check_depth(depth, background.image, estimator, f"background {background.name}")
            codes, zero = _quantise(depth)
            yield Found(codes, _find(background, codes, zero if metric else None, fit))
            report(done)


def _quantise(depth: Array) -> tuple[Array, float]:
    """Return depth as codes over its own range, (H, W) uint16, and the code that an inverse depth of 0 would have."""
    low, high = float(depth.min()), float(depth.max())
    if high <= low:
        return np.zeros(depth.shape, np.uint16), 0.0
    codes = np.rint((depth.astype(np.float64) - low) * (LEVELS / (high - low))).astype(np.uint16)
    return codes, -low * LEVELS / (high - low)


def _find(background: Background, codes: Array, zero: float | None, fit: str) -> Ground | str:
    if not background.note.has_ground:
        return "ground.csv says that it has none"
    horizon = background.note.horizon
    if horizon is not None:
        horizon = _on_canvas(horizon, background.size, codes.shape, fit)
    return find_ground(codes, background.image, zero=zero, horizon=horizon)


def _on_canvas(share: float, size: Sequence[int], canvas: Sequence[int], fit: str) -> float:
    """Return the row on the canvas of a row of the picture, which is given as a share of its height."""
    scale = canvas[0] / size[0] if fit == "stretch" else max(canvas[0] / size[0], canvas[1] / size[1])
    return share * size[0] * scale - (size[0] * scale - canvas[0]) / 2

"""How good a depth map is: it is aligned to the known depth of a picture, and compared where that counts.

Sources: Eigen, Puhrsch, Fergus 2014 for DELTA1 to 3 (strictly less), ABS_REL, RMSE and the scale-invariant error; the
depth benchmark of KITTI (Uhrig et al. 2017) for its root times 100, SILog; Ranftl et al. 2022 for the alignment of
inverse depth by least squares; Zhou et al. 2017 for the alignment by the median; Chen et al. 2016, "Single-Image Depth
Perception in the Wild", for the order of pairs.
"""

import numpy as np

from fgbg_data.exam.protocol import CROPS, DEFAULT, Align, ExamProtocol
from fgbg_data.sample import Array

DEPTH_SCORES = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "silog", "order")
"""Names of the scores of a depth map, in the order of tables. All but `abs_rel`, `rmse` and `silog` are better if they
are higher."""

LEAST_PIXELS = 500
"""Depth in which fewer pixels count is left out."""
PAIRS = 20_000
"""Pairs of pixels that are drawn for the order of a picture."""
PAIR_RATIO = 1.1
"""Depths of a pair that counts differ by more than this factor."""


def depth_scores(prediction: Array, depth: Array, protocol: ExamProtocol = DEFAULT) -> dict[str, float]:
    """Score a depth map of one picture.

    >>> depth = np.linspace(1, 9, 1200, dtype=np.float32).reshape(30, 40)
    >>> found = depth_scores(7 / depth - 3, depth)
    >>> found["delta1"], round(found["abs_rel"], 3), found["order"]
    (1.0, 0.0, 1.0)

    Args:
        prediction: (h, w) finite relative inverse depth, larger is nearer, of any size; resized linearly.
        depth: (H, W) float32 known depth, larger is farther, 0 where it is not known.
        protocol: alignment, cap and crop.

    Returns:
        `delta1` to `delta3`: share of pixels whose depth is right within a factor of 1.25, 1.25^2, 1.25^3.
        `abs_rel`: mean of abs(predicted - known) / known depth.
        `rmse`: root of the mean squared error of depth, in its unit; left out for disparity, which has no known unit.
        `silog`: 100 times the standard deviation of the logarithm of predicted / known depth.
        `order`: share of pairs of pixels, whose depths differ by more than 10 %, that are put in the right order; left
        out if no pair differs so much. It needs no alignment.
        Nothing at all if fewer than `LEAST_PIXELS` pixels count.
    """
    counts = counting_pixels(depth, protocol)
    if counts is None:
        return {}
    raw = resized(prediction, depth.shape)[counts].astype(np.float64)
    truth = 1 / depth[counts].astype(np.float64)
    unit = float(truth.max())
    truth /= unit
    fitted = aligned(raw / (unit if protocol.align == "none" else 1.0), truth, protocol.align)
    ratio = np.maximum(fitted / truth, truth / fitted)
    logs = np.log(truth / fitted)
    found = {f"delta{k}": float((ratio < 1.25**k).mean()) for k in (1, 2, 3)}
    found["abs_rel"] = float(np.abs(truth / fitted - 1).mean())
    if protocol.depth_kind != "disparity":
        found["rmse"] = float(np.sqrt(np.square((1 / fitted - 1 / truth) / unit).mean()))
    found["silog"] = float(100 * np.std(logs))
    order = pair_order(raw, truth)
    return found if order is None else {**found, "order": order}


def counting_pixels(depth: Array, protocol: ExamProtocol) -> Array | None:
    """Return where depth counts, as (H, W) bool: known, inside the crop, and below the cap.

    It is None if fewer than `LEAST_PIXELS` pixels count.
    """
    height, width = depth.shape
    top, bottom, left, right = CROPS[protocol.crop]
    counts = np.zeros(depth.shape, bool)
    inside = slice(int(top * height), int(bottom * height)), slice(int(left * width), int(right * width))
    counts[inside] = depth[inside] > 0
    if counts.sum() < LEAST_PIXELS:
        return None
    if protocol.cap_percentile is not None:
        counts &= depth < np.percentile(depth[counts], protocol.cap_percentile)
    elif protocol.cap_depth is not None:
        counts &= depth < protocol.cap_depth
    return counts if counts.sum() >= LEAST_PIXELS else None


def aligned(raw: Array, truth: Array, align: Align) -> Array:
    """Fit a predicted inverse depth to the known one, and limit it.

    The limits are half of the smallest and 1.5 times the largest true inverse depth, so that depth stays finite. A
    prediction that falls where the truth rises gets the best constant instead of a negative scale.

    Args:
        raw: (n,) predicted inverse depth.
        truth: (n,) known inverse depth, above 0.
        align: `affine-inverse` fits a scale and a shift by least squares, `median` a scale by the medians, and `none`
            only limits.

    Returns:
        (n,) float64, above 0.
    """
    if align == "affine-inverse":
        p, t = raw - raw.mean(), truth - truth.mean()
        scale = max(float((p * t).sum()) / max(float((p * p).sum()), 1e-12), 0.0)
        fitted = scale * p + truth.mean()
    elif align == "median":
        middle = float(np.median(raw))
        target = float(np.median(truth))
        fitted = raw * (target / middle) if middle > 0 else np.full_like(truth, target)
    else:
        fitted = raw
    limited: Array = np.clip(fitted, truth.min() / 2, 1.5 * truth.max())
    return limited


def pair_order(raw: Array, truth: Array) -> float | None:
    """Return the share of pairs of pixels that are put in the right order, or None if no pair differs enough.

    The pairs are drawn from a fixed seed, so that they are the same for every predictor.
    """
    one, two = np.random.default_rng(0).integers(0, len(truth), (2, PAIRS))
    differ = np.maximum(truth[one] / truth[two], truth[two] / truth[one]) > PAIR_RATIO
    if not differ.any():
        return None
    right = ((raw[one] > raw[two]) == (truth[one] > truth[two]))[differ]
    return float(right.mean())


def resized(prediction: Array, shape: tuple[int, ...]) -> Array:
    """Return a depth map in another size, linearly."""
    if prediction.shape == shape:
        return prediction
    import cv2

    return cv2.resize(prediction.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)

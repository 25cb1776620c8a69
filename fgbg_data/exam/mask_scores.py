"""How good a mask is: overlap, outline, and what is found where there is nothing."""

import math

import numpy as np

from fgbg_data.sample import Array

MASK_SCORES = ("mask_iou", "mask_iou_img", "boundary_f", "false_area")
"""Names of the scores of masks, in the order of tables. All but `false_area` are better if they are higher."""

BOUNDARY_TOLERANCE = 0.008
"""Largest distance between two outlines that match, as a share of the diagonal of the picture."""


def mask_scores(predicted: Array, truth: Array) -> dict[str, float]:
    """Score the mask of one picture.

    >>> truth = np.zeros((20, 20), bool)
    >>> truth[5:15, 5:15] = True
    >>> mask_scores(truth, truth)
    {'both_px': 100, 'either_px': 100, 'mask_iou_img': 1.0, 'boundary_f': 1.0}
    >>> mask_scores(truth, np.zeros((20, 20), bool))
    {'both_px': 0, 'either_px': 100, 'false_area': 0.25}

    Args:
        predicted: (H, W) bool.
        truth: (H, W) bool, True on an object.

    Returns:
        `both_px` and `either_px`: pixels of intersection and union. With an object, `mask_iou_img` and `boundary_f`;
        without one, `false_area`: the share of the picture that is wrongly taken for an object.
    """
    both, either = int((predicted & truth).sum()), int((predicted | truth).sum())
    pixels: dict[str, float] = {"both_px": both, "either_px": either}
    if not truth.any():
        return {**pixels, "false_area": float(predicted.mean())}
    return {**pixels, "mask_iou_img": both / either, "boundary_f": boundary_f(predicted, truth)}


def boundary_f(predicted: Array, truth: Array) -> float:
    """Return the F-score of the outline of a mask.

    Precision is the share of the predicted outline that lies within the tolerance of the true one, recall the share of
    the true outline that lies within the tolerance of the predicted one, and F their harmonic mean. The tolerance is
    0.8 % of the diagonal of the picture, rounded up to whole pixels. Where a mask meets the frame of the picture it has
    no outline. Two masks without any outline match; an outline matches nothing if the other mask has none.

    Source: Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation" (DAVIS),
    with its tolerance, after Martin, Fowlkes, Malik 2004. DAVIS widens outlines by a disc; here distances are measured.

    Args:
        predicted: (H, W) bool.
        truth: (H, W) bool.
    """
    lines = outline(predicted), outline(truth)
    if not lines[0].any() or not lines[1].any():
        return float(lines[0].any() == lines[1].any())
    tolerance = math.ceil(BOUNDARY_TOLERANCE * math.hypot(*truth.shape))
    precision = float((_distance_to(lines[1])[lines[0]] <= tolerance).mean())
    recall = float((_distance_to(lines[0])[lines[1]] <= tolerance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: Array) -> Array:
    """Return where a mask changes to the right, below, or diagonally below: (H, W) bool."""
    line = np.zeros(mask.shape, bool)
    line[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    line[:-1] |= mask[:-1] != mask[1:]
    line[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return line


def _distance_to(line: Array) -> Array:
    """Return the distance of each pixel to the nearest pixel of a line, in pixels: (H, W) float32."""
    import cv2

    return cv2.distanceTransform((~line).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def centred_ellipse(size: tuple[int, int]) -> Array:
    """Return a baseline that needs no model: an ellipse of 0.7 x 0.6 of a picture, as (H, W) bool."""
    height, width = size
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    inside: Array = (y[:, None] / 0.7) ** 2 + (x[None, :] / 0.6) ** 2 <= 1
    return inside

"""How much the depth changes at the edge of the mask: near zero where an estimator did not see the foreground."""

import numpy as np

from fgbg_data.sample import Array

_BAND = 0.02
"""Width of the band on each side of the edge, as a share of the longer side of the picture."""


def depth_edge_contrast(depth: Array, mask: Array) -> float:
    """Return the median depth just inside the edge of the mask, minus that just outside it.

    Args:
        depth: (H, W), larger is nearer: uint16 codes, which stand for [0, 1], or floating point, which is scaled to
            [0, 1] by its own range.
        mask: (H, W) uint8; values of 128 and more are the foreground.

    Returns:
        A number in [-1, 1], above 0 where the foreground is nearer than what surrounds it; NaN if the mask is empty or
        fills the picture.
    """
    import cv2

    inside = (mask >= 128).astype(np.uint8)
    band = np.ones((3, 3), np.uint8)
    times = max(1, round(_BAND * max(mask.shape)))
    inner = inside - cv2.erode(inside, band, iterations=times, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    outer = cv2.dilate(inside, band, iterations=times) - inside
    if not inner.any() or not outer.any():
        return float("nan")
    low, high = (0.0, 65535.0) if depth.dtype == np.uint16 else (float(depth.min()), float(depth.max()))
    difference = float(np.median(depth[inner > 0])) - float(np.median(depth[outer > 0]))
    return difference / max(high - low, 1e-12)

"""Enlarging a depth map so that its edges lie where those of the picture are: the fast guided filter."""

import cv2
import numpy as np

from fgbg_data.depth.preprocess import resize
from fgbg_data.sample import Array

RADIUS = 2
"""Half the side of the windows, in pixels of the map of coefficients."""
STRIDE = 2
"""Pixels of the depth map for one pixel of the map of coefficients."""
EPSILON = 1e-4
"""Variance of colour, of values in [0, 1], below which a window counts as flat and gets its mean depth."""


def enlarge(depth: Array, image: Array) -> Array:
    """Resize a depth map to the size of its picture, whose edges it takes over.

    In every small window, depth is taken to be a linear function of colour. Its coefficients are fitted on a small map,
    averaged over the windows that hold a pixel, and applied to the picture at full size.

    Source: He, Sun & Tang, "Guided Image Filtering", TPAMI 2013, equations 19-21; He & Sun, "Fast Guided Filter",
    arXiv:1505.00996.

    Args:
        depth: (h, w) float32, blurred at edges; at least STRIDE pixels high and wide.
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float32.
    """
    small = resize(depth, (depth.shape[0] // STRIDE, depth.shape[1] // STRIDE))
    colours = resize(image, small.shape).astype(np.float32) * np.float32(1 / 255)
    coefficients = resize(_coefficients(small, colours), image.shape[:2], "linear")
    *slopes, total = cv2.split(coefficients)
    for slope, channel in zip(slopes, cv2.split(image.astype(np.float32) * np.float32(1 / 255)), strict=True):
        total = total + slope * channel
    return total


def _coefficients(depth: Array, colours: Array) -> Array:
    """Return (h, w, 4) float32: by how much depth grows with red, green and blue around each pixel, and an offset."""
    r, g, b = cv2.split(colours)
    mean_r, mean_g, mean_b, mean_d = (_mean(x) for x in (r, g, b, depth))

    def covariance(x: Array, y: Array, mean_x: Array, mean_y: Array) -> Array:
        found: Array = _mean(x * y) - mean_x * mean_y
        return found

    rr = covariance(r, r, mean_r, mean_r) + np.float32(EPSILON)
    gg = covariance(g, g, mean_g, mean_g) + np.float32(EPSILON)
    bb = covariance(b, b, mean_b, mean_b) + np.float32(EPSILON)
    rg, rb = covariance(r, g, mean_r, mean_g), covariance(r, b, mean_r, mean_b)
    gb = covariance(g, b, mean_g, mean_b)
    rd, gd, bd = (covariance(x, depth, mean, mean_d) for x, mean in ((r, mean_r), (g, mean_g), (b, mean_b)))
    # Cramer's rule for each pixel: numpy would solve the systems one by one.
    m_rr, m_rg, m_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    m_gg, m_gb, m_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * m_rr + rg * m_rg + rb * m_rb)
    slope_r = (m_rr * rd + m_rg * gd + m_rb * bd) * scale
    slope_g = (m_rg * rd + m_gg * gd + m_gb * bd) * scale
    slope_b = (m_rb * rd + m_gb * gd + m_bb * bd) * scale
    offset = mean_d - slope_r * mean_r - slope_g * mean_g - slope_b * mean_b
    merged: Array = cv2.merge([_mean(x) for x in (slope_r, slope_g, slope_b, offset)])
    return merged


def _mean(x: Array) -> Array:
    """Return the mean of (h, w) over the window around each pixel."""
    side = 2 * RADIUS + 1
    return cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT)

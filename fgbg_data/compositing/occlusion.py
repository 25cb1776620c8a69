"""Occlusion: what is nearer in a background hides an object that stands behind it."""

import numpy as np

from fgbg_data.compositing.stage import NEARNESS_BITS
from fgbg_data.ground.plane import BITS, LEVELS, tolerance
from fgbg_data.sample import Array

STEP = 20
"""An edge of depth is a step of at least this many codes of `NEARNESS_BITS` bits within EDGE_PX pixels."""
EDGE_PX = 5
"""Side of the square in which an edge of depth is looked for, in pixels."""
CUT = (1, 2)
"""At least this share of the line along which an object is cut must be an edge of depth."""
SMALLEST_PX = 12
"""Patches of fewer pixels than this are noise, and hide nothing."""


def hidden_by(nearness: Array, code: int, area: Array) -> Array | None:
    """Return where a background hides an object: (H, W) bool; None if it hides nothing.

    A patch of nearer pixels hides the object only if its outline, inside the object, runs along edges of depth: along
    a smooth slope of depth, such as a wall that runs past the object, nothing says where to cut.

    Args:
        nearness: (H, W) uint8 inverse depth of the background; larger is nearer.
        code: inverse depth at which the object stands, of `ground.plane.BITS` bits.
        area: (H, W) bool: the object.
    """
    import cv2

    margin = 2 * int(tolerance(np.array(min(code, LEVELS))))
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if not len(rows):
        return None
    pad = EDGE_PX
    window = (
        slice(max(0, int(rows[0]) - pad), int(rows[-1]) + pad + 1),
        slice(max(0, int(columns[0]) - pad), int(columns[-1]) + pad + 1),
    )
    near = nearness[window]
    nearer = near.astype(np.int32) << (BITS - NEARNESS_BITS) > code + margin
    inside = area[window]
    if not (nearer & inside).any():
        return None
    square = np.ones((EDGE_PX, EDGE_PX), np.uint8)
    edge = cv2.dilate(near, square).astype(np.int32) - cv2.erode(near, square) >= STEP
    count, patches = cv2.connectedComponents(nearer.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    # The line along which the object is cut: the rim of a patch, where it lies inside the object.
    line_px = _rim(nearer) & inside
    line = np.bincount(patches[line_px], minlength=count)
    sharp = np.bincount(patches[line_px & edge], minlength=count)
    size = np.bincount(patches[nearer & inside], minlength=count)
    cuts = (sharp * CUT[1] >= line * CUT[0]) & (line > 0) & (size >= SMALLEST_PX)
    cuts[0] = False
    if not cuts.any():
        return None
    hidden = np.zeros(area.shape, bool)
    hidden[window] = cuts[patches]
    return hidden


def sharpen(codes: Array, image: Array) -> Array:
    """Return quantised inverse depth whose edges follow those of the picture, (H, W) integers.

    Near an edge of depth, each pixel takes the farther or the nearer depth of its surroundings, whichever side its
    colour is more like. So an edge that an estimator has blurred becomes a step. Elsewhere, nothing changes.

    Args:
        codes: (H, W) integers of `ground.plane.BITS` bits.
        image: (H, W, 3) uint8 RGB.
    """
    import cv2

    side = max(5, max(codes.shape) // 25 | 1)
    square = np.ones((side, side), np.uint8)
    depth = codes.astype(np.uint16)
    near, far = cv2.dilate(depth, square), cv2.erode(depth, square)
    step = near.astype(np.int32) - far >= LEVELS * 8 // 100
    is_near = depth.astype(np.int32) * 2 >= near.astype(np.int32) + far
    votes = []
    for seed in (is_near & ~_rim(is_near), ~is_near & ~_rim(~is_near)):
        weight = seed.astype(np.float64)
        window = (2 * side + 1, 2 * side + 1)
        count = cv2.boxFilter(weight, cv2.CV_64F, window, normalize=False)
        total = cv2.boxFilter(image * weight[..., None], cv2.CV_64F, window, normalize=False)
        mean = np.asarray(total) / np.maximum(count, 1)[..., None]
        away = ((image - mean) ** 2).sum(-1)
        votes.append(np.where(count > 0, away, np.inf))
    sure = np.abs(votes[0] - votes[1]) > 300  # else the colours of both sides are alike
    takes_near = np.where(sure, votes[0] < votes[1], is_near)
    takes_near = cv2.medianBlur(takes_near.astype(np.uint8), 5) > 0
    return np.where(step, np.where(takes_near, near, far), depth).astype(codes.dtype)


def _rim(area: Array) -> Array:
    """Return the pixels of an area that touch its outside."""
    import cv2

    return np.asarray(area & (cv2.erode(area.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0))

"""Masks as polygons: one closed polygon for all parts of a mask, as detectors read it, and how exact it is."""

import numpy as np

from fgbg_data.sample import Array


def mask_polygon(mask: Array) -> Array | None:
    """Return one closed polygon that covers a mask; filled again by `fill_polygon`, it is nearly the same mask.

    A polygon of YOLO is a single ring. So a hole is joined to the outline around it, and a part to the other parts, by
    a bridge: a line that the ring follows there and back. A bridge to a hole runs through the mask and costs nothing.
    A bridge between two parts adds a line of pixels between them. A part that has fewer pixels than the bridge to it
    is left out, because that is nearer to the mask.

    Args:
        mask: (H, W) uint8, 0 where nothing is.

    Returns:
        (N, 2) int32 of x and y, the indices of pixels, N >= 3; None if the mask is empty.

    >>> mask = np.zeros((6, 8), np.uint8)
    >>> mask[1:4, 2:7] = 255
    >>> mask_polygon(mask).tolist()
    [[2, 1], [2, 3], [6, 3], [6, 1]]
    """
    import cv2

    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    rings = [contour[:, 0] for contour in contours]
    parents = hierarchy[0, :, 3]
    parts = []
    for number in np.flatnonzero(parents < 0):
        holes = [rings[hole] for hole in np.flatnonzero(parents == number)]
        ring = _join(rings[number], holes)
        parts.append((np.count_nonzero(fill_polygon(ring, mask.shape)), ring))
    parts.sort(key=lambda part: -part[0])
    polygon = parts[0][1]
    left = parts[1:]
    while left:  # the part whose bridge costs least comes next, because later bridges may start from it
        bridges = [_bridge(polygon, ring) for _, ring in left]
        nearest = int(np.argmin([length for length, _, _ in bridges]))
        length, start, end = bridges[nearest]
        area, ring = left.pop(nearest)
        if area >= length:
            polygon = _insert(polygon, ring, start, end)
    return polygon if len(polygon) >= 3 else np.concatenate([polygon] * 3)[:3]


def fill_polygon(polygon: Array, shape: tuple[int, int]) -> Array:
    """Return the mask that a polygon covers, as a reader of YOLO fills it: (H, W) uint8, 0 or 255.

    Args:
        polygon: (N, 2) int32 of x and y.
        shape: (H, W) of the mask.
    """
    import cv2

    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [polygon], 255)
    return mask


def mask_iou(first: Array, second: Array) -> float:
    """Return the intersection over union of two masks, in [0, 1]; 1 if both are empty.

    >>> mask_iou(np.array([[255, 255]], np.uint8), np.array([[0, 255]], np.uint8))
    0.5
    """
    union = np.count_nonzero(first | second)
    return float(np.count_nonzero(first & second) / union) if union else 1.0


def _join(outline: Array, holes: list[Array]) -> Array:
    """Return one ring of an outline and the holes in it, the nearest hole first, so that no bridge crosses another."""
    ring, left = outline, list(holes)
    while left:
        bridges = [_bridge(ring, hole) for hole in left]
        nearest = int(np.argmin([length for length, _, _ in bridges]))
        _, start, end = bridges[nearest]
        ring = _insert(ring, left.pop(nearest), start, end)
    return ring


def _bridge(ring: Array, other: Array) -> tuple[float, int, int]:
    """Return the length in pixels of the shortest bridge between two rings, and the points that it joins."""
    best = (np.inf, 0, 0)
    for first in range(0, len(ring), 1024):  # in pieces, so that long outlines do not need a table of all pairs
        steps = np.abs(ring[first : first + 1024, None] - other[None]).max(axis=2)
        start, end = np.unravel_index(int(np.argmin(steps)), steps.shape)
        if steps[start, end] < best[0]:
            best = (float(steps[start, end]), first + int(start), int(end))
    return best


def _insert(ring: Array, other: Array, start: int, end: int) -> Array:
    """Return a ring that goes from its point `start` to the point `end` of another, around it, and back."""
    around = np.concatenate([other[end:], other[: end + 1]])
    return np.concatenate([ring[: start + 1], around, ring[start:]])

"""The box around a mask."""

from fgbg_data.sample import Array


def tight_box(mask: Array) -> list[int]:
    """Return the smallest box around the mask, [left, top, width, height] in pixels, as COCO writes boxes.

    >>> import numpy as np
    >>> mask = np.zeros((48, 64), np.uint8)
    >>> mask[10:13, 20:25] = 255
    >>> tight_box(mask)
    [20, 10, 5, 3]

    Args:
        mask: (H, W) uint8, 0 outside. An empty mask has the box [0, 0, 0, 0].
    """
    import cv2

    return list(cv2.boundingRect(mask))

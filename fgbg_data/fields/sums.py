"""Sums over the pixels of one sample: whole numbers, so that they are exact in whatever order they are added."""

from typing import NamedTuple

import numpy as np

from fgbg_data.sample import Array


class PixelSums(NamedTuple):
    """Sums over the pixels of one field."""

    top: int
    """The value that counts as 1.0 in mean and standard deviation."""
    values: int
    """Number of pixels."""
    total: list[int]
    """Sum of the values of each channel."""
    squares: list[int]
    """Sum of the squares of the values of each channel."""


def sum_values(array: Array, depth_bits: int) -> PixelSums | None:
    """Return the sums of unsigned integers, (H, W) or (H, W, C), on a scale up to their largest value.

    Other types have no sums, because those of floating point numbers depend on the order.
    """
    if array.dtype.kind != "u" or array.itemsize > 2:
        return None
    channels = array.reshape(-1, array.shape[2] if array.ndim == 3 else 1).astype(np.uint64)
    totals, squares = channels.sum(0), (channels * channels).sum(0)
    return PixelSums(np.iinfo(array.dtype).max, len(channels), totals.tolist(), squares.tolist())


def sum_image(image: Array, depth_bits: int) -> PixelSums:
    """Return the sums of (H, W, 3) uint8. OpenCV gives them as float64, which is exact for any picture."""
    import cv2

    planes = cv2.split(image)
    total = [round(cv2.sumElems(plane)[0]) for plane in planes]
    squares = [round(cv2.norm(plane, cv2.NORM_L2SQR)) for plane in planes]
    return PixelSums(255, image.shape[0] * image.shape[1], total, squares)


def sum_mask(mask: Array, depth_bits: int) -> PixelSums:
    """Return the sums of (H, W) uint8 of 0 and 255."""
    area = int(np.count_nonzero(mask))
    return PixelSums(255, mask.size, [255 * area], [255 * 255 * area])


def sum_depth(codes: Array, depth_bits: int) -> PixelSums:
    """Return the sums of (h, w) uint16 depth codes, each counted as one of 2**bits levels."""
    levels = (codes >> np.uint16(16 - depth_bits)).astype(np.uint64)
    squares = int((levels * levels).sum())
    return PixelSums(2**depth_bits - 1, levels.size, [int(levels.sum())], [squares])


def no_sums(array: Array, depth_bits: int) -> None:
    """Return no sums, for ids and bits, whose mean says nothing."""

"""Pictures before a network, and depth after it: checks, sizes, padding."""

import cv2
import numpy as np

from fgbg_data.errors import EstimatorError
from fgbg_data.sample import Array

INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def check_images(name: str, images: Array) -> None:
    """Raise an EstimatorError unless `images` is (N, H, W, 3) uint8 with at least one pixel each."""
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape[1:]:
        raise EstimatorError(f"expected (N, H, W, 3) uint8, got {images.shape} {images.dtype}", where=name)


def check_batch_size(name: str, batch_size: int) -> None:
    """Raise an EstimatorError unless at least one picture goes into a call."""
    if batch_size < 1:
        raise EstimatorError(f"batch_size must be at least 1, got {batch_size}", where=name)


def resize(image: Array, size: tuple[int, int], how: str = "area") -> Array:
    """Resize (h, w) or (h, w, 3) to size = (height, width); `area` is bilinear if the picture grows."""
    if image.shape[:2] == size:
        return image
    growing = size[0] * size[1] >= image.shape[0] * image.shape[1]
    way = "linear" if how == "area" and growing else how
    return cv2.resize(image, (size[1], size[0]), interpolation=INTERPOLATIONS[way])


def pad_to_multiple(images: Array, multiple: int) -> Array:
    """Repeat the last row and column of (N, H, W, 3) until both sides are multiples of `multiple`.

    >>> pad_to_multiple(np.zeros((1, 30, 65, 3)), 32).shape
    (1, 32, 96, 3)
    """
    _, height, width, _ = images.shape
    return np.pad(images, ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")


def unpad(depth: Array, padded: tuple[int, int], inner: tuple[int, int], size: tuple[int, int]) -> Array:
    """Cut the padding off depth, and resize it to the size of the picture.

    Args:
        depth: (h, w), depth of the padded picture at any size.
        padded: (height, width) of the padded picture.
        inner: (height, width) of the part without padding, which is at the upper left.
        size: (height, width) of the picture before it was resized to `inner`.
    """
    if padded != inner:
        depth = resize(depth, padded, "linear")[: inner[0], : inner[1]]
    return resize(depth, size, "linear")


def size_within(height: int, width: int, *, short_side: int | None, longest: int, multiple: int) -> tuple[int, int]:
    """Return the (height, width) at which a network sees a picture.

    With `short_side`, the shorter side gets that length, and both sides are rounded to multiples of `multiple`. If it
    is None, the picture keeps its size, because it is padded later. In both cases no side is longer than `longest`.

    >>> size_within(480, 640, short_side=224, longest=896, multiple=32)
    (224, 288)
    >>> size_within(480, 640, short_side=None, longest=1280, multiple=32)
    (480, 640)
    >>> size_within(3000, 4000, short_side=None, longest=1280, multiple=32)
    (960, 1280)
    """
    if short_side is None:
        scale = min(1.0, longest / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))
    scale = short_side / min(height, width)
    tall, wide = (max(1, round(side * scale / multiple)) * multiple for side in (height, width))
    return min(tall, longest), min(wide, longest)

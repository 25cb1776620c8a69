"""Pixels to another size: by area where they shrink, linearly where they grow."""

import numpy as np

from fgbg_data.sample import Array


def resize_image(image: Array, size: tuple[int, int]) -> Array:
    """Resize (H, W, 3) uint8 to (height, width).

    The picture is first divided by 8, 4 or 2 if that is exact and still large enough, as when a JPEG is decoded at a
    smaller scale. The rest, less than a factor of two, is resized bilinearly. That is faster than averaging areas, and
    on average it differs from that by less than 2 of 255 levels (tests/data/test_png.py).
    """
    if image.shape[:2] == size:
        return image
    import cv2

    for divisor in (8, 4, 2):
        height, width = image.shape[0] // divisor, image.shape[1] // divisor
        if height >= size[0] and width >= size[1] and image.shape[:2] == (height * divisor, width * divisor):
            return resize_scaled_image(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), size)
    return resize_by_area(image, size)


def resize_scaled_image(image: Array, size: tuple[int, int]) -> Array:
    """Resize an image that was already divided, or decoded at a smaller scale, to (height, width)."""
    if image.shape[:2] == size:
        return image
    if image.shape[0] < 2 * size[0] and image.shape[1] < 2 * size[1]:
        import cv2

        return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    return resize_by_area(image, size)


def resize_mask(mask: Array, size: tuple[int, int]) -> Array:
    """Resize (H, W) uint8 of 0 and 255 to (height, width), again of 0 and 255.

    The mask is averaged and then cut at one half, so that 255 keeps its meaning at any size: the foreground covers at
    least half of the pixel. The nearest value would lose what is thinner than a pixel, and shift edges.
    """
    if mask.shape == size:
        return mask
    return (mask_coverage(mask, size) >= 128) * np.uint8(255)


def mask_coverage(mask: Array, size: tuple[int, int]) -> Array:
    """Resize (H, W) uint8 of 0 and 255 to the share of each pixel that it covers: (h, w) uint8, 255 is all of it."""
    return mask if mask.shape == size else resize_by_area(mask, size)


def resize_by_area(array: Array, size: tuple[int, int]) -> Array:
    """Resize (H, W) or (H, W, 3) to (height, width): by area where it shrinks, linearly where it grows."""
    if array.shape[:2] == size:
        return array
    import cv2

    shrinks = size[0] <= array.shape[0] and size[1] <= array.shape[1]
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_ids(array: Array, size: tuple[int, int]) -> Array:
    """Resize (H, W) ids or bits to (height, width): each pixel takes the nearest value, as a mean of ids is no id."""
    if array.shape == size:
        return array
    import cv2

    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)

"""Sources at the sizes that composites need."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from fgbg_data.compositing.plan import box_size
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.sample import Array


def fit_background(picture: Image.Image, canvas: tuple[int, int], fit: str) -> Array:
    """Fit a background to the canvas: (H, W, 3) uint8 RGB.

    Pillow's resampling works in fixed-point integers, so every machine gives the same pixels.
    """
    height, width = canvas
    if fit == "cover":
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    else:
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def cutout_sizes(picture: Image.Image, config: BuildConfig) -> tuple[Array, ...]:
    """Return a cut-out of mode RGBA at the sizes from which its boxes are made, each (h, w, 4) uint8 premultiplied.

    The first is its own size, or twice its largest box where that is smaller: memory then depends on the canvas, not on
    the camera. Each other is half of the one before, down to the smallest box, so that a box is never less than half of
    the size that it is made from. Here, once a source, pixels are averaged, by a filter without negative lobes.
    """
    picture = picture.convert("RGBa")
    own = np.asarray(picture)
    if config.scale_range is None:
        return (own,)
    low, high = config.scale_range
    height, width = config.canvas
    scale = min(2 * high, max(picture.height / height, picture.width / width))
    sizes: list[Array] = []
    while not sizes or scale >= low:
        box = box_size(Source("", picture.height, picture.width), config.canvas, scale)
        same = box == (picture.height, picture.width)
        sizes.append(own if same else np.asarray(picture.resize(box[::-1], Image.Resampling.HAMMING)))
        scale /= 2
    return tuple(sizes)


def resize_premultiplied(sizes: Sequence[Array], height: int, width: int) -> Array:
    """Resize a cut-out to (height, width, 4) uint8, colour premultiplied by alpha.

    Premultiplied, so that the unseen colour of clear pixels makes no halo. Linear interpolation does not ring along the
    edge, and loses little where it shrinks by less than two. OpenCV's exact kind works in fixed-point integers, so that
    every machine gives the same pixels. At one of its sizes a cut-out keeps its pixels.

    Args:
        sizes: the same cut-out, (h, w, 4) uint8 premultiplied, from large to small; each half of the one before, as
            `pictures.cutout_sizes` makes them.
        height: wanted, in pixels.
        width: likewise.
    """
    import cv2

    fitting = (pixels for pixels in reversed(sizes) if pixels.shape[0] >= height and pixels.shape[1] >= width)
    nearest = next(fitting, sizes[0])
    if nearest.shape[:2] == (height, width):
        return nearest
    return cv2.resize(nearest, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)

"""Sources resized for composites: backgrounds to the canvas, cut-outs to the sizes of their boxes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from fgbg_data.compositing.plan import box_size
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.sample import Array

FARTHEST, NEAREST = 0.03, 1.2
"""Range of scales on the ground: objects far away are small."""


def fit_background(picture: Image.Image, canvas: tuple[int, int], fit: str) -> Array:
    """Return a background at the size of the canvas, as (H, W, 3) uint8 RGB.

    Pillow resamples in fixed-point integers, so every machine gives the same pixels.

    Args:
        picture: the background, of mode RGB.
        canvas: (height, width) in pixels.
        fit: `cover` fills the canvas and crops the rest, `stretch` distorts the picture.
    """
    height, width = canvas
    if fit == "cover":
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    else:
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def cutout_sizes(picture: Image.Image, config: BuildConfig) -> tuple[Array, ...]:
    """Return a cut-out at the sizes from which its boxes are resized, each (h, w, 4) uint8 premultiplied RGBA.

    The first size is that of the picture, but at most twice its largest box: memory then depends on the canvas and not
    on the camera. Each further size is half of the one before, down to the smallest box, so a box is never less than
    half as large as the size that it is made from. Averaging pixels is slow, so it happens here, once for each source,
    with a filter that has no negative lobes and so makes no halo.

    Args:
        picture: the cut-out, of mode RGBA.
        config: gives the canvas and the range of scales.
    """
    picture = picture.convert("RGBa")
    own = np.asarray(picture)
    if config.scale_range is None:
        return (own,)
    low, high = config.scale_range
    if config.place == "ground":  # the distance decides the size there, and not the scale
        low, high = min(low, FARTHEST), max(high, NEAREST)
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
    """Return a cut-out at one size, as (height, width, 4) uint8 RGBA with colours premultiplied by alpha.

    Colours are premultiplied so that the invisible colour of transparent pixels makes no halo. Linear interpolation
    makes no ringing along the edge, and it loses little detail when it shrinks by less than a factor of two. OpenCV's
    exact variant computes in fixed-point integers, so every machine gives the same pixels. At one of the given sizes,
    the pixels are returned unchanged.

    Args:
        sizes: the cut-out from large to small, as `cutout_sizes` returns it.
        height: wanted height in pixels.
        width: wanted width in pixels.
    """
    import cv2

    fitting = (pixels for pixels in reversed(sizes) if pixels.shape[0] >= height and pixels.shape[1] >= width)
    nearest = next(fitting, sizes[0])
    if nearest.shape[:2] == (height, width):
        return nearest
    return cv2.resize(nearest, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)

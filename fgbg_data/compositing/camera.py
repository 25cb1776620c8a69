"""The camera: blur, vignette, noise and JPEG of a whole picture.

They are the same for an object and its background, so that nothing but the content tells the two apart.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from fgbg_data.codecs.pictures import decode_pixels, encode_image
from fgbg_data.compositing.draws import scramble
from fgbg_data.compositing.integers import weigh
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Array
from fgbg_data.splits import draw

MAX_BLUR = 4
"""Largest weight of a neighbour in the blur, in 1/16: a standard deviation of 0.7 pixels."""
MAX_VIGNETTE = 96
"""Largest loss of light in the corners, in 1/255."""
MAX_NOISE = 128
"""Largest standard deviation of the noise, in 1/16 of a level."""
QUALITIES = (40, 95)
"""Lowest and highest quality of the JPEG."""
_TOSSES = 1024
"""The noise has the quantiles of the number of heads among this many tosses, whose standard deviation is 16."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What a camera does to one picture. The default does nothing."""

    blur: int = 0
    """Weight of each neighbour in the blur, in 1/16, 0 to 4: the standard deviation is sqrt(blur / 8) pixels."""
    vignette: int = 0
    """Loss of light in the corners, in 1/255."""
    noise: int = 0
    """Standard deviation of the noise, in 1/16 of a level."""
    noise_seed: int = 0
    """Seed of the noise, below 2**64."""
    jpeg_quality: int = 0
    """Quality of a JPEG that the picture is encoded as and decoded from, 1 to 100; 0 for none."""


def draw_camera(seed: int, key: str, share: float) -> Camera:
    """Draw what a camera does to one picture.

    Args:
        seed: seed of the dataset.
        key: key of the sample.
        share: share of pictures that a camera takes. Each of its four effects is then drawn with a probability of 1/2.

    >>> draw_camera(0, "bg07_fg42_013", 0)
    Camera(blur=0, vignette=0, noise=0, noise_seed=0, jpeg_quality=0)
    """
    if draw(seed, key, "camera", 2**32) >= share * 2**32:
        return Camera()
    ranges = {
        "blur": (1, MAX_BLUR),
        "vignette": (1, MAX_VIGNETTE),
        "noise": (1, MAX_NOISE),
        "jpeg_quality": QUALITIES,
    }
    drawn = {}
    for name, (low, high) in ranges.items():
        has = draw(seed, key, f"camera-has-{name}", 2)
        drawn[name] = low + draw(seed, key, f"camera-{name}", high - low + 1) if has else 0
    return Camera(noise_seed=draw(seed, key, "camera-noise-seed", 2**64) if drawn["noise"] else 0, **drawn)


def photograph(image: Array, camera: Camera) -> Array:
    """Return a picture as a camera takes it: lens, light, sensor, file.

    Args:
        image: (H, W, 3) uint8 RGB. It is not changed.
        camera: what the camera does.
    """
    if camera.blur:
        image = _blurred(image, camera.blur)
    if camera.vignette:
        image = weigh(image, _light(image.shape[0], image.shape[1], camera.vignette))
    if camera.noise:
        image = _noisy(image, camera.noise, camera.noise_seed)
    if camera.jpeg_quality:
        data = encode_image(image, "jpg", camera.jpeg_quality)
        image = decode_pixels(data, FIELDS["image"].file_type, "camera")
    return image


def _blurred(image: Array, weight: int) -> Array:
    """Return the mean of each pixel and its neighbours, whose weights in 1/16 are (weight, 16 - 2 weight, weight).

    Sums are integers below 2**16. A half of 1/256 is added to each quotient by 256, so that none is a tie, and all of
    it fits in the 24 bits of float32.
    """
    import cv2

    kernel = np.array([weight, 16 - 2 * weight, weight], np.float32)
    sums = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return cv2.convertScaleAbs(sums, alpha=1 / 256, beta=1 / 512)


def _light(height: int, width: int, loss: int) -> Array:
    """Return how much light reaches each pixel, (height, width) uint8, 255 in the middle.

    The loss grows with the square of the distance from the middle, as the first term of the law of cosine to the fourth
    power does.
    """
    import cv2

    table = np.array([255 - (2 * loss * level + 255) // 510 for level in range(256)], np.uint8)
    return cv2.LUT(_squared_distance(height, width), table)


@functools.lru_cache(maxsize=4)
def _squared_distance(height: int, width: int) -> Array:
    """Return the squared distance of each pixel from the middle, (height, width) uint8, 255 at the corners."""
    down = (2 * np.arange(height, dtype=np.int64) + 1 - height)[:, None]
    right = 2 * np.arange(width, dtype=np.int64) + 1 - width
    squared = down * down + right * right
    distance: Array = (255 * squared // max(1, int(squared.max()))).astype(np.uint8)
    distance.flags.writeable = False
    return distance


def _noisy(image: Array, deviation: int, seed: int) -> Array:
    """Return a picture with noise that is nearly normal, drawn independently for each pixel and channel.

    Each byte of a stream of random bytes picks one of 256 quantiles.
    """
    import cv2

    quantiles = _quantiles().astype(np.int64) * deviation
    table = ((quantiles + 128) // 256).astype(np.int16)
    return cv2.add(image, cv2.LUT(random_bytes(image.size, seed).reshape(image.shape), table), dtype=cv2.CV_8U)


@functools.cache
def _quantiles() -> Array:
    """Return 256 quantiles of the number of heads among `_TOSSES` tosses, less their mean; computed in integers."""
    ways = list(itertools.accumulate(math.comb(_TOSSES, heads) for heads in range(_TOSSES + 1)))
    heads, found = 0, []
    for index in range(256):
        while 512 * ways[heads] < (2 * index + 1) << _TOSSES:
            heads += 1
        found.append(heads - _TOSSES // 2)
    return np.array(found)


def random_bytes(count: int, seed: int) -> Array:
    """Return (count,) random uint8. Each depends on its number and the seed alone.

    Source: SplitMix64 of Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

    >>> random_bytes(4, 0).tolist()
    [175, 205, 29, 123]
    """
    words = scramble(_counters(-(-count // 8)) + np.uint64(seed))
    return words.astype("<u8", copy=False).view(np.uint8)[:count]


@functools.lru_cache(maxsize=4)
def _counters(count: int) -> Array:
    """Return the numbers 1 to `count`, each multiplied by the odd constant of SplitMix64."""
    counters = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    counters.flags.writeable = False
    return counters

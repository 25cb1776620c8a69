"""Colours of cut-outs: changed at random, and matched to the background. Both are one table of 256 levels a channel."""

import math
from dataclasses import dataclass

import numpy as np

from fgbg_data.compositing.integers import moments, premultiply, straight
from fgbg_data.sample import Array
from fgbg_data.splits import draw

_ONE = 1024
"""What stands for 1 in the drawn numbers."""
_FINE = 256
"""Parts of a level in which tables are computed."""
_SPREADS = (_ONE // 2, 2 * _ONE)
"""Smallest and largest factor by which matching changes a spread. A flat background thus does not flatten an object."""


@dataclass(frozen=True, kw_only=True)
class Colour:
    """How the colours of one cut-out are changed, in 1/1024. The default changes nothing."""

    brightness: int = 0
    """All levels are multiplied by 1 + this."""
    contrast: int = 0
    """Distances from the middle level are multiplied by 1 + this."""
    gamma: int = 0
    """The middle level becomes 1/2 + this, black and white stay."""
    red: int = 0
    """Levels of red are multiplied by 1 + this, for the white balance."""
    blue: int = 0
    """Levels of blue are multiplied by 1 + this, for the white balance."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """How far the colours of one cut-out are moved to those of the background around it."""

    strength: int = 0
    """0 leaves them, and 1024 gives them the background's mean and spread."""


def draw_colour(seed: int, key: str, prefix: str, strength: float) -> Colour:
    """Draw the change of colours of one object.

    Args:
        seed: seed of the dataset.
        key: key of the sample.
        prefix: what the names of the object's draws begin with; empty for the first object.
        strength: the largest difference of brightness and contrast, 0 to 1. White balance has half of it, and gamma a
            quarter.

    >>> draw_colour(0, "bg07_fg42_013", "", 0)
    Colour(brightness=0, contrast=0, gamma=0, red=0, blue=0)
    """
    limits = {"brightness": 1.0, "contrast": 1.0, "gamma": 0.25, "red": 0.5, "blue": 0.5}
    drawn = {}
    for name, share in limits.items():
        limit = round(_ONE * strength * share)
        drawn[name] = draw(seed, key, prefix + name, 2 * limit + 1) - limit
    return Colour(**drawn)


def draw_match(seed: int, key: str, prefix: str, low: float, high: float) -> Match:
    """Draw how far one object is matched to its background, between two strengths in [0, 1]."""
    first, last = round(_ONE * low), round(_ONE * high)
    return Match(strength=first + draw(seed, key, f"{prefix}match", last - first + 1))


def recolour(cutout: Array, colour: Colour, match: Match, around: Array) -> Array:
    """Match a cut-out to its background, then change its colours. Alpha stays.

    Args:
        cutout: (h, w, 4) uint8 premultiplied RGBA. It is not changed.
        colour: the change.
        match: the strength of the match.
        around: (H, W, 3) uint8 RGB, the part of the picture that the cut-out lies on. If it is empty, nothing is
            matched.

    Returns:
        (h, w, 4) uint8 premultiplied RGBA.
    """
    import cv2

    matches = match.strength > 0 and around.size > 0
    if colour == Colour() and not matches:
        return cutout
    pixels = straight(cutout)
    table = change_table(colour)
    if matches:
        matched = match_table(pixels, around, match)
        table = np.take_along_axis(table, matched.astype(np.intp), axis=0)
    alpha = np.arange(256, dtype=np.uint8)[:, None]
    return premultiply(cv2.LUT(pixels, np.concatenate([table, alpha], axis=1)[None]))


def change_table(colour: Colour) -> Array:
    """Return the level that each level becomes, (256, 3) uint8 for red, green and blue.

    Levels are multiplied, as by more light of that colour; then bent by a curve that stands in for gamma; then spread
    from the middle. A power is not the same number on every machine, and this curve is a quotient of integers that is
    nearly the same: x / ((1 / b - 2) (1 - x) + 1) for a middle level b. Source: Schlick, "Fast alternatives to Perlin's
    bias and gain functions", Graphics Gems IV, 1994.
    """
    white = 255 * _FINE
    tints = np.array([colour.red, 0, colour.blue], np.int64)
    levels = np.arange(256, dtype=np.int64)[:, None]
    x = np.minimum(levels * (_ONE + colour.brightness) * (_ONE + tints) // (_ONE * _ONE // _FINE), white)
    if colour.gamma:
        b = _ONE // 2 + colour.gamma
        x = x * b * white // ((_ONE - 2 * b) * (white - x) + b * white)
    middle = white // 2
    x = (x - middle) * (_ONE + colour.contrast) // _ONE + middle
    return _rounded(x)


def match_table(cutout: Array, around: Array, match: Match) -> Array:
    """Return the level that each level becomes, (256, 3) uint8, so that a cut-out has more of the background's colours.

    At full strength each channel gets the mean and the standard deviation of the background, from exact sums and the
    roots of integers. Source: Reinhard et al., "Color transfer between images", 2001, here in RGB. The shift of the
    mean is the same in every space that is linear in RGB, and only the change of the spread differs.

    Args:
        cutout: (h, w, 4) uint8 RGBA with straight colours. Pixels count if they are covered at least half.
        around: (H, W, 3) uint8 RGB.
        match: the strength.
    """
    import cv2

    covered = cv2.threshold(cv2.extractChannel(cutout, 3), 127, 255, cv2.THRESH_BINARY)[1]
    num, own_sums, own_squares = moments(cutout, covered)
    levels = np.arange(256, dtype=np.int64) * _FINE
    table = np.empty((256, 3), np.uint8)
    if not num:
        return np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (256, 3))
    num_around, sums, squares = moments(around)
    for channel in range(3):
        # The root is the standard deviation times the number of pixels.
        own = math.isqrt(num * own_squares[channel] - own_sums[channel] ** 2)
        other = math.isqrt(num_around * squares[channel] - sums[channel] ** 2)
        spread = min(max(_ONE * other * num // max(1, own * num_around), _SPREADS[0]), _SPREADS[1])
        mean, target = own_sums[channel] * _FINE // num, sums[channel] * _FINE // num_around
        moved = (levels - mean) * spread // _ONE + target
        table[:, channel] = _rounded(levels + (moved - levels) * match.strength // _ONE)
    return table


def _rounded(levels: Array) -> Array:
    """Return levels in 1/`_FINE` as uint8."""
    rounded: Array = np.clip((levels + _FINE // 2) // _FINE, 0, 255).astype(np.uint8)
    return rounded

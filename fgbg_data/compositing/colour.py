"""Colours of cut-outs: changed at random, and matched to the background. Both are one table of 256 levels a channel."""

import math
from dataclasses import dataclass

import numpy as np

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.integers import moments, premultiply, straight
from fgbg_data.sample import Array

_ONE = 1024
"""What stands for 1 in the drawn numbers."""
FINE = 256
"""Parts of a level in which tables are computed."""
LEVELS = np.repeat(np.arange(256, dtype=np.int64)[:, None] * FINE, 3, axis=1)
"""The levels of red, green and blue as they are, (256, 3)."""
_WHITE = 255 * FINE
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


def draw_colour(draws: Draws, strength: float) -> Colour:
    """Draw the change of colours of one object.

    Args:
        draws: the draws of the object.
        strength: the largest difference of brightness and contrast, 0 to 1. White balance has half of it, and gamma a
            quarter.

    >>> draw_colour(Draws(0, "bg07_fg42_013"), 0)
    Colour(brightness=0, contrast=0, gamma=0, red=0, blue=0)
    """
    if not strength:
        return Colour()
    limits = {"brightness": 1.0, "contrast": 1.0, "gamma": 0.25, "red": 0.5, "blue": 0.5}
    drawn = {}
    for name, share in limits.items():
        limit = round(_ONE * strength * share)
        drawn[name] = draws.below(name, 2 * limit + 1) - limit
    return Colour(**drawn)


def draw_match(draws: Draws, low: float, high: float) -> Match:
    """Draw how far one object is matched to its background, between two strengths in [0, 1]."""
    if not high:
        return Match()
    first, last = round(_ONE * low), round(_ONE * high)
    return Match(strength=first + draws.below("match", last - first + 1))


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
    levels = match_levels(pixels, around, match) if matches else LEVELS
    table = np.empty((1, 256, 4), np.uint8)
    table[0, :, :3] = rounded(change_levels(levels, colour))
    table[0, :, 3] = range(256)
    return premultiply(cv2.LUT(pixels, table))


def change_levels(levels: Array, colour: Colour) -> Array:
    """Return what levels become by a change of colours, (256, 3) int64 in 1/`FINE` of a level, 0 or more.

    Levels are multiplied, as by more light of that colour; then bent by a curve that stands in for gamma; then spread
    from the middle. A power is not the same number on every machine, and this curve is a quotient of integers that is
    nearly the same: x / ((1 / b - 2) (1 - x) + 1) for a middle level b. Source: Schlick, "Fast alternatives to Perlin's
    bias and gain functions", Graphics Gems IV, 1994.

    Args:
        levels: (256, 3) int64 in 1/`FINE` of a level, for red, green and blue.
        colour: the change.
    """
    light = _ONE + colour.brightness
    gains = np.array([light * (_ONE + colour.red), light * _ONE, light * (_ONE + colour.blue)], np.int64)
    x: Array = np.clip(levels * gains >> 20, 0, _WHITE)
    if colour.gamma:
        b = _ONE // 2 + colour.gamma
        x = x * (b * _WHITE) // ((_ONE - 2 * b) * (_WHITE - x) + b * _WHITE)
    if colour.contrast:
        x = ((x - _WHITE // 2) * (_ONE + colour.contrast) >> 10) + _WHITE // 2
    return x


def match_levels(cutout: Array, around: Array, match: Match) -> Array:
    """Return the levels of a cut-out with more of the background's colours, (256, 3) int64 in 1/`FINE` of a level.

    At full strength each channel gets the mean and the standard deviation of the background, from exact sums and the
    roots of integers. Source: Reinhard et al., "Color transfer between images", 2001, here in RGB. The shift of the
    mean is the same in every space that is linear in RGB, and only the change of the spread differs. Every fourth
    row counts, which is nearly four times as fast.

    Args:
        cutout: (h, w, 4) uint8 RGBA with straight colours. Pixels count if they are covered at least half.
        around: (H, W, 3) uint8 RGB.
        match: the strength.
    """
    import cv2

    own = cutout[::4]
    covered = cv2.threshold(cv2.extractChannel(own, 3), 127, 255, cv2.THRESH_BINARY)[1]
    num, sums, squares = moments(own, covered)
    if not num:
        return LEVELS
    num_around, sums_around, squares_around = moments(around[::4])
    means, targets, spreads = [], [], []
    for channel in range(3):
        # The root is the standard deviation times the number of pixels.
        deviation = math.isqrt(num * squares[channel] - sums[channel] ** 2) * num_around
        wanted = math.isqrt(num_around * squares_around[channel] - sums_around[channel] ** 2) * num
        spreads.append(min(max(_ONE * wanted // max(1, deviation), _SPREADS[0]), _SPREADS[1]))
        means.append(sums[channel] * FINE // num)
        targets.append(sums_around[channel] * FINE // num_around)
    moved = ((LEVELS - np.array(means)) * np.array(spreads) >> 10) + np.array(targets)
    matched: Array = LEVELS + ((moved - LEVELS) * match.strength >> 10)
    return matched


def rounded(levels: Array) -> Array:
    """Return levels in 1/`FINE` as uint8."""
    whole: Array = np.clip((levels + FINE // 2) >> 8, 0, 255).astype(np.uint8)
    return whole

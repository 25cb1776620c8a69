"""Near copies: pictures that were resized, compressed again or flipped, found by perceptual hashes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 16
"""Rows and columns of a hash, which has `SIDE` squared bits."""
MAX_DISTANCE = 32
"""Largest number of bits in which the hashes of near copies differ, of 256; measured by `benchmarks/similar.py`."""
MAX_SHADE = 40
"""Largest difference of the mean red, green or blue of near copies, of 255: a red disc is no copy of a blue one."""


class Look(NamedTuple):
    """What stays nearly the same when a picture is resized, compressed again or flipped."""

    plain: int
    """Perceptual hash of the picture, of 256 bits."""
    flipped: int
    """Perceptual hash of the picture flipped left to right."""
    colour: tuple[int, int, int]
    """Mean red, green and blue."""


def look_of(picture: Image.Image) -> Look:
    """Return the look of an RGB or RGBA picture.

    A hash holds, for each pixel of the picture shrunk to 16 rows of 17 pixels, whether the next one is lighter.
    Transparent pixels count as white.

    Source: the difference hash (dHash) of Neal Krawetz, "Kind of Like That", 2013.
    """
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    red, green, blue = np.asarray(picture.convert("RGB").resize((1, 1), Image.Resampling.BOX))[0, 0].tolist()
    small = picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.int16)
    plain, flipped = (np.packbits(each[:, 1:] > each[:, :-1]).tobytes() for each in (pixels, pixels[:, ::-1]))
    return Look(int.from_bytes(plain, "big"), int.from_bytes(flipped, "big"), (red, green, blue))


def similar_pairs(looks: Sequence[Look], distance: int = MAX_DISTANCE) -> list[tuple[int, int]]:
    """Return the pairs of pictures that look alike, plain or flipped, as numbers with the smaller one first.

    Args:
        looks: the look of each picture.
        distance: largest number of bits that may differ.
    """
    if len(looks) < 2:
        return []
    words = SIDE * SIDE // 64
    plain, flipped = (
        np.frombuffer(b"".join(bits.to_bytes(words * 8, "big") for bits in each), np.uint64).reshape(-1, words)
        for each in ([look.plain for look in looks], [look.flipped for look in looks])
    )
    colours = np.array([look.colour for look in looks], np.int16)
    found = []
    for number in range(len(looks) - 1):
        rest = plain[number + 1 :]
        bits = (np.bitwise_count(rest ^ one[number]).sum(1, dtype=np.uint16) for one in (plain, flipped))
        near = np.minimum(*bits) <= distance
        if near.any():
            near &= np.abs(colours[number + 1 :] - colours[number]).max(1) <= MAX_SHADE
        found += [(number, number + 1 + int(other)) for other in np.flatnonzero(near)]
    return found

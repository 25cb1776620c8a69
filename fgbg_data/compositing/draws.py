"""Draws: the random choices of one sample, each of which has a name."""

from typing import NamedTuple, Self

import numpy as np

from fgbg_data.sample import Array
from fgbg_data.splits import draw

_STEPS = 2**32


class Draws(NamedTuple):
    """The named draws of one sample, or of one object in it.

    A draw depends on the seed, the key and its name, and on nothing else. So a choice that is added later changes no
    other choice.

    >>> draws = Draws(0, "hall_cat_007")
    >>> draws.below("left", 100), draws.of_object(2).below("left", 100)
    (98, 5)
    """

    seed: int
    """Seed of the dataset."""
    key: str
    """Key that names the draws: that of the plain sample, so that its mirrored twin and its blend twins share them."""
    prefix: str = ""
    """Set before every name; empty for the primary object and for the picture as a whole."""
    retry: str = ""
    """Set after every name: `#1`, `#2` and so on if earlier draws were dropped."""

    def of_object(self, number: int, attempt: int = 0) -> Self:
        """Return the draws of an object: the primary one is number 1 and has the plain names.

        Args:
            number: number of the object, from 1.
            attempt: how many earlier draws of this object were dropped.
        """
        prefix = f"object{number}." if number > 1 else ""
        return self._replace(prefix=prefix, retry=f"#{attempt}" if attempt else "")

    def of_decoy(self, number: int) -> Self:
        """Return the draws of a decoy, whose numbers start at 1."""
        return self._replace(prefix=f"decoy{number}.", retry="")

    def below(self, name: str, n: int) -> int:
        """Return the whole number in [0, n) that is drawn under a name."""
        return draw(self.seed, self.key, f"{self.prefix}{name}{self.retry}", n)

    def share(self, name: str) -> float:
        """Return the number in [0, 1] that is drawn under a name."""
        return self.below(name, _STEPS) / (_STEPS - 1)

    def within(self, name: str, low: float, high: float) -> float:
        """Return the number in [low, high] that is drawn under a name."""
        return low + (high - low) * self.share(name)


def scramble(words: Array) -> Array:
    """Mix the bits of each word, so that words which follow each other become random ones. The array is changed.

    Source: the output function of SplitMix64, Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014.

    Args:
        words: any shape, uint64.
    """
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return words

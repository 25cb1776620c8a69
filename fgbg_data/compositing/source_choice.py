"""A choice among sources that stays the same when other sources are added."""

import hashlib
from collections.abc import Sequence

import numpy as np

from fgbg_data.compositing.draws import Draws, scramble


class SourceChoice:
    """Chooses one of some sources by a draw, each with the same chance.

    Every source gets a number that is computed from the draw and its id, and the greatest number wins. Another source
    therefore changes only the choices that it wins itself.

    Source: Thaler & Ravishankar, "A name-based mapping scheme for rendezvous", 1996; with the numbers of `scramble`.

    >>> few = SourceChoice(["cat", "dog"])
    >>> [few.choose(Draws(0, f"hall_cat_00{number}"), "object2") for number in range(4)]
    ['cat', 'cat', 'dog', 'dog']

    Args:
        ids: ids of the sources, at least one.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in self.ids)
        self._marks = np.array([int.from_bytes(digest, "big") for digest in digests], np.uint64)

    def __len__(self) -> int:
        return len(self.ids)

    def choose(self, draws: Draws, name: str, besides: str = "") -> str:
        """Return the id of the source that is drawn under a name.

        Args:
            draws: the draws of the sample.
            name: name of the draw.
            besides: id of a source that is not taken, unless it is the only one.
        """
        mixed = scramble(self._marks ^ np.uint64(draws.below(name, 2**64)))
        winner = self.ids[int(mixed.argmax())]
        if winner != besides or len(self.ids) == 1:
            return winner
        mixed[self.ids.index(besides)] = 0
        return self.ids[int(mixed.argmax())]

"""Splits: which sources train, val and test may use, and how samples are shared out to them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fgbg_data.errors import ConfigError, option


class Source(NamedTuple):
    """What the plan needs to know of one source: its id, and its size in pixels after cropping."""

    id: str
    height: int
    width: int


class Shares(Protocol):
    """How sources are shared out to splits."""

    @property
    def val(self) -> float:
        """Share of val."""
        ...

    @property
    def test(self) -> float:
        """Share of test."""
        ...

    @property
    def holdout(self) -> str:
        """What val and test never share with train."""
        ...

    @property
    def seed(self) -> int:
        """Every draw comes from it."""
        ...


@dataclass(frozen=True)
class Split:
    """One split: a product of sources, or for `--holdout sample` a range of the permuted whole."""

    name: str
    backgrounds: tuple[int, ...]
    foregrounds: tuple[int, ...]
    population: int
    """Samples that the products of its sources hold."""
    start: int
    """First place in the permutation of that population."""
    samples: int
    """Samples taken from there."""


def draw(seed: int, key: str, name: str, n: int) -> int:
    """Return the integer in [0, n) that `seed` and `key` assign to the choice `name`.

    A plan is made of named draws rather than of the next numbers of a stream, so a sample depends neither on
    order and workers, nor on other sources, nor on choices added later. BLAKE2b, because NumPy does not
    promise a stable stream across its versions (NEP 19).

    >>> draw(0, "bg07_fg42_013", "left", 100)
    86
    """
    digest = hashlib.blake2b(f"{seed}|{key}|{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big") % n


def permute(index: int, n: int, seed: int, name: str) -> int:
    """Return where a seeded permutation of [0, n) sends `index`; O(1) in memory and time.

    Source: a four-round Feistel network over the smallest square of bits that holds n, walked until it lands
    inside (Black & Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).

    >>> sorted(permute(i, 10, 0, "train") for i in range(10)) == list(range(10))
    True
    """
    bits = max(1, ((n - 1).bit_length() + 1) // 2)
    low = (1 << bits) - 1
    while True:
        left, right = index >> bits, index & low
        for step in range(4):
            left, right = right, left ^ (draw(seed, f"{name}|{step}|{right}", "feistel", 1 << 32) & low)
        index = (left << bits) | right
        if index < n:
            return index


def hold_out(
    sources: Sequence[Source], config: Shares, *, val: bool = True
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the sources of train, val and test: ranked by a draw of their id, so that others matter little.

    Raises:
        ConfigError: there are too few.
    """
    shares = (config.val if val else 0.0, config.test)
    num_val, num_test = (math.ceil(share * len(sources)) for share in shares)
    if num_val + num_test >= len(sources):
        kind = "foregrounds" if config.holdout == "foreground" or not val else "backgrounds"
        needed = (num_val > 0) + (num_test > 0) + 1
        raise ConfigError(
            f"{option('holdout', config.holdout)} with {option('val', config.val)} and {option('test', config.test)} "
            f"needs more {kind} than the {len(sources)} there are (at least {needed}). Add {kind}, set "
            f"{option('val', 0)} or {option('test', 0)}, or use {option('holdout', 'sample')}, "
            "which leaks sources between the splits"
        )
    ranked = sorted(range(len(sources)), key=lambda i: (draw(config.seed, sources[i].id, "split", 2**64), i))
    parts = ranked[num_val + num_test :], ranked[num_test : num_test + num_val], ranked[:num_test]
    train, held_val, held_test = (tuple(sorted(part)) for part in parts)
    return train, held_val, held_test


def share_out(samples: int | None, counts: dict[str, int]) -> dict[str, int]:
    """Divide `samples` over the splits in proportion to their size, at least one to each that has any."""
    total = sum(counts.values())
    if samples is None or samples >= total:
        return counts
    wanted = {name: count for name, count in counts.items() if count}
    if samples < len(wanted):
        raise ConfigError(
            f"{option('samples', samples)}: fewer than the {len(wanted)} splits ({', '.join(wanted)}). "
            f"Ask for more samples, or set {option('val', 0)} and {option('test', 0)}"
        )
    taken = {name: max(1, samples * count // total) for name, count in wanted.items()}
    # The rest by largest remainder; a surplus (from the minimum of one) comes off the largest split.
    order = sorted(wanted, key=lambda name: (-(samples * wanted[name] % total), name))
    for name in order:
        if sum(taken.values()) < samples:
            taken[name] += 1
    largest = max(taken, key=lambda name: taken[name])
    taken[largest] -= sum(taken.values()) - samples
    return {name: taken.get(name, 0) for name in counts}

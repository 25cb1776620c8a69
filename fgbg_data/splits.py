"""Splits: which sources train, val and test may use, and how samples are shared out to them."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from fgbg_data.errors import ConfigError, option
from fgbg_data.key import KINDS, Kind

SPLIT_NAME = "[A-Za-z0-9_][A-Za-z0-9_-]*"
"""What the name of a split may be, as a regular expression: it becomes the name of a folder."""

Holdout = Literal["background", "foreground", "both", "sample"]
Share = Literal["train", "val", "test"]
SHARES: tuple[Share, ...] = ("train", "val", "test")
"""The shares into which sources are divided. Sources of a kind that is not held out are all in the share of train."""


class Product(NamedTuple):
    """The sources of a split: every background of one share with every foreground of one share."""

    background: Share
    foreground: Share


@dataclass(frozen=True)
class Policy:
    """The splits of one holdout."""

    products: Mapping[str, Product]
    """Split -> its sources, in the order of the splits. With the holdout `sample`, all splits share all sources."""
    sentence: str
    """The sentence that the card of a dataset has about this holdout."""

    def held_out(self, split: str) -> tuple[Kind, ...]:
        """Return the kinds of sources that a split must not share with train or val; none for an unknown split.

        >>> POLICIES["both"].held_out("test_both")
        ('background', 'foreground')
        """
        product = self.products.get(split, self.products["train"])
        return tuple(kind for kind, share in zip(KINDS, product, strict=True) if share != "train")

    def shares(self, kind: Kind) -> set[Share]:
        """Return the shares into which the sources of a kind are divided.

        >>> POLICIES["both"].shares("foreground") == {"train", "test"}
        True
        """
        return {product[KINDS.index(kind)] for product in self.products.values()}


POLICIES: dict[str, Policy] = {
    "background": Policy(
        {"train": Product("train", "train"), "val": Product("val", "train"), "test": Product("test", "train")},
        "No background of val or test occurs in train.",
    ),
    "foreground": Policy(
        {"train": Product("train", "train"), "val": Product("train", "val"), "test": Product("train", "test")},
        "No foreground of val or test occurs in train.",
    ),
    "both": Policy(
        {
            "train": Product("train", "train"),
            "val": Product("val", "train"),
            "test_bg": Product("test", "train"),
            "test_fg": Product("train", "test"),
            "test_both": Product("test", "test"),
        },
        "`test_bg` has new backgrounds, `test_fg` new foregrounds, `test_both` both; val has new backgrounds.",
    ),
    "sample": Policy(
        dict.fromkeys(SHARES, Product("train", "train")),
        "Splits share their sources, so val and test are optimistic.",
    ),
}
"""Value of `holdout` -> its splits. Splits are named only here."""


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of splits with train and val first, and the others by the alphabet.

    >>> ordered(["test_fg", "val", "test_bg", "train"])
    ('train', 'val', 'test_bg', 'test_fg')
    """
    first = {"train": 0, "val": 1}
    return tuple(sorted(names, key=lambda name: (first.get(name, 2), name)))


class SplitOptions(Protocol):
    """The options that say how sources and samples are shared out to splits."""

    @property
    def val(self) -> float:
        """Share of val, in [0, 1)."""
        ...

    @property
    def test(self) -> float:
        """Share of the test splits, in [0, 1)."""
        ...

    @property
    def holdout(self) -> str:
        """What val and test never share with train: a key of `POLICIES`."""
        ...

    @property
    def seed(self) -> int:
        """Seed of every draw."""
        ...


@dataclass(frozen=True)
class Split:
    """One split of a plan: a product of sources, or for the holdout `sample` a range of the permuted whole."""

    name: str
    backgrounds: tuple[int, ...]
    """Numbers of its backgrounds in the table of sources."""
    foregrounds: tuple[int, ...]
    """Numbers of its foregrounds."""
    population: int
    """Samples that the product of its sources holds."""
    start: int
    """First index that it takes in the permutation of the population."""
    samples: int
    """Samples that it takes from there on."""


def draw(seed: int, key: str, name: str, n: int) -> int:
    """Return the integer in [0, n) that `seed` and `key` assign to the choice `name`.

    A plan is made of named draws rather than of the next numbers of a stream, so a sample depends neither on
    order and workers, nor on other sources, nor on choices added later. It uses BLAKE2b, because NumPy does not
    promise a stable stream across its versions (NEP 19).

    >>> draw(0, "bg07_fg42_013", "left", 100)
    86
    """
    digest = hashlib.blake2b(f"{seed}|{key}|{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big") % n


def permute(index: int, n: int, seed: int, name: str) -> int:
    """Return where a seeded permutation of [0, n) sends `index`; O(1) in memory and time.

    Source: a four-round Feistel network over the smallest even number of bits that holds n, applied again until the
    result is below n (Black & Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).

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


def join_units(marks: Sequence[Sequence[str]]) -> list[int]:
    """Return for each source the number of the first source of its unit. No holdout tears a unit apart.

    Sources that share a mark are in one unit, directly or through other sources.

    Args:
        marks: for each source, texts that others may share: the digest of its file, and the group that it belongs to.

    >>> join_units([["a"], ["b"], ["a", "room"], ["c"], ["room"]])
    [0, 1, 0, 3, 0]
    """
    first = list(range(len(marks)))

    def root(number: int) -> int:
        while first[number] != number:
            first[number] = first[first[number]]
            number = first[number]
        return number

    owner: dict[str, int] = {}
    for number, names in enumerate(marks):
        for name in names:
            one, other = sorted((root(owner.setdefault(name, number)), root(number)))
            first[other] = one
    return [root(number) for number in range(len(marks))]


def plan_splits(
    backgrounds: Sequence[str],
    foregrounds: Sequence[str],
    per_pair: int,
    options: SplitOptions,
    samples: int | None = None,
    units: Mapping[Kind, Sequence[int]] | None = None,
) -> list[Split]:
    """Return the splits of a plan; splits without samples are left out.

    Args:
        backgrounds: ids of the backgrounds.
        foregrounds: ids of the foregrounds.
        per_pair: samples of one foreground on one background.
        options: how sources are shared out.
        samples: total over all splits; None takes all.
        units: for each kind, the units of its sources, as `join_units` returns them; None: each source is a unit.

    Raises:
        ConfigError: there are too few sources or samples for the splits.
    """
    if options.holdout == "sample":
        every_bg, every_fg = tuple(range(len(backgrounds))), tuple(range(len(foregrounds)))
        total = len(every_bg) * len(every_fg) * per_pair
        counts = divide_samples(total, options)
        starts = {name: sum(list(counts.values())[:i]) for i, name in enumerate(counts)}
        taken = share_out(samples, counts)
        return [Split(name, every_bg, every_fg, total, starts[name], taken[name]) for name in counts if taken[name]]
    units = units or {}
    bg = divide_sources("background", backgrounds, options, units.get("background"))
    fg = divide_sources("foreground", foregrounds, options, units.get("foreground"))
    products = {
        name: (bg[product.background], fg[product.foreground])
        for name, product in POLICIES[options.holdout].products.items()
    }
    counts = {name: len(b) * len(f) * per_pair for name, (b, f) in products.items()}
    taken = share_out(samples, counts)
    return [Split(name, b, f, counts[name], 0, taken[name]) for name, (b, f) in products.items() if taken[name]]


def divide_sources(
    kind: Kind, ids: Sequence[str], options: SplitOptions, units: Sequence[int] | None = None
) -> dict[Share, tuple[int, ...]]:
    """Divide sources into the shares of train, val and test.

    Units of sources are ranked by a draw of their first id, so that adding a source moves few others. A kind that is
    not held out is in the share of train as a whole. With the holdout `both` there is one val, of new backgrounds, so
    foregrounds are divided into train and test only.

    Args:
        kind: the kind of the sources.
        ids: their ids.
        options: how they are shared out.
        units: for each source, the number of the first source of its unit; None: each source is a unit.

    Returns:
        Share -> sorted numbers of sources in `ids`. Val and test get at least one each if their share is above 0.

    Raises:
        ConfigError: there are too few sources.
    """
    shares = POLICIES[options.holdout].shares(kind)
    if shares == {"train"}:
        return {"train": tuple(range(len(ids))), "val": (), "test": ()}
    units = range(len(ids)) if units is None else units
    firsts = sorted(set(units))
    num_val = math.ceil(options.val * len(firsts)) if "val" in shares else 0
    num_test = math.ceil(options.test * len(firsts)) if "test" in shares else 0
    if num_val + num_test >= len(firsts):
        needed = max((num_val > 0) + (num_test > 0), len(firsts)) + 1
        pictures = f" in {len(ids)} pictures (copies, and pictures of one group, count as one)"
        raise ConfigError(
            f"{option('holdout', options.holdout)} with {option('val', options.val)} and "
            f"{option('test', options.test)} needs at least {needed} {kind}s, found {len(firsts)}"
            f"{'' if len(firsts) == len(ids) else pictures}. "
            f"Add {kind}s, set {option('val', 0)} or {option('test', 0)}, or use {option('holdout', 'sample')}, "
            "which leaks sources between the splits"
        )
    ranked = sorted(firsts, key=lambda i: (draw(options.seed, ids[i], "split", 2**64), i))
    share_of: dict[int, Share] = dict.fromkeys(ranked, "train")
    share_of |= dict.fromkeys(ranked[:num_test], "test")
    share_of |= dict.fromkeys(ranked[num_test : num_test + num_val], "val")
    return {share: tuple(i for i, unit in enumerate(units) if share_of[unit] == share) for share in SHARES}


def divide_samples(total: int, options: SplitOptions) -> dict[str, int]:
    """Return the number of samples in train, val and test for the holdout `sample`.

    Raises:
        ConfigError: none is left to train.
    """
    num_val, num_test = math.ceil(options.val * total), math.ceil(options.test * total)
    if num_val + num_test >= total:
        raise ConfigError(
            f"{option('val', options.val)} and {option('test', options.test)} leave none of {total} samples to train"
        )
    return {"train": total - num_val - num_test, "val": num_val, "test": num_test}


def share_out(samples: int | None, counts: dict[str, int]) -> dict[str, int]:
    """Divide `samples` over splits in proportion to their size, with at least one for each split that has any.

    Args:
        samples: total over all splits; None, or more than there are, takes all.
        counts: split -> samples that it has.

    Raises:
        ConfigError: there are fewer samples than splits.

    >>> share_out(10, {"train": 800, "val": 100, "test": 100})
    {'train': 8, 'val': 1, 'test': 1}
    """
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
    # The rest goes by largest remainder.
    order = sorted(wanted, key=lambda name: (-(samples * wanted[name] % total), name))
    for name in order:
        if sum(taken.values()) < samples:
            taken[name] += 1
    # A surplus, which the minimum of one can make, comes off the largest split, down to one, and then off the next.
    surplus = sum(taken.values()) - samples
    for name in sorted(taken, key=lambda name: -taken[name]):
        cut = min(surplus, taken[name] - 1)
        taken[name] -= cut
        surplus -= cut
    return {name: taken.get(name, 0) for name in counts}

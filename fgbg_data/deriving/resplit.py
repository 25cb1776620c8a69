"""Split a dataset anew by its sources: samples move to other shards, their files and pixels stay as they are."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fgbg_data.dataset.manifest import Manifest, SplitInfo
from fgbg_data.deriving.copy import CopyMaker, CopyTask, CopyWork, InputSplit, check_apart, history
from fgbg_data.deriving.input import Origin, open_origin, same_sources
from fgbg_data.errors import ConfigError, ShardError, option
from fgbg_data.key import Kind
from fgbg_data.options import at_least, check_shares, one_of
from fgbg_data.runtime.progress import Progress, reporter
from fgbg_data.sample import Array, Meta
from fgbg_data.splits import POLICIES, Holdout, Product, Share, divide_samples, divide_sources, permute


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How samples are shared out, as `fgbg-data build` does it."""

    val: float = 0.1
    test: float = 0.1
    holdout: Holdout = "background"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("holdout", self.holdout, tuple(POLICIES))
        at_least("seed", self.seed, 0)
        check_shares(self.val, self.test)


@dataclass
class _Table:
    """Where every sample is, and of which sources; columns of equal length."""

    parts: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    backgrounds: list[str] = field(default_factory=list)
    foregrounds: list[str] = field(default_factory=list)


def resplit(
    path: str | Path,
    out: str | Path,
    *,
    val: float = 0.1,
    test: float = 0.1,
    holdout: Holdout = "background",
    seed: int = 0,
    shard_size: int = 1000,
    jobs: int = 0,
    check: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write the dataset at `path` with other splits, or go on where an earlier run stopped.

    Two ids of one picture count as one source, so that a merged dataset does not leak either.

    Args:
        path: of the dataset.
        out: folder that becomes the dataset.
        val: share of the held-out sources that go to val.
        test: share of them that go to the test splits.
        holdout: `background`, `foreground`, `both` or `sample`: what val and test never share with train.
        seed: of the draws.
        shard_size: samples in a shard.
        jobs: worker processes; 0 is one a core.
        check: when going on, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Raises:
        FgbgError: the dataset cannot be read, does not tell its sources, or has too few.
    """
    rule = SplitRule(val=float(val), test=float(test), holdout=holdout, seed=seed)
    at_least("shard_size", shard_size, 1)
    out = Path(out)
    origin = open_origin(path, files=True)
    check_apart(out, [origin])
    table = _read_sources(origin)
    assigned = _assign(origin, table, rule)
    left_out = len(table.parts) - sum(len(places) for places in assigned.values())
    shown = reporter(progress)
    if left_out:
        shown.message(f"{left_out:,} samples are in no split: they join a held-out source with one of another split")
    splits = {name: _describe(table, places, shard_size) for name, places in assigned.items()}
    options = vars(rule) | {"shard_size": shard_size, "left_out": left_out}
    identity = replace(
        origin.manifest.identity,
        config=origin.config.changed(val=rule.val, test=rule.test, holdout=holdout, shard_size=shard_size),
        history=history([origin], "split", options),
    )
    work = CopyWork(
        out=out,
        manifest=Manifest.begin(
            identity,
            fields=origin.manifest.fields,
            splits=splits,
            provenance=origin.manifest.provenance,
        ),
        formats=origin.config.format,
        inputs=tuple(InputSplit(store=store) for store in origin.stores.values()),
        spec=origin.spec(),
    )
    parts, numbers = np.array(table.parts), np.array(table.numbers)
    tasks = [
        CopyTask(name, index, parts[chosen], numbers[chosen])
        for name, places in assigned.items()
        for index, chosen in enumerate(_shards(places, shard_size, rule.seed, name))
    ]
    return CopyMaker(work, tasks, jobs=jobs, check=check, verb="split").run(shown)


def _read_sources(origin: Origin) -> _Table:
    """Read of every sample which sources it has.

    Raises:
        ShardError: a meta does not tell.
    """
    table = _Table()
    for part, store in enumerate(origin.stores.values()):
        for number in range(len(store)):
            shard, place = store.locate(number)
            meta: Meta = store.reader(shard).read(place, "meta")
            background, foreground = meta.get("background"), meta.get("foreground")
            if not isinstance(background, str) or not isinstance(foreground, str):
                raise ShardError(f"{store.location(shard)}: {store.key(number)}: its meta names no sources to split by")
            table.parts.append(part)
            table.numbers.append(number)
            table.backgrounds.append(background)
            table.foregrounds.append(foreground)
    return table


def _assign(origin: Origin, table: _Table, rule: SplitRule) -> dict[str, Array]:
    """Return split -> places in the table, in order; empty splits are left out."""
    total = len(table.parts)
    if rule.holdout == "sample":
        order = np.array([permute(index, total, rule.seed, "all") for index in range(total)])
        counts = divide_samples(total, rule)
        cuts = np.split(order, np.cumsum(list(counts.values()))[:-1])
        return {name: cut for name, cut in zip(counts, cuts, strict=True) if len(cut)}
    bg_share = _share_of("background", table.backgrounds, origin, rule)
    fg_share = _share_of("foreground", table.foregrounds, origin, rule)
    products = POLICIES[rule.holdout].products
    split_of = {product: name for name, product in products.items()}
    found: dict[str, list[int]] = defaultdict(list)
    for index, (background, foreground) in enumerate(zip(table.backgrounds, table.foregrounds, strict=True)):
        name = split_of.get(Product(bg_share[background], fg_share[foreground]))
        if name:
            found[name].append(index)
    if "train" not in found:
        raise ConfigError(
            f"{origin.path}: no sample is left to train; use a smaller {option('val')} or {option('test')}"
        )
    return {name: np.array(found[name]) for name in products if name in found}


def _share_of(kind: Kind, names: list[str], origin: Origin, rule: SplitRule) -> dict[str, Share]:
    """Return id of a source -> its share; ids of one picture go together, under the first of them."""
    pictures = same_sources(origin, kind)
    ids: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        ids[pictures.get(name, name)].append(name)
    groups = list(ids.values())
    return {
        name: share
        for share, numbers in divide_sources(kind, [group[0] for group in groups], rule).items()
        for number in numbers
        for name in groups[number]
    }


def _shards(places: Array, size: int, seed: int, name: str) -> list[Array]:
    """Cut a split into shards, each a fair mixture."""
    mixed = places[[permute(i, len(places), seed, name) for i in range(len(places))]]
    return [mixed[start : start + size] for start in range(0, len(mixed), size)]


def _describe(table: _Table, places: Array, size: int) -> SplitInfo:
    return SplitInfo(
        samples=len(places),
        shards=-(-len(places) // size),
        backgrounds=tuple(sorted({table.backgrounds[place] for place in places})),
        foregrounds=tuple(sorted({table.foregrounds[place] for place in places})),
    )

"""Assign the samples of a dataset to splits anew, by their sources. Files and pixels stay as they are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fgbg_data.dataset.manifest import Manifest, SplitInfo
from fgbg_data.deriving.copying import CopyMaker, derived_identity
from fgbg_data.deriving.input import InputDataset, open_input
from fgbg_data.deriving.key_choice import KeyChoice
from fgbg_data.deriving.shard_copier import CopyTask, InputSplit
from fgbg_data.errors import ConfigError, ShardError, option
from fgbg_data.fields.objects import further_sources
from fgbg_data.key import Kind, SampleKey
from fgbg_data.options import at_least, check_shares, one_of
from fgbg_data.runtime.locations import to_location
from fgbg_data.runtime.progress import Progress, reporter
from fgbg_data.sample import Array, Meta
from fgbg_data.splits import POLICIES, Holdout, Product, Share, divide_samples, divide_sources, join_units, permute


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How sources and samples are shared out to splits, with the defaults of `fgbg-data build`.

    Raises:
        ConfigError: a value cannot work.
    """

    val: float = 0.1
    """Share of the held-out sources that go to val."""
    test: float = 0.1
    """Share of the held-out sources that go to the test splits."""
    holdout: Holdout = "background"
    """What val and test never share with train."""
    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        one_of("holdout", self.holdout, tuple(POLICIES))
        at_least("seed", self.seed, 0)
        check_shares(self.val, self.test)


@dataclass
class SampleTable:
    """The samples of a dataset that are taken, with one entry in each list for each sample."""

    inputs: list[int] = field(default_factory=list)
    """Number of the split that holds the sample."""
    numbers: list[int] = field(default_factory=list)
    """Number of the sample in that split."""
    backgrounds: list[tuple[str, ...]] = field(default_factory=list)
    """Ids of all backgrounds that it shows: its own, and those that fill decoys."""
    foregrounds: list[tuple[str, ...]] = field(default_factory=list)
    """Ids of all foregrounds that it shows: its own, those of further objects, and those of decoys."""
    twins: list[int] = field(default_factory=list)
    """Number of the first sample of the table that is its twin; its own number if it has none before it."""

    def __len__(self) -> int:
        return len(self.numbers)


def resplit(
    path: str | Path,
    out: str | Path,
    *,
    val: float = 0.1,
    test: float = 0.1,
    holdout: Holdout = "background",
    seed: int = 0,
    only_keys: Iterable[str] | None = None,
    without_keys: Iterable[str] | None = None,
    keep_splits: bool = False,
    shard_size: int = 1000,
    jobs: int = 0,
    check: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write a dataset with other splits, or with some of the samples. The same call resumes a stopped one.

        manifest = resplit("shards/", "resplit/", val=0.2, holdout="foreground")
        manifest = resplit("shards/", "clean/", without_keys=["hall_cat_007"], keep_splits=True)

    Two ids of one picture count as one source, so that a merged dataset does not leak either.

    Args:
        path: folder or URL of the dataset, with or without `dataset.json`.
        out: folder or URL that becomes the new dataset.
        val: share of the held-out sources that go to val.
        test: share of the held-out sources that go to the test splits.
        holdout: what val and test never share with train: `background`, `foreground`, `both` or `sample`.
        seed: seed of the draws.
        only_keys: take only the samples with these keys; None takes all.
        without_keys: take all samples but those with these keys.
        keep_splits: leave every sample in its split; then `val`, `test`, `holdout` and `seed` have no effect, and
            other values than the defaults are refused.
        shard_size: samples in a shard; the last one of a split may hold fewer.
        jobs: number of worker processes; 0 starts one for each core.
        check: on resume, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Returns:
        The manifest of the complete dataset.

    Raises:
        FgbgError: the dataset cannot be read, its samples do not name their sources, it has too few sources, or it
            lacks a key that is listed.
    """
    choice = KeyChoice.of(only_keys, without_keys)
    rule = SplitRule(val=float(val), test=float(test), holdout=holdout, seed=seed)
    at_least("shard_size", shard_size, 1)
    out = to_location("out", out)
    dataset = open_input(path, out=out)
    if keep_splits:
        _refuse_rule(rule)
    table = _read_table(dataset, choice, need_sources=not keep_splits)
    rows = _rows_as_they_are(dataset, table) if keep_splits else _assign(dataset, table, rule)
    left_out = len(table) - sum(len(chosen) for chosen in rows.values())
    shown = reporter(progress)
    if left_out:
        shown.message(f"{left_out:,} samples are in no split: they join a held-out source with one of another split")
    return CopyMaker(
        out=out,
        identity=derived_identity(
            [dataset],
            "split",
            ({"keep_splits": True} if keep_splits else vars(rule))
            | {"shard_size": shard_size, "left_out": left_out}
            | (choice.recorded() if choice else {}),
            config=dataset.config.changed(shard_size=shard_size)
            if keep_splits
            else dataset.config.changed(val=rule.val, test=rule.test, holdout=holdout, shard_size=shard_size),
        ),
        splits={split: _split_info(table, chosen, shard_size) for split, chosen in rows.items()},
        provenance=dataset.manifest.provenance,
        spec=dataset.spec(),
        inputs=[InputSplit(reader=reader) for reader in dataset.splits.values()],
        tasks=_tasks(table, rows, shard_size, None if keep_splits else rule.seed),
        jobs=jobs,
        check=check,
    ).run(shown)


def _refuse_rule(rule: SplitRule) -> None:
    """Refuse options that have no effect beside `keep_splits`."""
    for name, value in vars(rule).items():
        if value != getattr(SplitRule, name):
            raise ConfigError(
                f"{option(name, value)} has no effect beside {option('keep_splits', True)}; leave one out"
            )


def _read_table(dataset: InputDataset, choice: KeyChoice | None, *, need_sources: bool) -> SampleTable:
    """Read the sources of every sample that is taken from its meta.

    Raises:
        UnknownKeyError: a listed key is not in the dataset.
        ShardError: a meta does not name the sources, which are needed.
    """
    keys = [key for split in dataset.splits.values() for key in split.keys()] if choice else []  # noqa: SIM118
    taken = set(choice.rows(keys, dataset.path)) if choice else None
    table = SampleTable()
    first_twin: dict[str, int] = {}
    row = -1
    for number_of_input, split in enumerate(dataset.splits.values()):
        for number in range(len(split)):
            row += 1
            if taken is not None and row not in taken:
                continue
            shard, index = split.locate(number)
            reader = split.reader(shard)
            meta: Meta = reader.read(index, "meta")
            background, foreground = meta.get("background"), meta.get("foreground")
            if not isinstance(background, str) or not isinstance(foreground, str):
                if need_sources:
                    raise ShardError("its meta does not name the sources to split by", where=reader.where(index))
                background, foreground = "", ""
            parts = SampleKey.parse(split.key_in_shard(shard, index)) if "twin" in meta else None
            family = str(parts._replace(twin=0)) if parts else ""
            table.twins.append(first_twin.setdefault(family, len(table)) if family else len(table))
            table.inputs.append(number_of_input)
            table.numbers.append(number)
            table.backgrounds.append((background, *sorted(further_sources("background", meta))))
            table.foregrounds.append((foreground, *sorted(further_sources("foreground", meta))))
    return table


def _rows_as_they_are(dataset: InputDataset, table: SampleTable) -> dict[str, Array]:
    """Return split -> rows of the table that are in it now, in order; empty splits are left out."""
    found: dict[str, list[int]] = {split: [] for split in dataset.splits}
    names = list(found)
    for row, number in enumerate(table.inputs):
        found[names[number]].append(row)
    return {split: np.array(rows) for split, rows in found.items() if rows}


def _assign(dataset: InputDataset, table: SampleTable, rule: SplitRule) -> dict[str, Array]:
    """Return split -> rows of the table that belong to it, in order; empty splits are left out.

    Raises:
        ConfigError: no sample is left to train.
    """
    if rule.holdout == "sample":
        families = np.unique(table.twins)  # twins stay together
        order = [families[permute(row, len(families), rule.seed, "all")] for row in range(len(families))]
        counts = divide_samples(len(families), rule)
        cuts = np.split(np.array(order), np.cumsum(list(counts.values()))[:-1])
        return {split: _with_twins(table, cut) for split, cut in zip(counts, cuts, strict=True) if len(cut)}
    background_shares = _shares("background", table.backgrounds, dataset, rule)
    foreground_shares = _shares("foreground", table.foregrounds, dataset, rule)
    products = POLICIES[rule.holdout].products
    split_of = {product: split for split, product in products.items()}
    found: dict[str, list[int]] = defaultdict(list)
    for row, (backgrounds, foregrounds) in enumerate(zip(table.backgrounds, table.foregrounds, strict=True)):
        products_of_row = {
            Product(background_shares[b], foreground_shares[f]) for b in backgrounds for f in foregrounds
        }
        split = split_of.get(products_of_row.pop()) if len(products_of_row) == 1 else None
        if split:
            found[split].append(row)
    if "train" not in found:
        raise ConfigError(
            f"no sample is left to train; use a smaller {option('val')} or {option('test')}", where=dataset.path
        )
    return {split: np.array(found[split]) for split in products if split in found}


def _with_twins(table: SampleTable, firsts: Array) -> Array:
    """Return rows of the table with all their twins, each family in the order of the table.

    Args:
        table: the samples.
        firsts: (N,) int, the first row of each family, in order.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for row, first in enumerate(table.twins):
        members[first].append(row)
    return np.array([row for first in firsts.tolist() for row in members[first]])


def _shares(kind: Kind, names: list[tuple[str, ...]], dataset: InputDataset, rule: SplitRule) -> dict[str, Share]:
    """Return id of a source -> its share. All ids of one picture or group get one share, which the first id decides."""
    marks = {source.id: source.marks for source in dataset.manifest.identity.sources.of(kind)}
    ids = sorted(set().union(*names))
    divided = divide_sources(kind, ids, rule, join_units([marks.get(name, (name,)) for name in ids]))
    return {ids[number]: share for share, numbers in divided.items() for number in numbers}


def _split_info(table: SampleTable, rows: Array, shard_size: int) -> SplitInfo:
    return SplitInfo(
        samples=len(rows),
        shards=-(-len(rows) // shard_size),
        backgrounds=tuple(sorted(set().union(*(table.backgrounds[row] for row in rows)) - {""})),
        foregrounds=tuple(sorted(set().union(*(table.foregrounds[row] for row in rows)) - {""})),
    )


def _tasks(table: SampleTable, rows: dict[str, Array], shard_size: int, seed: int | None) -> list[CopyTask]:
    """Return the shards of all splits, each a fair mixture of its split. Without a seed, samples keep their order."""
    inputs, numbers = np.array(table.inputs), np.array(table.numbers)
    tasks = []
    for split, chosen in rows.items():
        mixed = chosen if seed is None else chosen[[permute(i, len(chosen), seed, split) for i in range(len(chosen))]]
        for index, start in enumerate(range(0, len(mixed), shard_size)):
            shard = mixed[start : start + shard_size]
            tasks.append(CopyTask(split, index, inputs[shard], numbers[shard]))
    return tasks

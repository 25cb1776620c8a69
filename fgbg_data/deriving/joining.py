"""Splits, sources and options of datasets, joined into those of one dataset."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fgbg_data.dataset.identity import RecordedConfig, SourceEntry, Sources
from fgbg_data.dataset.manifest import SourceName, SplitInfo
from fgbg_data.deriving.input import InputDataset
from fgbg_data.deriving.renaming import Renaming
from fgbg_data.errors import ConfigError, option
from fgbg_data.key import KINDS, Kind
from fgbg_data.shards.registry import manifest_options


def join_splits(inputs: Sequence[InputDataset], renamings: Sequence[Renaming], *, pool: bool) -> dict[str, SplitInfo]:
    """Return the splits of the joined dataset: splits of one name are joined, or with `pool` all become train."""
    joined: dict[str, SplitInfo] = {}
    for dataset, renaming in zip(inputs, renamings, strict=True):
        for split, reader in dataset.splits.items():
            name = "train" if pool else split
            before = joined.get(name, SplitInfo(samples=0, shards=0, backgrounds=(), foregrounds=()))
            added = dataset.manifest.splits[split]
            backgrounds, foregrounds = (
                {*before.of(kind), *(renaming.source(kind, old) for old in added.of(kind))} for kind in KINDS
            )
            joined[name] = SplitInfo(
                samples=before.samples + len(reader),
                shards=before.shards + len(reader.shards),
                backgrounds=tuple(sorted(backgrounds)),
                foregrounds=tuple(sorted(foregrounds)),
            )
    return joined


def check_leaks(inputs: Sequence[InputDataset]) -> None:
    """Refuse to join a picture that one dataset holds out with the same picture in another split of another dataset.

    Raises:
        ConfigError: there is such a picture; the text names it.
    """
    for kind in KINDS:
        by_dataset = [_pictures_of_splits(dataset, kind) for dataset in inputs]
        for one, other in itertools.combinations(dict.fromkeys(itertools.chain(*by_dataset)), 2):
            with_both = [splits for splits in by_dataset if one in splits and other in splits]
            held_out = with_both and not any(splits[one].keys() & splits[other].keys() for splits in with_both)
            in_one, in_other = (
                {mark: name for splits in by_dataset for mark, name in splits.get(split, {}).items()}
                for split in (one, other)
            )
            shared = sorted({in_one[mark] for mark in in_one.keys() & in_other.keys()})
            if held_out and shared:
                more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
                raise ConfigError(
                    f"{kind} {shared[0]!r}{more} is in {one} of one dataset and in {other} of another, so the merged "
                    f"one would leak. Use {option('pool', True)} to put all samples into train, then fgbg-data split"
                )


def join_sources(inputs: Sequence[InputDataset], renamings: Sequence[Renaming]) -> Sources:
    """Return the sources of the joined dataset by their new ids, each once."""
    backgrounds, foregrounds = (_join_sources(kind, inputs, renamings) for kind in KINDS)
    return Sources(backgrounds=backgrounds, foregrounds=foregrounds)


def join_provenance(
    inputs: Sequence[InputDataset], renamings: Sequence[Renaming]
) -> dict[SourceName, Mapping[str, str]]:
    """Return licence, author and url of the sources by their new ids; the first dataset that names them counts."""
    joined: dict[SourceName, Mapping[str, str]] = {}
    for dataset, renaming in zip(inputs, renamings, strict=True):
        for (kind, name), about in dataset.manifest.provenance.items():
            joined.setdefault(SourceName(kind, renaming.source(kind, name)), about)
    return joined


def join_config(inputs: Sequence[InputDataset], formats: Sequence[str], *, pool: bool) -> RecordedConfig:
    """Return the options of the joined dataset; an option whose values differ is `mixed`.

    Args:
        inputs: the datasets.
        formats: the formats that are written.
        pool: whether all samples become train, so that nothing is held out.
    """
    first = inputs[0]
    config: dict[str, Any] = {}
    for name in sorted(set().union(*(dataset.config.values for dataset in inputs))):
        values = [dataset.config.values.get(name) for dataset in inputs]
        config[name] = values[0] if all(value == values[0] for value in values) else "mixed"
    holdouts = {dataset.config.holdout for dataset in inputs}
    config |= {
        "format": list(formats),
        **{name: value and first.config.values.get(name) for name, value in manifest_options({}, formats).items()},
        "holdout": holdouts.pop() if len(holdouts) == 1 and not pool else "sample",
    }
    if first.depth_bits:
        config["depth_bits"] = first.depth_bits
    return RecordedConfig.of(**config)


def _pictures_of_splits(dataset: InputDataset, kind: Kind) -> dict[str, dict[str, str]]:
    """Return split -> digest or group -> id of a source that has it."""
    marks = {source.id: source.marks for source in dataset.manifest.identity.sources.of(kind)}
    return {
        split: {mark: name for name in dataset.manifest.splits[split].of(kind) for mark in marks.get(name, (name,))}
        for split in dataset.splits
    }


def _join_sources(kind: Kind, inputs: Sequence[InputDataset], renamings: Sequence[Renaming]) -> tuple[SourceEntry, ...]:
    found: dict[str, SourceEntry] = {}
    for dataset, renaming in zip(inputs, renamings, strict=True):
        for source in dataset.manifest.identity.sources.of(kind):
            name = renaming.source(kind, source.id)
            known = found.setdefault(name, replace(source, id=name))
            if source.group and not known.group:
                found[name] = replace(known, group=source.group)
    return tuple(found[name] for name in sorted(found))

"""Merge datasets of equal shape into one: keys stay unique, and no source crosses from one split to another."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.dataset.identity import Identity, RecordedConfig, SourceEntry, Sources
from fgbg_data.dataset.manifest import Manifest, SourceName, SplitInfo
from fgbg_data.deriving.copy import CopyMaker, CopyTask, CopyWork, InputSplit, check_apart, history
from fgbg_data.deriving.input import Origin, open_origin, same_sources
from fgbg_data.errors import ConfigError, option
from fgbg_data.key import KINDS, Kind, max_key_bytes
from fgbg_data.runtime.progress import Progress
from fgbg_data.shards.registry import format_options, formats_in_order, manifest_options
from fgbg_data.shards.spec import ShardSpec

_PREFIX = re.compile(r"[a-z0-9-]{1,20}")
Renamed = dict[Kind, dict[str, str]]


def merge(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    prefixes: Sequence[str] = (),
    pool: bool = False,
    jobs: int = 0,
    check: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write one dataset of the samples of several, or go on where an earlier run stopped.

    Splits of one name are joined, and shards stay as they are cut.

    Args:
        paths: of two or more datasets, of the same fields, shapes and codecs.
        out: folder that becomes the dataset.
        prefixes: one a dataset, set before its keys with `_`; an empty one leaves them. A source id that stands
            for another picture elsewhere gets it too, with `-`.
        pool: put all samples into train, to be split anew.
        jobs: worker processes; 0 is one a core.
        check: when going on, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Raises:
        ConfigError: the datasets differ, keys collide, or a held-out source of one is in train of another.
        FgbgError: a dataset cannot be read, or a sample of it is damaged.
    """
    out = Path(out)
    prefixes = _check_prefixes(paths, prefixes)
    origins = [open_origin(path, files=True) for path in paths]
    check_apart(out, origins)
    formats = _check_equal(origins)
    renamed = _rename_sources(origins, prefixes)
    splits = _join_splits(origins, renamed, pool=pool)
    if not pool:
        _check_leaks(origins)
    identity = _identity(origins, formats, renamed, prefixes, pool=pool)
    first = origins[0]
    work = CopyWork(
        out=out,
        manifest=Manifest.begin(
            identity,
            fields=first.manifest.fields,
            splits=splits,
            provenance=_provenance(origins, renamed),
        ),
        formats=formats,
        inputs=tuple(
            InputSplit(store=store, prefix=prefix, renamed=names)
            for origin, prefix, names in zip(origins, prefixes, renamed, strict=True)
            for store in origin.stores.values()
        ),
        spec=first.spec(),
    )
    _check_keys(paths, work.inputs, [origin.path for origin in origins for _ in origin.stores], first.spec())
    return CopyMaker(work, _tasks(work, pool=pool), jobs=jobs, check=check, verb="merge").run(progress)


def _check_prefixes(paths: Sequence[str | Path], prefixes: Sequence[str]) -> list[str]:
    if len(paths) < 2:
        raise ConfigError(f"merge takes two or more datasets, {len(paths)} given")
    if not prefixes:
        return [""] * len(paths)
    if len(prefixes) != len(paths):
        raise ConfigError(
            f"{option('prefix')} is given {len(prefixes)} times for {len(paths)} datasets: expected one each, in order"
        )
    for prefix in prefixes:
        if prefix and not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"{option('prefix', prefix)}: expected up to 20 of a-z, 0-9 and -")
    return list(prefixes)


def _check_equal(origins: Sequence[Origin]) -> tuple[str, ...]:
    """Return the formats that all datasets have.

    Raises:
        ConfigError: they differ in what all samples of a dataset have in common.
    """
    first = origins[0]
    shapes = first.manifest.shapes
    for other in origins[1:]:
        pairs: list[tuple[str, Any, Any]] = [
            ("fields", list(shapes), list(other.manifest.shapes)),
            *((f"shape of {name}", shape, other.manifest.shapes.get(name)) for name, shape in shapes.items()),
            ("image format", first.image_suffix, other.image_suffix),
            ("depth bits", first.depth_bits, other.depth_bits),
            ("estimator", _estimator(first), _estimator(other)),
            ("kind of depth", _label(first), _label(other)),
        ]
        for name in format_options({}, set(first.config.format) & set(other.config.format)):
            pairs.append((name.replace("_", " "), first.config.values.get(name), other.config.values.get(name)))
        differing = [f"{name} ({_shown(one)} and {_shown(two)})" for name, one, two in pairs if one != two]
        if differing:
            raise ConfigError(
                f"{first.path} and {other.path}: cannot be merged, for they differ in {', '.join(differing)}. Build or "
                "convert one of them to the other's"
            )
    formats = formats_in_order(set.intersection(*(set(origin.config.format) for origin in origins)))
    if not formats:
        held = "; ".join(f"{origin.path} is {','.join(origin.config.format)}" for origin in origins)
        raise ConfigError(f"no format is common to all datasets ({held}). Use fgbg-data convert on one of them first")
    return formats


def _estimator(origin: Origin) -> Any:
    """Return what tells one estimator from another; device and batch change its last digits only."""
    about = origin.manifest.identity.estimator
    return about and f"{about.name}, weights {about.weights_sha256}"


def _label(origin: Origin) -> str:
    """Return what tells one kind of depth from another."""
    config = origin.config
    mode = config.depth_mode
    return mode if mode == "infer" else f"{mode}, stand {config.stand}, relief {config.relief}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ("x" if all(isinstance(entry, int) for entry in value) else " ").join(str(entry) for entry in value)
    return f"{value:.40}" if isinstance(value, str) else str(value)


# --- sources and splits -----------------------------------------------------------------------------------


def _rename_sources(origins: Sequence[Origin], prefixes: Sequence[str]) -> list[Renamed]:
    """Return new ids for sources of which another dataset has another picture under the same id.

    Raises:
        ConfigError: there are such sources, and no prefixes to tell them apart.
    """
    renamed: list[Renamed] = [{kind: {} for kind in KINDS} for _ in origins]
    for kind in KINDS:
        seen: dict[str, tuple[str, int]] = {}
        clashing: dict[str, tuple[int, int]] = {}
        for number, origin in enumerate(origins):
            for source in origin.manifest.identity.sources.of(kind):
                digest, where = seen.setdefault(source.id, (source.sha256, number))
                if digest != source.sha256:
                    clashing[source.id] = where, number
        for name, (one, two) in clashing.items():
            if prefixes[one] == prefixes[two]:
                raise ConfigError(
                    f"{origins[one].path} and {origins[two].path}: have different pictures as {kind} {name!r}"
                    f"{f' (and {len(clashing) - 1} more)' if len(clashing) > 1 else ''}. Tell the datasets apart with "
                    f"one {option('prefix')} each"
                )
        for number, origin in enumerate(origins):
            known = {source.id for source in origin.manifest.identity.sources.of(kind)}
            renamed[number][kind] = {
                name: f"{prefixes[number]}-{name}" for name in clashing if name in known and prefixes[number]
            }
    return renamed


def _join_splits(origins: Sequence[Origin], renamed: Sequence[Renamed], *, pool: bool) -> dict[str, SplitInfo]:
    splits: dict[str, SplitInfo] = {}
    for origin, names in zip(origins, renamed, strict=True):
        for split, store in origin.stores.items():
            name = "train" if pool else split
            joined = splits.get(name, SplitInfo(samples=0, shards=0, backgrounds=(), foregrounds=()))
            backgrounds, foregrounds = (
                {*joined.of(kind), *(names[kind].get(old, old) for old in origin.manifest.splits[split].of(kind))}
                for kind in KINDS
            )
            splits[name] = SplitInfo(
                samples=joined.samples + len(store),
                shards=joined.shards + len(store.shards),
                backgrounds=tuple(sorted(backgrounds)),
                foregrounds=tuple(sorted(foregrounds)),
            )
    return splits


def _check_leaks(origins: Sequence[Origin]) -> None:
    """Refuse to join what was held out in one dataset with the same picture in another split of another.

    Raises:
        ConfigError: a source would cross; the text names it.
    """
    for kind in KINDS:
        inputs: list[dict[str, dict[str, str]]] = []  # of each dataset: split -> picture -> id
        for origin in origins:
            pictures = same_sources(origin, kind)
            inputs.append(
                {
                    split: {pictures.get(name, name): name for name in origin.manifest.splits[split].of(kind)}
                    for split in origin.stores
                }
            )
        for one, other in itertools.combinations(dict.fromkeys(itertools.chain(*inputs)), 2):
            both = [splits for splits in inputs if one in splits and other in splits]
            held_out = both and not any(splits[one].keys() & splits[other].keys() for splits in both)
            here, there = (
                {picture: name for splits in inputs for picture, name in splits.get(split, {}).items()}
                for split in (one, other)
            )
            shared = sorted(here[picture] for picture in here.keys() & there.keys())
            if held_out and shared:
                more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
                raise ConfigError(
                    f"{kind} {shared[0]!r}{more} is in {one} of one dataset and in {other} of another, so the merged "
                    f"one would leak. Use {option('pool', True)} to put all samples into train, then fgbg-data split"
                )


def _identity(
    origins: Sequence[Origin],
    formats: tuple[str, ...],
    renamed: Sequence[Renamed],
    prefixes: Sequence[str],
    *,
    pool: bool,
) -> Identity:
    first = origins[0]
    config: dict[str, Any] = {}
    for name in sorted(set().union(*(origin.config.values for origin in origins))):
        values = [origin.config.values.get(name) for origin in origins]
        config[name] = values[0] if all(value == values[0] for value in values) else "mixed"
    holdouts = {origin.config.holdout for origin in origins}
    config |= {
        "format": list(formats),
        **{key: value and first.config.values.get(key) for key, value in manifest_options({}, formats).items()},
        "holdout": holdouts.pop() if len(holdouts) == 1 and not pool else "sample",
    }
    if first.depth_bits:
        config["depth_bits"] = first.depth_bits
    options = {"prefixes": list(prefixes), "pool": pool, "renamed": any(any(names.values()) for names in renamed)}
    backgrounds, foregrounds = (_join_sources(kind, origins, renamed) for kind in KINDS)
    return replace(
        first.manifest.identity,
        config=RecordedConfig.of(**config),
        sources=Sources(backgrounds=backgrounds, foregrounds=foregrounds),
        skipped=tuple(source for origin in origins for source in origin.manifest.identity.skipped),
        history=history(origins, "merge", options),
    )


def _join_sources(kind: Kind, origins: Sequence[Origin], renamed: Sequence[Renamed]) -> tuple[SourceEntry, ...]:
    """Return the sources of a kind by their new ids, each once."""
    found: dict[str, SourceEntry] = {}
    for origin, names in zip(origins, renamed, strict=True):
        for source in origin.manifest.identity.sources.of(kind):
            name = names[kind].get(source.id, source.id)
            found.setdefault(name, replace(source, id=name))
    return tuple(found[name] for name in sorted(found))


def _provenance(origins: Sequence[Origin], renamed: Sequence[Renamed]) -> dict[SourceName, Mapping[str, str]]:
    merged: dict[SourceName, Mapping[str, str]] = {}
    for origin, names in zip(origins, renamed, strict=True):
        for (kind, name), about in origin.manifest.provenance.items():
            merged.setdefault(SourceName(kind, names[kind].get(name, name)), about)
    return merged


# --- keys and shards --------------------------------------------------------------------------------------


def _check_keys(
    paths: Sequence[str | Path], parts: Sequence[InputSplit], names: Sequence[str], spec: ShardSpec
) -> None:
    """Refuse keys that would collide, or grow too long for a tar.

    Raises:
        ConfigError: the text names the first, and how many there are.
    """
    longest = max_key_bytes(spec.suffixes.values())
    seen: dict[str, int] = {}
    colliding: list[tuple[str, int, int]] = []
    for number, part in enumerate(parts):
        for old in part.store.keys():  # noqa: SIM118 (a store is no dict)
            key = part.key(old)
            if len(key.encode()) > longest:
                raise ConfigError(
                    f"{names[number]}: {key}: too long a key with its prefix; use a shorter {option('prefix')}"
                )
            if key in seen:
                colliding.append((key, seen[key], number))
            seen[key] = number
    if colliding:
        key, one, two = colliding[0]
        more = f" (and {len(colliding) - 1} more)" if len(colliding) > 1 else ""
        raise ConfigError(
            f"{names[one]} and {names[two]}: both hold the key {key}{more}; keys must be unique in a dataset. Use one "
            f"{option('prefix')} for each of the {len(paths)} datasets"
        )


def _tasks(work: CopyWork, *, pool: bool) -> list[CopyTask]:
    """Return one task a shard of the inputs, split by split, in the order of the datasets."""
    tasks: list[CopyTask] = []
    made: dict[str, int] = {}
    for number, part in enumerate(work.inputs):
        split = "train" if pool else part.store.layout.split
        start = 0
        for count in part.store.counts:
            index = made.get(split, 0)
            made[split] = index + 1
            tasks.append(CopyTask(split, index, np.full(count, number), np.arange(start, start + count)))
            start += count
    return tasks

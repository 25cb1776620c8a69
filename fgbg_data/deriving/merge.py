"""Merge datasets of equal fields and shapes into one. Keys stay unique, and no held-out source gets into train."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fgbg_data.dataset.manifest import Manifest
from fgbg_data.deriving.copying import CopyMaker, derived_identity, tasks_as_cut
from fgbg_data.deriving.input import InputDataset, open_input
from fgbg_data.deriving.joining import check_leaks, join_config, join_provenance, join_sources, join_splits
from fgbg_data.deriving.renaming import find_renamings
from fgbg_data.deriving.shard_copier import InputSplit
from fgbg_data.errors import ConfigError, option
from fgbg_data.key import max_key_bytes
from fgbg_data.runtime.locations import to_location
from fgbg_data.runtime.progress import Progress
from fgbg_data.shards.registry import format_options, formats_in_order
from fgbg_data.shards.spec import ShardSpec

_PREFIX = re.compile(r"[a-z0-9-]{1,20}")


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
    """Write one dataset of the samples of several. The same call resumes a stopped one.

        manifest = merge(["indoor/", "outdoor/"], "both/")

    Splits with the same name are joined, and shards stay as they are cut.

    Args:
        paths: folders or URLs of two or more datasets, of the same fields, shapes and codecs.
        out: folder or URL that becomes the new dataset.
        prefixes: one for each dataset, set before its keys with `_`; an empty one changes no key. An id of a source
            that stands for another picture in another dataset gets the prefix too, with `-`.
        pool: put all samples into train; `resplit` then assigns them to splits.
        jobs: number of worker processes; 0 starts one for each core.
        check: on resume, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Returns:
        The manifest of the complete dataset.

    Raises:
        ConfigError: the datasets differ, keys collide, or a held-out source of one is in train of another.
        FgbgError: a dataset cannot be read, or a sample of it is damaged.
    """
    out = to_location("out", out)
    prefixes = _check_prefixes(paths, prefixes)
    inputs = [open_input(path, out=out) for path in paths]
    _check_equal(inputs)
    formats = _common_formats(inputs)
    renamings = find_renamings(inputs, prefixes)
    if not pool:
        check_leaks(inputs)
    input_splits = [
        InputSplit(reader=reader, renaming=renaming)
        for dataset, renaming in zip(inputs, renamings, strict=True)
        for reader in dataset.splits.values()
    ]
    spec = inputs[0].spec()
    _check_keys(input_splits, [dataset.path for dataset in inputs for _ in dataset.splits], spec, len(paths))
    renamed = any(any(renaming.ids.values()) for renaming in renamings)
    return CopyMaker(
        out=out,
        identity=derived_identity(
            inputs,
            "merge",
            {"prefixes": list(prefixes), "pool": pool, "renamed": renamed},
            config=join_config(inputs, formats, pool=pool),
            sources=join_sources(inputs, renamings),
            skipped=tuple(source for dataset in inputs for source in dataset.manifest.identity.skipped),
        ),
        splits=join_splits(inputs, renamings, pool=pool),
        provenance=join_provenance(inputs, renamings),
        spec=spec,
        inputs=input_splits,
        tasks=tasks_as_cut(input_splits, ["train" if pool else name for dataset in inputs for name in dataset.splits]),
        jobs=jobs,
        check=check,
    ).run(progress)


def _check_prefixes(paths: Sequence[str | Path], prefixes: Sequence[str]) -> list[str]:
    """Return one prefix for each dataset."""
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


def _check_equal(inputs: Sequence[InputDataset]) -> None:
    """Refuse datasets that differ in what all samples of a dataset have in common.

    Raises:
        ConfigError: they differ; the text says in what.
    """
    first = inputs[0]
    shapes = first.manifest.shapes
    for other in inputs[1:]:
        pairs: list[tuple[str, Any, Any]] = [
            ("fields", list(shapes), list(other.manifest.shapes)),
            *((f"shape of {name}", shape, other.manifest.shapes.get(name)) for name, shape in shapes.items()),
            ("image format", first.image_format, other.image_format),
            ("depth bits", first.depth_bits, other.depth_bits),
            ("estimator", _estimator(first), _estimator(other)),
            ("kind of depth", _depth_mode(first), _depth_mode(other)),
        ]
        for name in format_options({}, set(first.config.format) & set(other.config.format)):
            pairs.append((name.replace("_", " "), first.config.values.get(name), other.config.values.get(name)))
        differing = [f"{name} ({_shown(one)} and {_shown(two)})" for name, one, two in pairs if one != two]
        if differing:
            raise ConfigError(
                f"{first.path} and {other.path}: cannot be merged, because they differ in {', '.join(differing)}. "
                "Build or convert one of them so that it is like the other"
            )


def _common_formats(inputs: Sequence[InputDataset]) -> tuple[str, ...]:
    """Return the formats that all datasets have, in the order of the registry.

    Raises:
        ConfigError: there is none.
    """
    formats = formats_in_order(set.intersection(*(set(dataset.config.format) for dataset in inputs)))
    if not formats:
        held = "; ".join(f"{dataset.path} is {','.join(dataset.config.format)}" for dataset in inputs)
        raise ConfigError(f"no format is common to all datasets ({held}). Use fgbg-data convert on one of them first")
    return formats


def _estimator(dataset: InputDataset) -> str | None:
    """Return text that is equal for one estimator; device and batch change only the last digits of its output."""
    about = dataset.manifest.identity.estimator
    return None if about is None else f"{about.name}, weights {about.weights_sha256}"


def _depth_mode(dataset: InputDataset) -> str:
    """Return text that is equal for depth that was made in one way."""
    config = dataset.config
    if config.depth_mode == "infer":
        return config.depth_mode
    return f"{config.depth_mode}, stand {config.stand}, relief {config.relief}"


def _shown(value: Any) -> str:
    """Return a value for the text of an error."""
    if isinstance(value, list | tuple):
        return ("x" if all(isinstance(entry, int) for entry in value) else " ").join(str(entry) for entry in value)
    return f"{value:.40}" if isinstance(value, str) else str(value)


def _check_keys(inputs: Sequence[InputSplit], paths: Sequence[str], spec: ShardSpec, num_datasets: int) -> None:
    """Refuse keys that collide, or that are too long for a tar with their prefix.

    Args:
        inputs: the splits.
        paths: for each of them, the dataset that it belongs to.
        spec: what the samples have in common.
        num_datasets: number of datasets, for the text of the error.

    Raises:
        ConfigError: the text names the first such key, and how many there are.
    """
    longest = max_key_bytes(spec.suffixes.values())
    seen: dict[str, int] = {}
    colliding: list[tuple[str, int, int]] = []
    for number, split in enumerate(inputs):
        for old in split.reader.keys():  # noqa: SIM118 (a reader is no dict)
            key = split.renaming.key(old)
            if len(key.encode()) > longest:
                raise ConfigError(
                    f"{key}: this key is too long with its prefix; use a shorter {option('prefix')}",
                    where=paths[number],
                )
            if key in seen:
                colliding.append((key, seen[key], number))
            seen[key] = number
    if colliding:
        key, one, two = colliding[0]
        more = f" (and {len(colliding) - 1} more)" if len(colliding) > 1 else ""
        raise ConfigError(
            f"{paths[one]} and {paths[two]}: both hold the key {key}{more}; keys must be unique in a dataset. Use one "
            f"{option('prefix')} for each of the {num_datasets} datasets"
        )

"""What a dataset is, in one JSON object: counts, splits, sizes, estimator, configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgbg_data.dataset.json_values import to_json
from fgbg_data.dataset.layout import find_shards, find_splits
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.fields import FIELDS
from fgbg_data.runtime import locations


def info(path: str | Path) -> dict[str, Any]:
    """Describe a dataset.

        info("shards/")["samples"]

    `samples` and `shards` count what the shards hold. If a build is not finished, `planned_samples` and
    `planned_shards` say how many there will be.

    Args:
        path: folder or URL of the dataset.

    Returns:
        Fingerprint, formats, fields, splits, size, estimator and options, as JSON values.

    Raises:
        FgbgError: there is no dataset, or it cannot be read.
    """
    root = locations.locate(path)
    stores = {name: SplitReader(find_shards(root, name), skip=True) for name in find_splits(root)}
    return describe(next(iter(stores.values())), stores)


def describe(store: SplitReader, stores: Mapping[str, SplitReader] | None = None) -> dict[str, Any]:
    """Return what the dataset of an open store is; without a manifest, as far as its shards show it.

    Args:
        store: any split of the dataset.
        stores: name -> every split that is open; None is `store` alone. An unfinished dataset, or one without a
            manifest, is described by the content of these.
    """
    about, stores = _by_manifest(store), stores or {store.layout.split: store}
    if about["complete"]:
        return about
    for name, each in stores.items():
        split = about["splits"].setdefault(name, {})
        there = {"samples": len(each), "shards": len(each.shards)}
        planned = {f"planned_{what}": split[what] for what in there if what in split}
        about["splits"][name] = {**split, **there, **planned}
    if about["complete"] is False:
        about["planned_samples"] = about["samples"]
    about["samples"] = sum(len(each) for each in stores.values())
    return about


def _by_manifest(store: SplitReader) -> dict[str, Any]:
    """Return what the manifest of a dataset says; without one, what an open store shows, without its counts."""
    manifest = store.layout.manifest
    if manifest is None:
        return {
            "complete": None,
            "fingerprint": store.fingerprint,
            "formats": sorted({name for shard in store.shards for name in shard.files}),
            "fields": _fields_found(store),
            "samples": 0,
            "splits": {},
            "bytes": None,
            "estimator": None,
            "config": None,
        }
    config = manifest.identity.config
    return {
        "complete": manifest.complete,
        "fingerprint": manifest.fingerprint,
        "formats": list(config.format),
        "fields": _fields_declared(manifest),
        "samples": manifest.samples,
        "splits": {
            name: {
                "samples": manifest.splits[name].samples,
                "shards": manifest.splits[name].shards,
                "backgrounds": len(manifest.splits[name].backgrounds),
                "foregrounds": len(manifest.splits[name].foregrounds),
            }
            for name in store.layout.splits
        },
        "bytes": manifest.bytes,
        "estimator": to_json(manifest.identity.estimator),
        "config": to_json(config),
    }


def _fields_declared(manifest: Manifest) -> dict[str, Any]:
    """Return the fields of a manifest; for fields of depth also how they are made, `inferred` or `composed`."""
    labels = manifest.identity.config.labels
    return {
        name: {"dtype": about.dtype, "shape": list(about.shape)} | ({"label": labels[name]} if name in labels else {})
        for name, about in manifest.fields.items()
    }


def _fields_found(store: SplitReader) -> dict[str, Any]:
    """Return the fields of the first sample."""
    if not len(store):
        return {}
    reader, fields = store.reader(0), store.shard_index(0).fields
    found = {}
    for name in fields:
        shape = list(reader.picture_size(0, name)) if name != "meta" else []
        found[name] = {"dtype": FIELDS[name].dtype, "shape": shape + [3] * (FIELDS[name].channels == 3)}
    return found

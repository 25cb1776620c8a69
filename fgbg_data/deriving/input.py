"""A dataset that another one is made of: its manifest, or what its shards tell, and its shards, open for reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgbg_data.codecs.encode import codec
from fgbg_data.dataset.identity import FORMAT_VERSION, fingerprint
from fgbg_data.dataset.layout import find_shards, find_splits, form_of_files
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ManifestError, ShardError
from fgbg_data.key import key_sources
from fgbg_data.runtime import locations
from fgbg_data.sample import DEPTH_FIELDS, FIELDS, PIXEL_FIELDS, Meta
from fgbg_data.shards import FORMATS, ShardSpec


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A dataset to copy samples from.

    Attributes:
        path: as the user gave it.
        manifest: the dataset's; where there is none, what its shards tell.
        stores: split -> its shards.
        image_files: codec of its image files, jpg or png; None where it holds pixels only.
    """

    path: str
    manifest: Manifest
    stores: dict[str, SplitReader]
    image_files: str | None

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of its build, as far as it is known."""
        found: dict[str, Any] = self.manifest.identity["config"]
        return found

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Pixel field -> shape."""
        fields = self.manifest.fields
        return {name: tuple(fields[name]["shape"]) for name in PIXEL_FIELDS if name in fields}

    @property
    def image_suffix(self) -> str:
        """The image format that it declares: jpg or png."""
        return str(self.manifest.fields["image"]["suffix"])

    @property
    def depth_bits(self) -> int:
        """Of its depth codes; 0 without depth."""
        return int(self.config.get("depth_bits") or 16) if self.shapes.keys() & DEPTH_FIELDS else 0

    def spec(self, *, image_format: str | None = None, encoded: bool | None = None) -> ShardSpec:
        """Return what samples of it have in common, but for their number.

        Args:
            image_format: jpg or png; None is the one that it declares.
            encoded: whether HDF5 is to hold encoded files; None is as its own does.
        """
        return ShardSpec(
            samples=0,
            image_format=image_format or self.image_suffix,
            shapes=self.shapes,
            depth_bits=self.depth_bits,
            encoded=self.config.get("hdf5_layout") == "encoded" if encoded is None else encoded,
        )


def open_origin(path: str | Path, *, files: bool) -> Origin:
    """Open a dataset to copy samples from.

    Args:
        path: its folder, or a URL.
        files: whether encoded files are wanted, where it has them; else what is fastest to read.

    Raises:
        ManifestError: its build is not finished.
        FgbgError: it cannot be read, or lacks a field.
    """
    root = locations.locate(path)
    layouts = {split: find_shards(root, split) for split in find_splits(root)}
    manifest = next(iter(layouts.values())).manifest
    if manifest is not None and not manifest.complete:
        raise ManifestError(f"{path}: its build is not finished; run the same build command first")
    stores = {split: SplitReader(layout, form_of_files(layout) if files else None) for split, layout in layouts.items()}
    stores = {split: store for split, store in stores.items() if len(store)}
    if not stores:
        raise ShardError(f"{path}: holds no samples")
    image_files = _image_codec(next(iter(stores.values())))
    if manifest is None:
        manifest = _manifest_told_by(stores, image_files or "jpg")
    return Origin(path=str(path), manifest=manifest, stores=stores, image_files=image_files)


def _image_codec(store: SplitReader) -> str | None:
    data = store.reader(0).read_file(0, "image")
    return None if data is None else codec(data)


def _manifest_told_by(stores: dict[str, SplitReader], image_format: str) -> Manifest:
    """Describe a folder of bare shards as well as they tell."""
    store = next(iter(stores.values()))
    reader, index = store.reader(0), store.shard_index(0)
    for name in ("image", "mask", "meta"):
        if name not in index.fields:
            raise ShardError(
                f"{store.location(0)}: has no {name}; only datasets of image, mask and meta can be converted"
            )
    bits = (reader.depth_bits(0) or 16) if set(index.fields) & set(DEPTH_FIELDS) else 0
    spec = ShardSpec(
        samples=0,
        image_format=image_format,
        shapes={
            name: (*reader.picture_size(0, name), *((3,) if FIELDS[name].channels else ()))
            for name in PIXEL_FIELDS
            if name in index.fields
        },
        depth_bits=bits,
    )
    known = {split: _sources(store.keys()) for split, store in stores.items()}
    identity: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "config": {
            "format": [form for form in FORMATS if form in set(store.format_names)],
            "image_format": image_format,
            "depth_bits": bits or None,
            "hdf5_layout": None,
            "holdout": "sample",
        },
        "sources": {
            kind: [{"id": name, "sha256": ""} for name in sorted(set().union(*(part[kind] for part in known.values())))]
            for kind in ("backgrounds", "foregrounds")
        },
        "skipped": [],
        "estimator": None,
    }
    splits: dict[str, Meta] = {
        split: {"samples": len(store), "shards": len(store.shards)} | known[split] for split, store in stores.items()
    }
    return Manifest(
        complete=True,
        fingerprint=fingerprint({split: store.fingerprint for split, store in stores.items()}),
        identity=identity,
        fields=spec.described(),
        splits=splits,
    )


def _sources(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the sources that keys name; keys of other makers name none."""
    backgrounds, foregrounds = set(), set()
    for background, foreground in filter(None, map(key_sources, keys)):
        backgrounds.add(background)
        foregrounds.add(foreground)
    return {"backgrounds": sorted(backgrounds), "foregrounds": sorted(foregrounds)}


def same_sources(origin: Origin, kind: str) -> dict[str, str]:
    """Return id of a source -> what is equal for equal pictures: the digest, or where that is unknown the id."""
    return {
        source["id"]: source["sha256"] or source["id"] for source in origin.manifest.identity["sources"][f"{kind}s"]
    }

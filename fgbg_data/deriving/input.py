"""A dataset that another one is made of: its manifest, or what its shards tell, and its shards, open for reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.codecs.pictures import image_format_of
from fgbg_data.dataset.identity import Identity, RecordedConfig, SourceEntry, Sources, fingerprint
from fgbg_data.dataset.json_files import FORMAT_VERSION, JsonError, SplitName, from_json
from fgbg_data.dataset.layout import find_shards, find_splits, format_of_files
from fgbg_data.dataset.manifest import Manifest, SplitInfo, declared_fields
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ManifestError, ShardError
from fgbg_data.fields import FIELDS, depth_fields, pixel_fields
from fgbg_data.key import Kind, key_sources
from fgbg_data.runtime import locations
from fgbg_data.shards.registry import format_options, formats_in_order, manifest_options
from fgbg_data.shards.spec import ShardSpec


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
    def config(self) -> RecordedConfig:
        """The options of its build, as far as they are known."""
        return self.manifest.identity.config

    @property
    def image_suffix(self) -> str:
        """The image format that it declares: jpg or png."""
        return self.manifest.fields["image"].suffix

    @property
    def depth_bits(self) -> int:
        """Bits of its depth codes; 0 without depth."""
        return (self.config.depth_bits or 16) if depth_fields(self.manifest.shapes) else 0

    def spec(self, *, image_format: str | None = None, options: Mapping[str, str] | None = None) -> ShardSpec:
        """Return what samples of it have in common, but for their number.

        Args:
            image_format: jpg or png; None is the one that it declares.
            options: options of formats, such as `hdf5_layout`; None is those that it declares.
        """
        return ShardSpec(
            samples=0,
            image_format=image_format or self.image_suffix,
            shapes=self.manifest.shapes,
            depth_bits=self.depth_bits,
            options=format_options(self.config.values) if options is None else options,
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
    stores = {
        split: SplitReader(layout, format_of_files(layout) if files else None) for split, layout in layouts.items()
    }
    stores = {split: store for split, store in stores.items() if len(store)}
    if not stores:
        raise ShardError(f"{path}: holds no samples")
    image_files = _image_codec(next(iter(stores.values())))
    if manifest is None:
        manifest = _manifest_told_by(stores, image_files or "jpg")
    return Origin(path=str(path), manifest=manifest, stores=stores, image_files=image_files)


def _image_codec(store: SplitReader) -> str | None:
    data = store.reader(0).read_file(0, "image")
    return None if data is None else image_format_of(data)


def _manifest_told_by(stores: dict[str, SplitReader], image_format: str) -> Manifest:
    """Describe a folder of bare shards as well as they tell."""
    store = next(iter(stores.values()))
    reader, index = store.reader(0), store.shard_index(0)
    for name in ("image", "mask", "meta"):
        if name not in index.fields:
            raise ShardError(
                f"{store.location(0)}: has no {name}; only datasets of image, mask and meta can be converted"
            )
    bits = (reader.depth_bits(0) or 16) if depth_fields(index.fields) else 0
    spec = ShardSpec(
        samples=0,
        image_format=image_format,
        shapes={
            name: (*reader.picture_size(0, name), *((3,) if FIELDS[name].channels else ()))
            for name in pixel_fields(index.fields)
        },
        depth_bits=bits,
    )
    try:
        splits = {from_json(SplitName, split): _split_of(store) for split, store in stores.items()}
    except JsonError as error:
        raise ShardError(f"{error.problem}; rename the folder of this split", store.location(0)) from error
    identity = Identity(
        format_version=FORMAT_VERSION,
        config=RecordedConfig.of(
            format=list(formats_in_order(store.format_names)),
            image_format=image_format,
            depth_bits=bits or None,
            **manifest_options({}, ()),
            holdout="sample",
        ),
        sources=Sources(backgrounds=_sources_of("background", splits), foregrounds=_sources_of("foreground", splits)),
        skipped=(),
        estimator=None,
    )
    return Manifest(
        complete=True,
        fingerprint=fingerprint({split: store.fingerprint for split, store in stores.items()}),
        identity=identity,
        fields=declared_fields(spec),
        splits=splits,
    )


def _split_of(store: SplitReader) -> SplitInfo:
    """Return what a split holds, with the sources that its keys name; keys of other programs name none."""
    pairs = {pair for pair in map(key_sources, store.keys()) if pair}
    backgrounds, foregrounds = ({pair[place] for pair in pairs} for place in (0, 1))
    return SplitInfo(
        samples=len(store),
        shards=len(store.shards),
        backgrounds=tuple(sorted(backgrounds)),
        foregrounds=tuple(sorted(foregrounds)),
    )


def _sources_of(kind: Kind, splits: Mapping[str, SplitInfo]) -> tuple[SourceEntry, ...]:
    ids = set().union(*(split.of(kind) for split in splits.values()))
    return tuple(SourceEntry(id=name, sha256="") for name in sorted(ids))


def same_sources(origin: Origin, kind: Kind) -> dict[str, str]:
    """Return id of a source -> what is equal for equal pictures."""
    return {source.id: source.picture for source in origin.manifest.identity.sources.of(kind)}

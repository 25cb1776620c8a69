"""A manifest for shards that lie in a folder without `dataset.json`, made of what the shards themselves show."""

from collections.abc import Mapping

from fgbg_data.dataset.identity import Identity, RecordedConfig, SourceEntry, Sources, fingerprint
from fgbg_data.dataset.json_types import JsonError, SplitName
from fgbg_data.dataset.json_values import from_json
from fgbg_data.dataset.manifest import Manifest, SplitInfo, declared_fields
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS, depth_fields, pixel_fields
from fgbg_data.key import KINDS, Kind, key_sources
from fgbg_data.shards.registry import formats_in_order, manifest_options
from fgbg_data.shards.spec import ShardSpec
from fgbg_data.versions import RULES


def describe_shards(splits: Mapping[str, SplitReader], image_format: str) -> Manifest:
    """Return a manifest of bare shards, with the fields of the first sample and the sources that the keys name.

    Args:
        splits: split -> its samples.
        image_format: jpg or png of the image files.

    Raises:
        ShardError: the samples have no image, mask or meta.
    """
    first = next(iter(splits.values()))
    try:
        named = {from_json(SplitName, split): _split_info(reader) for split, reader in splits.items()}
    except JsonError as error:
        raise ShardError(f"{error.problem}; rename the folder of this split", where=first.location(0)) from error
    spec = _spec(first, image_format)
    config = RecordedConfig.of(
        format=list(formats_in_order(first.format_names)),
        image_format=image_format,
        depth_bits=spec.depth_bits or None,
        **manifest_options({}, ()),
        holdout="sample",
    )
    backgrounds, foregrounds = (_sources(kind, named) for kind in KINDS)
    return Manifest(
        complete=True,
        fingerprint=fingerprint({split: reader.fingerprint for split, reader in splits.items()}),
        identity=Identity(
            format_version=_version(first),
            config=config,
            sources=Sources(backgrounds=backgrounds, foregrounds=foregrounds),
            skipped=(),
            estimator=None,
        ),
        fields=declared_fields(spec),
        splits=named,
    )


def check_fields(split: SplitReader) -> None:
    """Require the fields that every derived dataset needs.

    Raises:
        ShardError: the first shard lacks one of them.
    """
    for name in ("image", "mask", "meta"):
        if name not in split.shard_index(0).fields:
            raise ShardError(
                f"has no {name}; only datasets with image, mask and meta can be converted", where=split.location(0)
            )


def _spec(split: SplitReader, image_format: str) -> ShardSpec:
    """Return what the first sample shows of all samples."""
    reader, fields = split.reader(0), split.shard_index(0).fields
    shapes = {
        name: (*reader.picture_size(0, name), *((3,) if FIELDS[name].channels else ())) for name in pixel_fields(fields)
    }
    bits = (reader.depth_bits(0) or 16) if depth_fields(fields) else 0
    return ShardSpec(samples=0, image_format=image_format, shapes=shapes, depth_bits=bits)


def _version(split: SplitReader) -> int:
    """Return the newest format version whose meta the first sample has."""
    meta = split.reader(0).read(0, "meta")
    return max(version for version, rules in RULES.items() if not rules.tight_box or "bbox_xywh" in meta)


def _split_info(reader: SplitReader) -> SplitInfo:
    """Return what a split holds, with the sources that its keys name; keys of other programs name none."""
    pairs = {pair for pair in map(key_sources, reader.keys()) if pair}
    return SplitInfo(
        samples=len(reader),
        shards=len(reader.shards),
        backgrounds=tuple(sorted({background for background, _ in pairs})),
        foregrounds=tuple(sorted({foreground for _, foreground in pairs})),
    )


def _sources(kind: Kind, splits: Mapping[str, SplitInfo]) -> tuple[SourceEntry, ...]:
    """Return the sources of all splits; their digests are not known."""
    ids = set().union(*(split.of(kind) for split in splits.values()))
    return tuple(SourceEntry(id=name, sha256="") for name in sorted(ids))

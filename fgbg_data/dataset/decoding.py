"""Read one sample of a split from its shard, and decode the fields as the caller asked."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.codecs.resize import mask_coverage, resize_by_area
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ConfigError, ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.options import one_of, parse_size
from fgbg_data.sample import Array, Meta
from fgbg_data.shards import ShardReader

Fields = str | tuple[str, ...] | list[str]
"""Names of fields: `"image,mask"` or `("image", "mask")`."""
Size = int | str | tuple[int, int]
"""A side in pixels, `"WIDTHxHEIGHT"`, or (height, width)."""
OnError = Literal["raise", "skip"]
DepthAs = Literal["unit", "codes", "raw"]
MaskAs = Literal["binary", "coverage"]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Which fields of a sample are read, and how they are decoded: the checked options of `open_dataset`."""

    fields: tuple[str, ...] | None
    """Names of the fields to read; None is every field that the dataset has."""
    size: tuple[int, int] | None
    """(height, width) of image, mask and depth; None is as stored."""
    on_error: OnError
    depth_as: DepthAs
    mask_as: MaskAs

    @classmethod
    def check(
        cls, *, fields: Fields | None, size: Size | None, on_error: OnError, depth_as: DepthAs, mask_as: MaskAs
    ) -> "ReadOptions":
        """Return the options that a user gave, checked.

        Raises:
            ConfigError: a value is not one that exists.
        """
        one_of("on_error", on_error, get_args(OnError))
        one_of("depth_as", depth_as, get_args(DepthAs))
        one_of("mask_as", mask_as, get_args(MaskAs))
        return cls(
            fields=None if fields is None else parse_fields(fields),
            size=parse_height_width(size),
            on_error=on_error,
            depth_as=depth_as,
            mask_as=mask_as,
        )


def parse_fields(fields: Fields) -> tuple[str, ...]:
    """Return the names of fields, checked.

    >>> parse_fields("image, mask")
    ('image', 'mask')

    Raises:
        ConfigError: there is no field of that name, or none is given.
    """
    names = tuple(name.strip() for name in fields.split(",")) if isinstance(fields, str) else tuple(fields)
    if not names:
        raise ConfigError(f"fields is empty: expected some of {', '.join(FIELDS)}")
    for name in names:
        one_of("fields", name, FIELDS)
    return names


def parse_height_width(size: Size | None) -> tuple[int, int] | None:
    """Return (height, width) in pixels, or None.

    >>> parse_height_width("320x240"), parse_height_width((240, 320)), parse_height_width(64)
    ((240, 320), (240, 320), (64, 64))

    Raises:
        ConfigError: it is not a size, or it is too small or too large.
    """
    if size is None:
        return None
    if isinstance(size, tuple):
        height, width = size
        return parse_size("size", f"{width}x{height}")
    return parse_size("size", str(size))


def read_sample(split: SplitReader, number: int, options: ReadOptions) -> LoadedSample:
    """Read one sample.

    Args:
        split: the shards of the split.
        number: the number of the sample in the split, from 0.
        options: which fields are read, and how they are decoded.

    Raises:
        ShardError: the sample is damaged, or lacks a field that it should have.
    """
    shard, index = split.locate(number)
    reader = split.reader(shard)
    there = split.shard_index(shard).fields
    values: dict[str, Any] = {"key": split.key_in_shard(shard, index)}
    names = _all_fields(split, there) if options.fields is None else options.fields
    for field in names:
        if field not in there:
            if _must_be_there(field, split, options):
                raise ShardError(f"{_where(split, number)}: has no {field}; it holds {', '.join(there)}")
        elif FIELDS[field].depth:
            values[field] = _depth(split, number, field, values.get("image"), options)
        elif field == "mask" and options.mask_as == "coverage" and options.size is not None:
            values[field] = mask_coverage(reader.read(index, field), options.size)
        else:
            values[field] = reader.read(index, field, options.size)
    if "image" in values and "mask" in values and values["image"].shape[:2] != values["mask"].shape:
        shapes = {name: values[name].shape[:2] for name in ("image", "mask")}
        raise ShardError(f"{_where(split, number)}: image and mask differ in size ({shapes})")
    return LoadedSample(values, FIELDS.own if options.fields is None else names)


def _must_be_there(field: str, split: SplitReader, options: ReadOptions) -> bool:
    """Tell whether a sample without this field is damaged: its manifest lists it, or a user needs it."""
    manifest = split.layout.manifest
    if manifest is not None and field in manifest.fields:
        return True
    return not FIELDS[field].optional and options.fields is not None


def _all_fields(split: SplitReader, there: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields that a sample should have: those of its manifest, or without one those of its shard."""
    return there if split.layout.manifest is None else split.layout.manifest.known_fields


def _depth(split: SplitReader, number: int, field: str, image: Array | None, options: ReadOptions) -> Array:
    """Read a field of depth as codes, in [0, 1], or in the estimator's units."""
    shard, index = split.locate(number)
    reader: ShardReader = split.reader(shard)
    codes: Array = reader.read(index, field)
    if options.depth_as == "codes":
        return codes
    depth = dequantise_depth(codes, reader.depth_bits(index) or 16)
    size = options.size
    if size is None and image is not None:
        size = image.shape[:2]
    elif size is None and "image" in split.shard_index(shard).fields:
        size = reader.picture_size(index, "image")
    if size is not None and depth.shape != size:
        depth = resize_by_area(depth, size)
    if options.depth_as == "raw":
        low, high = _depth_range(field, reader.read(index, "meta"), _where(split, number))
        depth = np.float32(low) + depth * np.float32(high - low)
    return depth


def _depth_range(field: str, meta: Meta, where: str) -> tuple[float, float]:
    """Return the range that the codes of a field span, in the estimator's units."""
    low, high = meta.get(f"{field}_min"), meta.get(f"{field}_max")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise ShardError(f'{where}: its meta gives no range of the {field}; open the dataset with depth_as="unit"')
    return low, high


def _where(split: SplitReader, number: int) -> str:
    """Return file and key of a sample, for the text of an error."""
    shard, _ = split.locate(number)
    return f"{split.location(shard)}: {split.key(number)}"

"""`open_dataset`: random access to the samples of a dataset, in whatever format and wherever it lies."""

import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, get_args, overload

import numpy as np

from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.codecs.fields import mask_coverage, resize_field
from fgbg_data.dataset.info import describe
from fgbg_data.dataset.layout import find_shards
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ConfigError, ShardError
from fgbg_data.options import one_of, parse_size
from fgbg_data.runtime.storage import locate
from fgbg_data.sample import FIELDS, Array, Meta
from fgbg_data.shards import FORMATS

OnError = Literal["raise", "skip"]
DepthForm = Literal["unit", "codes", "raw"]
MaskForm = Literal["binary", "coverage"]


def open_dataset(
    path: str | Path,
    split: str = "train",
    fields: tuple[str, ...] = tuple(FIELDS),
    size: int | str | tuple[int, int] | None = None,
    on_error: OnError = "raise",
    depth: DepthForm = "unit",
    format: str | None = None,
    mask: MaskForm = "binary",
) -> "Dataset":
    """Open one split of a dataset for reading.

    Args:
        path: folder that `fgbg-data build` wrote, or any folder of such shards, or one shard; a local path or a
            URL that fsspec opens. Without `dataset.json` and records it is scanned.
        split: which one; `Dataset.splits` names all.
        fields: which of image, mask, depth, depth_composed and meta to read; the others cost nothing.
        size: side, "WIDTHxHEIGHT" or (height, width) of image, mask and depths; None is as stored. JPEGs are
            decoded straight to a smaller size.
        on_error: `raise` an error, or in iteration `skip` what is damaged and count it in `Dataset.skipped`.
        depth: of both fields of depth: `unit` is float32 in [0, 1] by the sample's own range, `raw` is float32 in
            the estimator's units, both of the size of the image; `codes` is uint16 as stored, at its stored size.
        format: which format to read where a dataset holds several; None takes the fastest.
        mask: at another size than the stored one, `binary` is 255 where the foreground covers at least half of the
            pixel; `coverage` is 255 times the share of it that it covers, which keeps outlines finer than a pixel.

    Raises:
        FgbgError: there is no dataset, no such split, or a shard is missing or truncated.

    Warns:
        UnfinishedWarning: its build has not finished; what there is can be read.
    """
    names = tuple(fields.split(",")) if isinstance(fields, str) else tuple(fields)
    if not names:
        raise ConfigError(f"fields is empty: expected some of {', '.join(FIELDS)}")
    for name in names:
        one_of("fields", name, tuple(FIELDS))
    one_of("on_error", on_error, get_args(OnError))
    one_of("depth", depth, get_args(DepthForm))
    one_of("mask", mask, get_args(MaskForm))
    if format is not None:
        one_of("format", format, tuple(FORMATS))
    layout = find_shards(locate(path), split)
    layout.warn(stacklevel=2)
    store = SplitReader(layout, format, skip=on_error == "skip")
    return Dataset(store, range(len(store)), names, _size(size), on_error, depth, mask)


class LoadedSample:
    """One sample as it was read; only the fields that were asked for are there.

    Attributes:
        key: unique in the dataset.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 0 or 255 (or coverage).
        depth: (H, W) float32 in [0, 1], larger = nearer (or codes, or raw); None where the dataset has none.
        depth_composed: likewise, composed of the depth of the sources.
        meta: the sample's JSON object.
    """

    key: str
    image: Array
    mask: Array
    depth: Array | None
    depth_composed: Array | None
    meta: Meta

    def __init__(self, key: str, fields: dict[str, Any]) -> None:
        self.key = key
        vars(self).update(fields)

    def __getattr__(self, name: str) -> Any:
        if name in FIELDS:
            raise AttributeError(f"{name!r} was not among the fields that open_dataset was asked for")
        raise AttributeError(f"a sample has no {name!r}")

    def __repr__(self) -> str:
        shown = [f"{name}={_shown(value)}" for name, value in vars(self).items() if name != "key"]
        return f"LoadedSample({', '.join([repr(self.key), *shown])})"


class Dataset:
    """Samples of one split, by number, by key, by slice (a view), or in order. Made by `open_dataset`.

    It holds no file open until one is needed, and none when it is pickled; threads and forked processes may share it.
    """

    def __init__(
        self,
        store: SplitReader,
        numbers: range,
        fields: tuple[str, ...],
        size: tuple[int, int] | None,
        on_error: OnError,
        depth: DepthForm,
        mask: MaskForm = "binary",
    ) -> None:
        self._store = store
        self._numbers = numbers
        self.fields = fields
        self.size = size
        self.on_error = on_error
        self.depth = depth
        self.mask = mask

    @property
    def split(self) -> str:
        """Name of this split."""
        return self._store.layout.split

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of all splits of the dataset."""
        return self._store.layout.splits

    @property
    def manifest(self) -> Manifest | None:
        """`dataset.json`, or None where there is none."""
        return self._store.layout.manifest

    @property
    def fingerprint(self) -> str:
        """What tells this dataset from others: the build's, or else a digest of its shards' names and counts."""
        return self._store.fingerprint

    @property
    def info(self) -> dict[str, Any]:
        """What this is: samples, splits, fields with type and shape, estimator, configuration."""
        return describe(self._store)

    @property
    def skipped(self) -> dict[str, str]:
        """With on_error="skip": key or shard -> why this process left it out."""
        return dict(self._store.skipped)

    @property
    def num_skipped(self) -> int:
        """How many samples that were."""
        return self._store.num_skipped

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, item: int | str) -> LoadedSample: ...

    @overload
    def __getitem__(self, item: slice) -> Self: ...

    def __getitem__(self, item: int | str | slice) -> "LoadedSample | Self":
        if isinstance(item, slice):
            return self._like(self._numbers[item], self.size)
        if isinstance(item, str):
            number = self._store.find(item)
            if number not in self._numbers:
                raise self._store.unknown_key(item, len(self))
            return self._load(number)
        try:
            number = self._numbers[operator.index(item)]
        except IndexError:
            raise IndexError(f"sample {item} of {len(self)}: there is none of that number") from None
        return self._load(number)

    def __iter__(self) -> Iterator[LoadedSample]:
        for number in self._numbers:
            try:
                sample = self._load(number)
            except ShardError as error:
                if self.on_error == "raise":
                    raise
                shard, place = self._store.locate(number)
                self._store.skip(self._name(number) or f"{self._store.shards[shard].stem} {place}", str(error))
                continue
            yield sample

    def keys(self) -> list[str]:
        """Return the keys of all samples, in order."""
        if self._numbers == range(len(self._store)):
            return list(self._store.keys())
        return [self._store.key(number) for number in self._numbers]

    def resized(self, size: int | str | tuple[int, int] | None) -> Self:
        """Return the same samples at another size, with the same open files and what is known of the shards."""
        return self._like(self._numbers, _size(size))

    def __repr__(self) -> str:
        return f"Dataset({self.split!r}, {len(self)} samples, fields={self.fields}, size={self.size})"

    # --- reading one sample -------------------------------------------------------------------------------

    def _like(self, numbers: range, size: tuple[int, int] | None) -> Self:
        return type(self)(self._store, numbers, self.fields, size, self.on_error, self.depth, self.mask)

    def _load(self, number: int) -> LoadedSample:
        shard, place = self._store.locate(number)
        reader = self._store.reader(shard)
        index = self._store.shard_index(shard)
        key = self._store.key_in_shard(shard, place)
        values: dict[str, Any] = {}
        for field in self.fields:
            if field not in index.fields:
                if not FIELDS[field].optional or self._declares(field):
                    have = ", ".join(index.fields)
                    raise ShardError(f"{self._store.location(shard)}: {key}: has no {field}; it holds {have}")
                values[field] = None
            elif FIELDS[field].depth:
                values[field] = self._depth(field, shard, place, values.get("image"))
            elif field == "mask" and self.mask == "coverage" and self.size is not None:
                values[field] = mask_coverage(reader.read(place, field), self.size)
            else:
                values[field] = reader.read(place, field, self.size)
        shapes = {name: values[name].shape[:2] for name in ("image", "mask") if name in values}
        if len(set(shapes.values())) > 1:
            raise ShardError(f"{self._store.location(shard)}: {key}: image and mask differ in size ({shapes})")
        return LoadedSample(key, values)

    def _depth(self, field: str, shard: int, place: int, image: Array | None) -> Array:
        """Read a field of depth in the form asked for."""
        reader = self._store.reader(shard)
        codes: Array = reader.read(place, field)
        if self.depth == "codes":
            return codes
        depth = dequantise_depth(codes, reader.depth_bits(place) or 16)
        size = self.size or (image.shape[:2] if image is not None else reader.picture_size(place, "image"))
        if depth.shape != size:
            depth = resize_field(field, depth, size)
        if self.depth == "raw":
            key = self._store.key_in_shard(shard, place)
            where = f"{self._store.location(shard)}: {key}"
            low, high = _depth_range(field, reader.read(place, "meta"), where)
            depth = np.float32(low) + depth * np.float32(high - low)
        return depth

    def _declares(self, field: str) -> bool:
        return self.manifest is not None and field in self.manifest.fields

    def _name(self, number: int) -> str:
        try:
            return self._store.key(number)
        except ShardError:
            return ""


def _depth_range(field: str, meta: Meta, where: str) -> tuple[float, float]:
    """Return the range that the codes of a field span, in the estimator's units."""
    low, high = meta.get(f"{field}_min"), meta.get(f"{field}_max")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise ShardError(f'{where}: its meta tells no range of the {field}; open with depth="unit"')
    return low, high


def _size(size: int | str | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width)."""
    if size is None:
        return None
    if isinstance(size, tuple):
        height, width = size
        return parse_size("size", f"{width}x{height}")
    return parse_size("size", str(size))


def _shown(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__

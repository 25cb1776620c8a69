"""`open_dataset` and `Dataset`: random access to the samples of a dataset, in any format, here or behind a URL."""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, SupportsIndex, cast, overload

from fgbg_data.dataset.decoding import (
    DepthAs,
    Fields,
    MaskAs,
    OnError,
    ReadOptions,
    Size,
    parse_height_width,
    read_sample,
)
from fgbg_data.dataset.info import describe
from fgbg_data.dataset.layout import find_shards
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.errors import ConfigError, ShardError, UnknownKeyError, option
from fgbg_data.options import one_of
from fgbg_data.runtime.copies import FileCopies
from fgbg_data.runtime.locations import locate
from fgbg_data.shards import FORMATS
from fgbg_data.text import counted


def open_dataset(
    path: str | Path,
    split: str = "train",
    *,
    fields: Fields | None = None,
    size: Size | None = None,
    on_error: OnError = "raise",
    depth_as: DepthAs = "unit",
    mask_as: MaskAs = "binary",
    format: str | None = None,
    copies_gb: float = 0.0,
    transform: Callable[[LoadedSample], Any] | None = None,
) -> "Dataset":
    """Open one split of a dataset for reading.

        open_dataset("shards")                                      # train: every field, at the size as stored
        open_dataset("shards", "val", fields="image,mask")          # val: nothing else is read or decoded
        open_dataset("shards", fields="image,mask,depth", size=64)  # for training at 64 x 64 px
        open_dataset("shards", depth_as="raw")                      # depth in the estimator's units
        open_dataset("shards/train/fgbg-train-000000.tar")          # one shard
        open_dataset("s3://bucket/shards", on_error="skip")         # behind a URL; damaged samples are left out

    A DataLoader of PyTorch takes the result as it is: `DataLoader(open_dataset("shards"), batch_size=32, shuffle=True,
    num_workers=4)` gives batches with `batch["image"]` and so on. For training, ask for `fields="image,mask,depth"`:
    to parse the JSON of `meta` takes time.

    Args:
        path: folder that `fgbg-data build` wrote, or any folder of such shards, or one shard; a local path or a URL
            that fsspec opens. Shards without `dataset.json` and records are scanned once.
        split: name of the split; `Dataset.splits` lists them.
        fields: which of image, mask, depth, depth_composed and meta to read, as `"image,mask"` or a tuple; the
            others cost nothing. None reads every field that the dataset has.
        size: (height, width), `"WIDTHxHEIGHT"` or one side, in pixels, of image, mask and depth; None is as stored.
            JPEGs are decoded straight to a smaller size.
        on_error: `raise` an error for a damaged sample; or `skip` it where samples are iterated over or read as a
            batch, and count it in `Dataset.skipped`.
        depth_as: how depth and depth_composed are given. `unit` is float32 in [0, 1] by the sample's own range, `raw`
            is float32 in the estimator's units, both at the size of the image; `codes` is uint16 at the stored size.
        mask_as: how a mask is given at another size than the stored one. `binary` is 255 where the foreground covers at
            least half of the pixel, else 0; `coverage` is 255 times the share of the pixel that it covers, which
            keeps outlines that are finer than a pixel.
        format: format to read, if the dataset is stored in several; None takes the fastest.
        copies_gb: copy each shard behind a URL to the cache of this machine when it is first read, and keep copies of
            up to this many GB, which all processes share. 0 reads each sample from the URL.
        transform: called with each sample that is read; the dataset then gives what it returns, such as a dict of
            augmented arrays. Where worker processes are spawned, it must be a function that can be pickled.

    Returns:
        The samples, as a sequence.

    Raises:
        FgbgError: there is no dataset or no such split, or a shard is missing or truncated.

    Warns:
        UnfinishedWarning: the build of the dataset has not finished; its finished shards can be read.
    """
    options = ReadOptions.check(fields=fields, size=size, on_error=on_error, depth_as=depth_as, mask_as=mask_as)
    if format is not None:
        one_of("format", format, FORMATS)
    if not copies_gb >= 0:
        raise ConfigError(f"{option('copies_gb', copies_gb)}: expected at least 0")
    layout = find_shards(locate(path), split)
    layout.warn(stacklevel=2)
    reader = SplitReader(layout, format, skip=on_error == "skip", copies=FileCopies(copies_gb * 1e9))
    return Dataset(reader, range(len(reader)), options, transform)


Numbers = list[int] | list[str] | tuple[int, ...]
"""Several samples: their numbers, or their keys; an array of numbers works too."""


class Dataset(Sequence[LoadedSample]):
    """The samples of one split: a sequence that is also indexed by key. `open_dataset` makes it.

        sample = dataset[3]             # by number
        sample = dataset["hall_cat_007m"]  # by key
        some = dataset[100:200]         # a Dataset of the same open files
        some = dataset[[4, 2, 7]]       # the same, of any samples in any order, also by their keys
        for sample in dataset: ...      # in the order of the files

    It opens files when samples are read, and a pickle of it holds no open file, so that threads, forked and spawned
    processes may share it.
    """

    def __init__(
        self,
        reader: SplitReader,
        numbers: Sequence[int],
        options: ReadOptions,
        transform: Callable[[LoadedSample], Any] | None = None,
    ) -> None:
        self._reader = reader
        self._numbers = numbers
        self._options = options
        self._transform = transform

    @property
    def split(self) -> str:
        """Name of this split."""
        return self._reader.layout.split

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of all splits of the dataset."""
        return self._reader.layout.splits

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that are read: those that were asked for and that the dataset has."""
        there, asked = self._fields_there(), self._options.fields
        if asked is None:
            return there or ()
        return tuple(name for name in asked if there is None or name in there)

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of image, mask and depth in pixels; None is as stored."""
        return self._options.size

    @property
    def manifest(self) -> Manifest | None:
        """The content of `dataset.json`, or None if there is no such file."""
        return self._reader.layout.manifest

    @property
    def fingerprint(self) -> str:
        """Digest that identifies this dataset: that of its build, or else one of the names and counts of its shards."""
        return self._reader.fingerprint

    @property
    def info(self) -> dict[str, Any]:
        """What the dataset is: samples, splits, fields with type and shape, estimator, configuration."""
        return describe(self._reader)

    @property
    def skipped(self) -> dict[str, str]:
        """With `on_error="skip"`: key or shard -> why this process left it out."""
        return dict(self._reader.skipped)

    @property
    def num_skipped(self) -> int:
        """Number of samples that this process left out."""
        return self._reader.num_skipped

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, item: SupportsIndex | str) -> LoadedSample: ...

    @overload
    def __getitem__(self, item: slice | Numbers) -> Self: ...

    def __getitem__(self, item: SupportsIndex | str | slice | Numbers) -> "LoadedSample | Self":
        if isinstance(item, slice):
            return self._of(self._numbers[item])
        if isinstance(item, str) or not isinstance(item, Iterable) or getattr(item, "ndim", 1) == 0:
            return self._read(self._find(cast("SupportsIndex | str", item)))
        return self._of([self._find(one) for one in item])

    def __getitems__(self, items: Sequence[SupportsIndex]) -> list[LoadedSample]:
        """Return the samples of a batch; PyTorch's DataLoader calls this.

        They are read in the order of the files and returned in the order asked for. With `on_error="skip"` damaged
        samples are left out, so that the batch is smaller.

        Raises:
            ShardError: a sample is damaged; with `on_error="skip"`, all of them are.
        """
        numbers = [self._number(item) for item in items]
        found: list[LoadedSample | None] = [None] * len(numbers)
        for position in sorted(range(len(numbers)), key=numbers.__getitem__):
            found[position] = self._read_or_skip(numbers[position])
        samples = [sample for sample in found if sample is not None]
        if numbers and not samples:
            raise ShardError(f"none of the {len(numbers)} samples of a batch can be read; run fgbg-data verify")
        return samples

    def __iter__(self) -> Iterator[LoadedSample]:
        for number in self._numbers:
            sample = self._read_or_skip(number)
            if sample is not None:
                yield sample

    def __contains__(self, item: object) -> bool:
        try:
            self.index(item)
        except ValueError:
            return False
        return True

    def index(self, value: Any, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the number of a sample, from 0, by the sample or its key; it reads no pixels.

        Raises:
            ValueError: there is no such sample between `start` and `stop`.
        """
        key = value.get("key") if isinstance(value, LoadedSample) else value
        if isinstance(key, str):
            try:
                found = self._numbers.index(self._number_of_key(key))
            except UnknownKeyError:
                pass
            else:
                if found in range(len(self))[start:stop]:
                    return found
        raise ValueError(f"no key {key!r} in {self.split} ({counted(len(self), 'sample')})")

    def count(self, value: Any) -> int:
        """Return 1 if a sample, or a key, is in the dataset, else 0."""
        return int(value in self)

    def key(self, number: SupportsIndex) -> str:
        """Return the key of a sample, without reading the sample."""
        return self._reader.key(self._number(number))

    def keys(self) -> list[str]:
        """Return the keys of all samples, in order."""
        if self._numbers == range(len(self._reader)):
            return list(self._reader.keys())
        return [self._reader.key(number) for number in self._numbers]

    def resized(self, size: Size | None) -> Self:
        """Return the same samples at another size; both share open files and the indexes of the shards."""
        options = replace(self._options, size=parse_height_width(size))
        return type(self)(self._reader, self._numbers, options, self._transform)

    def __repr__(self) -> str:
        size = "" if self.size is None else f", size={self.size[1]}x{self.size[0]}"
        return f"Dataset({self.split!r}, {len(self)} samples, fields={','.join(self.fields)}{size})"

    def _repr_html_(self) -> str:
        """Return thumbnails of the first samples, as Jupyter shows them."""
        from fgbg_data.drawing.html import MAX_SAMPLES, dataset_html

        return dataset_html(repr(self), self._first_samples(MAX_SAMPLES))

    # --- parts of it --------------------------------------------------------------------------------------

    def _first_samples(self, count: int) -> list[LoadedSample]:
        """Return up to `count` of the first samples, without those that are damaged."""
        samples = []
        for number in self._numbers[:count]:
            try:
                samples.append(read_sample(self._reader, number, self._options))
            except ShardError:
                continue
        return samples

    def _of(self, numbers: Sequence[int]) -> Self:
        """Return a dataset of some of the samples, which shares open files."""
        return type(self)(self._reader, numbers, self._options, self._transform)

    def _read(self, number: int) -> LoadedSample:
        """Return a sample, or what the transform of the user makes of it."""
        sample = read_sample(self._reader, number, self._options)
        return sample if self._transform is None else self._transform(sample)

    def _find(self, item: SupportsIndex | str) -> int:
        """Return the number in the split of the sample at a position or with a key."""
        return self._number_of_key(item) if isinstance(item, str) else self._number(item)

    def _read_or_skip(self, number: int) -> LoadedSample | None:
        """Read a sample; with `on_error="skip"` return None for a damaged one, and count it."""
        try:
            return self._read(number)
        except ShardError as error:
            if self._options.on_error == "raise":
                raise
            self._reader.skip(self._name(number), str(error))
            return None

    def _number(self, item: SupportsIndex) -> int:
        """Return the number in the split of the sample at a position of this dataset."""
        try:
            return self._numbers[operator.index(item)]
        except IndexError:
            raise IndexError(f"index {item} is out of range ({counted(len(self), 'sample')})") from None

    def _number_of_key(self, key: str) -> int:
        """Return the number in the split of the sample that has a key."""
        number = self._reader.find(key)
        if number not in self._numbers:
            raise self._reader.unknown_key(key, len(self))
        return number

    def _name(self, number: int) -> str:
        """Return the key of a sample, or its shard and index where the shard cannot be opened."""
        try:
            return self._reader.key(number)
        except ShardError:
            shard, index = self._reader.locate(number)
            return f"{self._reader.shards[shard].stem} {index}"

    def _fields_there(self) -> tuple[str, ...] | None:
        """Return the fields of the dataset: those of its manifest, or of its first shard; None if both are unknown."""
        if self.manifest is not None:
            return self.manifest.known_fields
        try:
            return self._reader.shard_index(0).fields if self._reader.shards else None
        except ShardError:
            return None

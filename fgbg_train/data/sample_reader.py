"""The samples of one split, at any size: decoded from the shards, or read from the cache of resized samples."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.errors import option
from fgbg_data.runtime import remote
from fgbg_data.runtime.locations import locate
from fgbg_train.data.cache import Pixels, SizeCache
from fgbg_train.errors import DataError, FgbgError

WARM_FRAC = 0.9
"""Share of samples that a cache must hold to be read without workers. It is below 1 because each epoch leaves out the
samples that do not fill a batch."""


def size_at(full: tuple[int, int], side_px: int | None) -> tuple[int, int]:
    """Return (height, width) with a shorter side of `side_px` and the same ratio; None keeps the size.

    >>> size_at((240, 320), 48), size_at((240, 320), None)
    ((48, 64), (240, 320))
    """
    if side_px is None:
        return full
    shorter = min(full)
    return round(full[0] * side_px / shorter), round(full[1] * side_px / shorter)


@dataclass
class SampleReader:
    """Reads the samples of one split at any size. It can be pickled, and opens files when it first reads.

    Raises:
        FgbgError: the dataset cannot be opened, or has no such split.
        DataError: the split is empty, or has no images.
    """

    path: str
    """Folder or URL of the dataset."""
    split: str
    """Name of the split."""
    limit: int = 0
    """Read at most this number of samples; 0 reads all."""
    caches: dict[int | None, SizeCache] = field(default_factory=dict)
    """Shorter side in pixels (None: the size of the dataset) -> cache of samples at that size."""
    depth_field: str = "depth"
    """The field that is read as depth."""
    copies_gb: float = 0.0
    """Largest size of the copies of shards behind a URL that this machine keeps, in GB; 0 makes none."""

    def __post_init__(self) -> None:
        self._datasets: dict[int | None, Any] = {}
        dataset = open_split(self.path, self.split)
        self.num_samples = min(len(dataset), self.limit) if self.limit else len(dataset)
        """Number of samples."""
        self.unfinished = dataset.info["complete"] is False
        """Whether the build of the dataset has not finished."""
        if not self.num_samples:
            yet = " yet: its build has not finished, so run the same build command first" if self.unfinished else ""
            raise DataError(f"the split {self.split!r} has no samples{yet}", where=self.path)
        fields = dataset.info["fields"]
        self.available = tuple(sorted(fields))
        """Names of all fields of the dataset."""
        self.fields = tuple(name for name in ("image", "mask", self.depth_field) if name in fields)
        """Names of the fields that are read."""
        if "image" not in self.fields:
            raise DataError("holds no images", where=self.path)
        self.full: tuple[int, int] = tuple(fields["image"]["shape"][:2])
        """(height, width) of the images of the dataset."""

    @property
    def has_mask(self) -> bool:
        """Whether samples have a mask."""
        return "mask" in self.fields

    @property
    def has_depth(self) -> bool:
        """Whether samples have depth."""
        return self.depth_field in self.fields

    def check_depth(self, *, required: bool) -> None:
        """Refuse a missing field of depth if it is required, or if the dataset has another one that may be meant.

        Raises:
            DataError: the text names the fields of the dataset.
        """
        others = any(name.startswith("depth") for name in self.available)
        if not self.has_depth and (required or others):
            raise DataError(
                f"holds no {self.depth_field}, only {', '.join(self.available)}. Choose another "
                f"{option('depth_field')}, or build the dataset with {option('depth_mode', 'both')}",
                where=self.path,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_datasets": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        remote.be_patient_with(locate(self.path))  # the process that pickled this has reached it

    def read(self, index: int, side_px: int | None) -> Pixels:
        """Return one sample at a size, from the cache if it is there.

        Args:
            index: number of the sample in the split.
            side_px: shorter side in pixels; None is the size of the dataset.

        Raises:
            FgbgError: the sample cannot be read.
        """
        cache = self.caches.get(side_px)
        pixels = cache.read(index) if cache else None
        if pixels is None:
            pixels = self._decode(index, side_px)
            if cache:
                cache.write(index, pixels)
        return pixels

    def is_cached(self, sides_px: Iterable[int | None]) -> bool:
        """Return whether nearly all samples are cached at each of these sizes."""
        return all(side in self.caches and self.caches[side].written_frac() >= WARM_FRAC for side in sides_px)

    def key(self, index: int) -> str:
        """Return the key of a sample."""
        key: str = self._dataset(None)[index : index + 1].keys()[0]
        return key

    def _decode(self, index: int, side_px: int | None) -> Pixels:
        sample = self._dataset(side_px)[index]
        depth = None
        if self.has_depth:
            depth = np.round(getattr(sample, self.depth_field) * 65535).astype(np.uint16)
        mask = sample.mask if self.has_mask else np.zeros(sample.image.shape[:2], np.uint8)
        return Pixels(sample.image, mask, depth)

    def _dataset(self, side_px: int | None) -> Any:
        """Return the dataset that this process has open and that decodes at a size."""
        if side_px not in self._datasets:
            size = None if side_px is None else size_at(self.full, side_px)
            self._datasets[side_px] = open_split(self.path, self.split, self.fields, size, self.copies_gb)
        return self._datasets[side_px]


def open_split(
    path: str,
    split: str,
    fields: tuple[str, ...] = ("image",),
    size: tuple[int, int] | None = None,
    copies_gb: float = 0.0,
) -> Any:
    """Open one split of a dataset.

    Args:
        path: folder or URL of the dataset.
        split: name of the split.
        fields: the fields to read.
        size: (height, width) at which samples are decoded; None is the size of the dataset.
        copies_gb: see `open_dataset`.

    Raises:
        FgbgError: it cannot be opened.
    """
    from fgbg_data import open_dataset

    with warnings.catch_warnings():  # the run says it once; not every worker should repeat it at every size
        warnings.filterwarnings("ignore", message=".*is not finished", category=UserWarning)
        # Coverage, because outlines can be finer than the pixels of a small size.
        return open_dataset(path, split=split, fields=fields, size=size, mask_as="coverage", copies_gb=copies_gb)


def splits_of(path: Path | str, *guesses: str) -> tuple[tuple[str, ...], str]:
    """Return the names of the splits of a dataset, and its fingerprint.

    Args:
        path: folder or URL of the dataset.
        guesses: names of splits; the dataset should have at least one of them.

    Raises:
        FgbgError: the dataset cannot be opened.
    """
    for guess in guesses[:-1]:
        try:
            dataset = open_split(str(path), guess)
        except FgbgError:
            continue
        break
    else:
        dataset = open_split(str(path), guesses[-1])
    return tuple(dataset.splits), str(dataset.fingerprint)

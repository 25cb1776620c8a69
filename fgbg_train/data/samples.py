"""From shards to batches: samples of a split at any size, and what a device gets of them."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fgbg_data.errors import option
from fgbg_train.data.cache import Pixels, SizeCache
from fgbg_train.data.stream import Item
from fgbg_train.errors import DataError, FgbgError

FULL_SIZE = 0
"""The size in px that stands for the dataset's own."""
WARM_FRAC = 0.9
"""Share of samples that a cache must hold to be read without workers; an epoch leaves out up to a batch of them."""


class Batch(NamedTuple):
    """What a worker hands over; H, W are the input size, h, w the target size."""

    keys: tuple[str, ...]
    image: Tensor
    """(B, H, W, 3) uint8 RGB."""
    mask: Tensor
    """(B, h, w) uint8, 255 x the share of the pixel that the mask covers; all 0 where the dataset has no masks."""
    depth: Tensor | None
    """(B, h, w) uint16, 65535 x relative inverse depth."""
    error: str = ""
    """Not empty: the batch could not be read, and why."""
    skipped: tuple[str, ...] = ()
    """Keys of samples that could not be read and were replaced."""


class Targets(NamedTuple):
    """A batch as float tensors on a device."""

    image: Tensor
    """(B, 3, H, W) in [0, 1]."""
    mask: Tensor
    """(B, 1, h, w) in [0, 1]."""
    depth: Tensor | None
    """(B, 1, h, w) in [0, 1]."""
    recoloured: Tensor | None = None
    """(B, 3, H, W) in [0, 1]: in training, what the mask network sees in the place of `image`."""


def to_device(batch: Batch, device: torch.device) -> Targets:
    """Move a batch and make it float; the one place where (H, W, C) bytes become (C, H, W) numbers."""
    image = batch.image.to(device, non_blocking=True).permute(0, 3, 1, 2)  # stays channels-last in memory
    mask = batch.mask.to(device, non_blocking=True).unsqueeze(1)
    depth = None
    if batch.depth is not None:
        depth = batch.depth.to(device, non_blocking=True).float().unsqueeze(1) / 65535
    return Targets(image.float() / 255, mask.float() / 255, depth)


def height_width(full: tuple[int, int], size_px: int) -> tuple[int, int]:
    """Return (height, width) where the shorter side is `size_px` and the ratio stays.

    >>> height_width((240, 320), 48), height_width((240, 320), FULL_SIZE)
    ((48, 64), (240, 320))
    """
    if size_px == FULL_SIZE:
        return full
    shorter = min(full)
    return round(full[0] * size_px / shorter), round(full[1] * size_px / shorter)


@dataclass
class SplitReader:
    """Reads the samples of one split at any size; picklable, and opens files on first use.

    Args:
        path: the dataset.
        split: which part.
        limit: read only so many samples; 0: all.
        caches: of resized samples, by size in px.
        depth_field: the field that is read as depth.
    """

    path: str
    split: str
    limit: int = 0
    caches: dict[int, SizeCache] = field(default_factory=dict)
    depth_field: str = "depth"

    def __post_init__(self) -> None:
        self._datasets: dict[int, Any] = {}
        dataset = open_split(self.path, self.split)
        available = len(dataset)
        self.num_samples = min(available, self.limit) if self.limit else available
        if not self.num_samples:
            raise DataError(f"{self.path}: the split {self.split!r} has no samples")
        self.unfinished = dataset.info["complete"] is False
        there = dataset.info["fields"]
        self.available = tuple(sorted(there))
        self.fields = tuple(name for name in ("image", "mask", self.depth_field) if name in there)
        if "image" not in self.fields:
            raise DataError(f"{self.path}: holds no images")
        self.full: tuple[int, int] = tuple(there["image"]["shape"][:2])

    @property
    def has_mask(self) -> bool:
        """Whether samples have a mask."""
        return "mask" in self.fields

    @property
    def has_depth(self) -> bool:
        """Whether samples have depth."""
        return self.depth_field in self.fields

    def check_depth(self, *, asked: bool) -> None:
        """Refuse a field of depth that is not there, if it was asked for or there is another that may be meant.

        Raises:
            DataError: the text names the fields that there are.
        """
        others = any(name.startswith("depth") for name in self.available)
        if not self.has_depth and (asked or others):
            raise DataError(
                f"{self.path}: holds no {self.depth_field}, only {', '.join(self.available)}. Choose another "
                f"{option('depth_field')}, or build the dataset with {option('depth_mode', 'both')}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_datasets": {}}

    def read(self, index: int, size_px: int) -> Pixels:
        """Return one sample at a size, from the cache where it is there.

        Raises:
            FgbgError: the sample cannot be read.
        """
        cache = self.caches.get(size_px)
        pixels = cache.read(index) if cache else None
        if pixels is None:
            pixels = self._decode(index, size_px)
            if cache:
                cache.write(index, pixels)
        return pixels

    def is_cached(self, sizes: Iterable[int]) -> bool:
        """Tell whether samples at all these sizes in px are cached, but for a few."""
        return all(size in self.caches and self.caches[size].written_frac() >= WARM_FRAC for size in sizes)

    def key(self, index: int) -> str:
        """Return the key of a sample."""
        key: str = self._dataset(FULL_SIZE)[index : index + 1].keys()[0]
        return key

    def _decode(self, index: int, size_px: int) -> Pixels:
        sample = self._dataset(size_px)[index]
        depth = None
        if self.has_depth:
            depth = np.round(getattr(sample, self.depth_field) * 65535).astype(np.uint16)
        mask = sample.mask if self.has_mask else np.zeros(sample.image.shape[:2], np.uint8)
        return Pixels(sample.image, mask, depth)

    def _dataset(self, size_px: int) -> Any:
        """Return the open dataset of this process that decodes at a size."""
        if size_px not in self._datasets:
            size = None if size_px == FULL_SIZE else height_width(self.full, size_px)
            self._datasets[size_px] = open_split(self.path, self.split, self.fields, size)
        return self._datasets[size_px]


def open_split(path: str, split: str, fields: tuple[str, ...] = ("image",), size: tuple[int, int] | None = None) -> Any:
    """Open one split of a dataset; raises FgbgError where that cannot be done."""
    from fgbg_data import open_dataset

    with warnings.catch_warnings():  # a run says it once, not every worker at every size
        warnings.filterwarnings("ignore", message=".*is not finished", category=UserWarning)
        # Coverage: at a small size, outlines are finer than its pixels.
        return open_dataset(path, split=split, fields=fields, size=size, mask_as="coverage")


class StreamDataset(Dataset[Batch]):
    """Turns a list of Items into a Batch; runs in the workers.

    Args:
        readers: by split.
        skip_errors: put the next readable sample in the place of one that cannot be read.
    """

    def __init__(self, readers: dict[str, SplitReader], *, skip_errors: bool) -> None:
        self.readers = readers
        self.skip_errors = skip_errors

    def __getitems__(self, items: Sequence[Item]) -> Batch:
        """Read a batch; what goes wrong is told in the batch, because workers cannot raise one line."""
        keys, images, masks, depths, skipped = [], [], [], [], []
        for item in items:
            reader = self.readers[item.split]
            for offset in range(reader.num_samples if self.skip_errors else 1):
                index = (item.sample + offset) % reader.num_samples
                try:
                    pixels = reader.read(index, item.size_px)
                    targets = pixels
                    if item.target_px != item.size_px:
                        targets = reader.read(index, item.target_px)
                except FgbgError as error:
                    if not self.skip_errors:
                        return Batch((), torch.empty(0), torch.empty(0), None, error=str(error))
                    skipped.append(reader.key(index))
                    continue
                keys.append(reader.key(index))
                images.append(pixels.image)
                masks.append(targets.mask)
                depths.append(targets.depth)
                break
            else:
                return Batch((), torch.empty(0), torch.empty(0), None, error="no sample can be read")
        if not keys:
            return Batch((), torch.empty(0), torch.empty(0), None)
        known = [d for d in depths if d is not None]
        depth = torch.from_numpy(np.stack(known)) if known else None
        image, mask = torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))
        return Batch(tuple(keys), image, mask, depth, skipped=tuple(skipped))


def splits_of(path: Path | str, *guesses: str) -> tuple[tuple[str, ...], str]:
    """Return the names of a dataset's splits, and its fingerprint.

    Args:
        path: the dataset.
        guesses: names of splits of which it is likely to have one.
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

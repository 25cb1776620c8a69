"""Batches: samples stacked as bytes, and the same as float tensors on a device."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fgbg_data.errors import option
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item
from fgbg_train.errors import DataError, FgbgError


class Batch(NamedTuple):
    """Samples as bytes. H, W is the size of the images, h, w the size of masks and depth."""

    keys: tuple[str, ...]
    """Keys of the samples. A process has no sample if others take all of a small batch."""
    image: Tensor
    """(B, H, W, 3) uint8 RGB."""
    mask: Tensor
    """(B, h, w) uint8: 255 x the share of the pixel that the mask covers; 0 if the dataset has no masks."""
    depth: Tensor | None
    """(B, h, w) uint16: 65535 x relative inverse depth."""
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
    """(B, 3, H, W) in [0, 1]: in training, the mask network sees this instead of `image`."""


def to_device(batch: Batch, device: torch.device) -> Targets:
    """Move a batch to a device and make it float. Only here do (H, W, C) bytes become (C, H, W) numbers."""
    image = batch.image.to(device, non_blocking=True).permute(0, 3, 1, 2)  # stays channels-last in memory
    mask = batch.mask.to(device, non_blocking=True).unsqueeze(1)
    depth = None
    if batch.depth is not None:
        depth = batch.depth.to(device, non_blocking=True).float().unsqueeze(1) / 65535
    return Targets(image.float() / 255, mask.float() / 255, depth)


class BatchReader:
    """Reads the samples of a batch, in the process that calls it. It can be pickled.

    Args:
        readers: split -> its reader.
        skip_errors: replace a sample that cannot be read by the next one that can.
    """

    def __init__(self, readers: Mapping[str, SampleReader], *, skip_errors: bool) -> None:
        self.readers = readers
        self.skip_errors = skip_errors

    def read(self, items: Sequence[Item]) -> Batch:
        """Return the samples of `items`, all of one size, as a batch.

        Raises:
            DataError: a sample cannot be read; with `skip_errors`, no sample of its split can.
        """
        keys, images, masks, depths, skipped = [], [], [], [], []
        for item in items:
            reader = self.readers[item.split]
            for offset in range(reader.num_samples):
                index = (item.sample + offset) % reader.num_samples
                try:
                    pixels = reader.read(index, item.side_px)
                    targets = pixels if item.target_px == item.side_px else reader.read(index, item.target_px)
                except FgbgError as error:
                    if not self.skip_errors:
                        raise DataError(
                            f"{error.problem}. {option('on_error', 'skip')} goes on without such samples, and counts "
                            "them",
                            where=error.where,
                        ) from error
                    skipped.append(reader.key(index))
                    continue
                keys.append(reader.key(index))
                images.append(pixels.image)
                masks.append(targets.mask)
                depths.append(targets.depth)
                break
            else:
                raise DataError(f"no sample of the split {item.split!r} can be read", where=reader.path)
        if not keys:
            return Batch((), torch.empty(0), torch.empty(0), None)
        known = [depth for depth in depths if depth is not None]
        depth = torch.from_numpy(np.stack(known)) if known else None
        image, mask = torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))
        return Batch(tuple(keys), image, mask, depth, tuple(skipped))

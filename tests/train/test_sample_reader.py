"""Samples of a split at any size, and batches of them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fgbg_data import open_dataset
from fgbg_train.data.batches import Batch, BatchReader, to_device
from fgbg_train.data.cache import Pixels
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item
from fgbg_train.errors import DataError, FgbgError


def test_a_reader_gives_what_the_dataset_holds(shards: Path) -> None:
    reader = SampleReader(str(shards), "train")
    dataset = open_dataset(shards, "train", fields=("image", "mask", "depth"))
    pixels = pickle.loads(pickle.dumps(reader)).read(3, None)
    assert reader.num_samples == len(dataset) == 24
    assert reader.full == (48, 48)
    assert reader.key(3) == dataset[3].key
    assert np.array_equal(pixels.image, dataset[3].image)
    assert np.array_equal(pixels.mask, dataset[3].mask)
    assert np.abs(pixels.depth / 65535 - dataset[3].depth).max() < 1e-5
    assert reader.read(3, 24).image.shape == (24, 24, 3)


def test_a_limit_takes_the_first_samples_and_a_missing_split_is_named(shards: Path) -> None:
    assert SampleReader(str(shards), "train", limit=5).num_samples == 5
    with pytest.raises(FgbgError, match="nonsense"):
        SampleReader(str(shards), "nonsense")


def test_bytes_become_numbers_with_channels_first_and_masks_become_shares(shards: Path) -> None:
    readers = {"val": SampleReader(str(shards), "val")}
    batch = BatchReader(readers, skip_errors=False).read([Item("val", i, 16, 24) for i in range(3)])
    targets = to_device(batch, torch.device("cpu"))
    assert targets.image.shape == (3, 3, 16, 16)
    assert targets.mask.shape == targets.depth.shape == (3, 1, 24, 24)  # type: ignore[union-attr]
    assert targets.image.is_contiguous(memory_format=torch.channels_last)
    first = readers["val"].read(0, 16).image
    assert torch.equal(targets.image[0], torch.from_numpy(first).permute(2, 0, 1).float() / 255)
    halves = readers["val"].read(0, None).mask.reshape(24, 2, 24, 2).mean(axis=(1, 3)) / 255
    assert np.abs(targets.mask[0, 0].numpy() - halves).max() < 0.6 / 255


class Damaged(SampleReader):
    """A reader that cannot read some samples."""

    damaged: tuple[int, ...] = (1,)

    def read(self, index: int, side_px: int | None) -> Pixels:
        if index in self.damaged:
            raise DataError("is damaged", where=self.key(index))
        return super().read(index, side_px)


class AllDamaged(Damaged):
    """A reader that can read no sample."""

    damaged = tuple(range(24))


def read_with_damage(shards: Path, *, skip: bool, reader: type[Damaged] = Damaged) -> Batch:
    batches = BatchReader({"train": reader(str(shards), "train")}, skip_errors=skip)
    return batches.read([Item("train", i, 16, 16) for i in (0, 1)])


def test_a_damaged_sample_is_named_with_the_way_out(shards: Path) -> None:
    key = SampleReader(str(shards), "train").key(1)
    with pytest.raises(DataError) as caught:
        read_with_damage(shards, skip=False)
    assert str(caught.value) == f"{key}: is damaged. on_error='skip' goes on without such samples, and counts them"


def test_a_damaged_sample_is_replaced_by_the_next_one_where_that_is_asked_for(shards: Path) -> None:
    keys = [SampleReader(str(shards), "train").key(i) for i in range(3)]
    batch = read_with_damage(shards, skip=True)
    assert batch.skipped == (keys[1],)
    assert batch.keys == (keys[0], keys[2])
    with pytest.raises(DataError, match="no sample of the split 'train' can be read"):
        read_with_damage(shards, skip=True, reader=AllDamaged)

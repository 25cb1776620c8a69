"""Samples of a split, batches of them, and the cache of resized ones."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training import largest_file

from fgbg_data import open_dataset
from fgbg_train.data.cache import Demand, Pixels, SizeCache, plan_caches
from fgbg_train.data.samples import FULL_SIZE, Batch, SplitReader, StreamDataset, to_device
from fgbg_train.data.stream import Item
from fgbg_train.errors import DataError, FgbgError


def test_a_reader_gives_what_the_dataset_holds(shards: Path) -> None:
    reader = SplitReader(str(shards), "train")
    dataset = open_dataset(shards, "train", fields=("image", "mask", "depth"))
    pixels = pickle.loads(pickle.dumps(reader)).read(3, FULL_SIZE)
    assert reader.num_samples == len(dataset) == 24
    assert reader.full == (48, 48)
    assert reader.key(3) == dataset[3].key
    assert np.array_equal(pixels.image, dataset[3].image)
    assert np.array_equal(pixels.mask, dataset[3].mask)
    assert np.abs(pixels.depth / 65535 - dataset[3].depth).max() < 1e-5
    assert reader.read(3, 24).image.shape == (24, 24, 3)


def test_a_batch_becomes_numbers_in_one_place(shards: Path) -> None:
    readers = {"val": SplitReader(str(shards), "val")}
    batch = StreamDataset(readers, skip_errors=False).__getitems__([Item("val", i, 16, 24) for i in range(3)])
    targets = to_device(batch, torch.device("cpu"))
    assert targets.image.shape == (3, 3, 16, 16)
    assert targets.mask.shape == targets.depth.shape == (3, 1, 24, 24)  # type: ignore[union-attr]
    assert targets.image.is_contiguous(memory_format=torch.channels_last)
    first = readers["val"].read(0, 16).image
    assert torch.equal(targets.image[0], torch.from_numpy(first).permute(2, 0, 1).float() / 255)
    halves = readers["val"].read(0, FULL_SIZE).mask.reshape(24, 2, 24, 2).mean(axis=(1, 3)) / 255
    assert np.abs(targets.mask[0, 0].numpy() - halves).max() < 0.6 / 255  # the share that the mask covers


def test_a_limit_and_an_empty_split(shards: Path) -> None:
    assert SplitReader(str(shards), "train", limit=5).num_samples == 5
    with pytest.raises(FgbgError, match="nonsense"):
        SplitReader(str(shards), "nonsense")


class Broken(SplitReader):
    """A reader that cannot read sample 1."""

    def _decode(self, index: int, size_px: int) -> Pixels:
        if index == 1:
            raise DataError(f"{self.key(index)}: damaged")
        return super()._decode(index, size_px)


def read_broken(shards: Path, *, skip: bool) -> Batch:
    dataset = StreamDataset({"train": Broken(str(shards), "train")}, skip_errors=skip)
    return dataset.__getitems__([Item("train", i, 16, 16) for i in (0, 1)])


def test_a_damaged_sample_is_named_or_replaced(shards: Path) -> None:
    key = SplitReader(str(shards), "train").key(1)
    assert read_broken(shards, skip=False).error == f"{key}: damaged"
    batch = read_broken(shards, skip=True)
    assert batch.error == ""
    assert batch.skipped == (key,)
    assert batch.keys == tuple(SplitReader(str(shards), "train").key(i) for i in (0, 2))


def pixels_of(size: int, seed: int, *, depth: bool) -> Pixels:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    mask = rng.integers(0, 2, (size, size), dtype=np.uint8) * np.uint8(255)
    return Pixels(image, mask, rng.integers(0, 65536, (size, size), dtype=np.uint16) if depth else None)


@pytest.mark.parametrize("depth", [True, False])
def test_a_row_counts_only_when_it_is_whole(tmp_path: Path, depth: bool) -> None:
    cache = SizeCache(tmp_path / "train-8px.rows", 4, (8, 8), depth)
    cache.create()
    assert [cache.read(i) for i in range(4)] == [None] * 4
    written = pixels_of(8, 0, depth=depth)
    cache.write(2, written)
    again = pickle.loads(pickle.dumps(cache))
    found = again.read(2)
    assert all(np.array_equal(a, b) for a, b in zip(found, written, strict=True) if a is not None)
    assert again.read(1) is None
    again.create()  # a run that is resumed keeps its rows
    assert again.read(2) is not None
    with (tmp_path / "train-8px.rows").open("r+b") as stream:
        stream.seek(2 * 8 * 8 * (6 if depth else 4) + 5)
        stream.write(b"\x01\x02\x03\x04")
    assert pickle.loads(pickle.dumps(cache)).read(2) is None


def test_a_full_disk_leaves_a_row_out(tmp_path: Path) -> None:
    cache = SizeCache(tmp_path / "train-8px.rows", 4, (8, 8), depth=True)
    cache.create()
    with largest_file(2 * 8 * 8 * 6 + 10):
        for index in (1, 2):
            cache.write(index, pixels_of(8, index, depth=True))
    assert [cache.read(index) is None for index in range(4)] == [True, False, True, True]


def test_what_is_read_most_is_cached_first(tmp_path: Path) -> None:
    demands = [
        Demand(split="train", size_px=16, reads=2, bytes=100),
        Demand(split="train", size_px=24, reads=6, bytes=200),
        Demand(split="train", size_px=32, reads=1, bytes=1),
        Demand(split="val", size_px=24, reads=6, bytes=20),
    ]
    chosen = plan_caches(demands, budget_bytes=250, folder=tmp_path / "not there yet")
    assert [(d.split, d.size_px) for d in chosen] == [("val", 24), ("train", 24)]

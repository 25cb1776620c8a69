"""Batches of the stream: with workers, and without where all is cached."""

import multiprocessing
from pathlib import Path

import torch

from fgbg_train.data.cache import SizeCache
from fgbg_train.data.loader import Loader
from fgbg_train.data.samples import FULL_SIZE, Batch, SplitReader, StreamDataset
from fgbg_train.data.stream import Item, Segment


def test_what_is_cached_is_read_without_workers(shards: Path, tmp_path: Path) -> None:
    reader = SplitReader(str(shards), "train")
    reader.caches[16] = SizeCache(tmp_path / "train-16px.rows", reader.num_samples, (16, 16), depth=True)
    reader.caches[16].create()
    loader = Loader(StreamDataset({"train": reader}, skip_errors=False), workers=1)
    batches = [[Item("train", i, 16, 16) for i in range(first, first + 6)] for first in range(0, 24, 6)]

    def read() -> list[Batch]:
        return list(loader.read([Segment("train", frozenset({16}), batches)]))

    assert not reader.is_cached({16})
    cold = read()
    assert len(multiprocessing.active_children()) == 1
    assert reader.is_cached({16})
    assert not reader.is_cached({16, FULL_SIZE})
    loader._loader = None  # ends its worker, without which the rest must do
    assert multiprocessing.active_children() == []
    for one, other in zip(cold, read(), strict=True):
        assert one.keys == other.keys
        assert all(torch.equal(a, b) for a, b in zip(one[1:4], other[1:4], strict=True))
    assert multiprocessing.active_children() == []

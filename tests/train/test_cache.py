"""The cache of resized samples: a row counts only if it is whole, and what is read most is cached first."""

import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
from helpers.limits import limit

from fgbg_train.data.cache import Demand, Pixels, SizeCache, plan_caches


def random_pixels(size: int, seed: int, *, depth: bool) -> Pixels:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    mask = rng.integers(0, 2, (size, size), dtype=np.uint8) * np.uint8(255)
    return Pixels(image, mask, rng.integers(0, 65536, (size, size), dtype=np.uint16) if depth else None)


@pytest.mark.parametrize("depth", [True, False])
def test_a_row_counts_only_if_it_is_whole(tmp_path: Path, depth: bool) -> None:
    cache = SizeCache(tmp_path / "train-8px.rows", 4, (8, 8), depth)
    cache.create()
    assert [cache.read(i) for i in range(4)] == [None] * 4
    written = random_pixels(8, 0, depth=depth)
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
    with limit(resource.RLIMIT_FSIZE, 2 * 8 * 8 * 6 + 10):
        for index in (1, 2):
            cache.write(index, random_pixels(8, index, depth=True))
    assert [cache.read(index) is None for index in range(4)] == [True, False, True, True]


def test_what_is_read_most_is_cached_first(tmp_path: Path) -> None:
    demands = [
        Demand(split="train", size_px=16, reads=2, bytes=100),
        Demand(split="train", size_px=24, reads=6, bytes=200),
        Demand(split="train", size_px=32, reads=1, bytes=1),
        Demand(split="val", size_px=24, reads=6, bytes=20),
    ]
    chosen = plan_caches(demands, budget_bytes=250, folder=tmp_path / "does not exist yet")
    assert [(d.split, d.size_px) for d in chosen] == [("val", 24), ("train", 24)]

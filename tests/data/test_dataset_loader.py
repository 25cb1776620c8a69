"""`DataLoader(open_dataset(...))` makes batches as it is: with workers however they start, and at any size."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.datasets import config_for
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Subset

from fgbg_data.building.build import build
from fgbg_data.dataset.reading import Dataset, open_dataset

every_format = pytest.mark.parametrize("format_name", ["tar", "hdf5"])


@pytest.fixture(autouse=True)
def allow_fork_beside_threads() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)  # Python 3.12 and later
        yield


def loaded(ds: Dataset, **options: Any) -> list[Any]:
    return list(DataLoader(ds, **options))  # type: ignore[arg-type]


def assert_holds(batch: Any, ds: Dataset) -> None:
    """Compare a batch with the samples of its keys."""
    samples = [ds[key] for key in batch["key"]]
    assert set(batch) == set(samples[0])
    for name in ("image", "mask", "depth"):
        assert batch[name] is getattr(batch, name)
        assert np.array_equal(batch[name].numpy(), np.stack([sample[name] for sample in samples]))


@pytest.mark.parametrize(
    ("format_name", "workers", "start"),
    [
        *(("tar", 0, None), ("tar", 2, "fork"), ("tar", 2, "spawn")),
        *(("hdf5", 0, None), ("hdf5", 2, "fork"), ("hdf5", 2, "spawn"), ("hdf5", 2, "forkserver")),
    ],
)
def test_batches_of_every_field_with_workers(dataset: Path, format_name: str, workers: int, start: str | None) -> None:
    ds = open_dataset(dataset, format=format_name)
    batches = loaded(ds, batch_size=10, num_workers=workers, multiprocessing_context=start)
    assert [len(batch["key"]) for batch in batches] == [10, 10, 4]
    assert [key for batch in batches for key in batch.key] == ds.keys()
    for batch in batches:
        assert_holds(batch, ds)
    first = batches[0]
    assert (first.image.shape, first.image.dtype) == ((10, 48, 48, 3), torch.uint8)
    assert (first.mask.shape, first.mask.dtype) == ((10, 48, 48), torch.uint8)
    assert (first.depth.shape, first.depth.dtype) == ((10, 48, 48), torch.float32)


@every_format
def test_meta_becomes_a_dictionary_of_tensors_and_texts(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, fields="meta", format=format_name)
    (batch,) = loaded(ds, batch_size=24)
    metas = [sample.meta for sample in ds]
    assert batch.meta["background"] == [meta["background"] for meta in metas]
    assert batch.meta["position"].tolist() == [meta["position"] for meta in metas]
    assert batch.meta["mirrored"].tolist() == [meta["mirrored"] for meta in metas]
    assert torch.stack(batch.meta["box"], 1).tolist() == [meta["box"] for meta in metas]
    assert batch.meta["depth_min"].tolist() == [meta["depth_min"] for meta in metas]
    assert set(batch.meta) == set(metas[0])


@every_format
def test_batches_of_resized_samples_shuffled(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, fields="image,mask,depth", format=format_name)[2:22].resized("32x16")
    torch.manual_seed(1)
    batches = loaded(ds, batch_size=5, shuffle=True)
    keys = [key for batch in batches for key in batch["key"]]
    assert sorted(keys) == sorted(ds.keys())
    assert keys != ds.keys()
    for batch in batches:
        assert batch["image"].shape == (5, 16, 32, 3)
        assert batch["mask"].shape == batch["depth"].shape == (5, 16, 32)
        assert_holds(batch, ds)


def test_a_batch_sampler_chooses_the_samples(dataset: Path) -> None:
    ds = open_dataset(dataset)
    chosen = [[20, 3, 11], [0], [7, 7]]
    batches = loaded(ds, batch_sampler=chosen)
    assert [batch["key"] for batch in batches] == [[ds.key(i) for i in numbers] for numbers in chosen]
    generator = torch.Generator().manual_seed(2)
    random = RandomSampler(ds, generator=generator)
    batches = loaded(ds, batch_sampler=BatchSampler(random, batch_size=8, drop_last=True), num_workers=2)
    assert sorted(key for batch in batches for key in batch["key"]) == sorted(ds.keys())


def test_one_sample_at_a_time_without_batches(dataset: Path) -> None:
    ds = open_dataset(dataset, fields="image,mask,depth")[:3]
    samples = loaded(ds, batch_size=None)
    assert [sample.key for sample in samples] == ds.keys()
    assert samples[2].image.shape == (48, 48, 3)
    assert isinstance(samples[2].image, torch.Tensor)


def test_a_subset_of_a_dataset_is_loaded_too(dataset: Path) -> None:
    ds = open_dataset(dataset)
    (batch,) = loaded(Subset(ds, [9, 4]), batch_size=2)  # type: ignore[arg-type]
    assert batch["key"] == [ds.key(9), ds.key(4)]


@pytest.mark.parametrize("depth_as", ["codes", "raw"])
def test_depth_as_codes_and_raw_makes_batches(dataset: Path, depth_as: Any) -> None:
    ds = open_dataset(dataset, fields="image,mask,depth", depth_as=depth_as)
    assert_holds(loaded(ds, batch_size=8)[1], ds)


def test_a_dataset_without_depth_makes_batches_without_it(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "flat", samples=6))
    batch = loaded(open_dataset(tmp_path / "flat"), batch_size=2)[0]
    assert list(batch) == ["key", "image", "mask", "meta"]
    with pytest.raises(AttributeError, match="this sample has no 'depth', it holds key, image, mask, meta"):
        _ = batch.depth


def test_damaged_samples_make_a_batch_smaller_where_they_are_skipped(copy: Path) -> None:
    path = copy / "train/fgbg-train-000001.tar"
    data = bytearray(path.read_bytes())
    data[:] = bytes(len(data))
    path.write_bytes(data)
    ds = open_dataset(copy, format="tar", on_error="skip")
    batches = loaded(ds, batch_size=12)
    assert [len(batch["key"]) for batch in batches] == [8, 8]

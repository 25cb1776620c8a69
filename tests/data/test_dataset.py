"""`open_dataset` reads any format, anywhere, with or without manifest and records, finished or not."""

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import fsspec
import numpy as np
import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.dataset.info import info
from fgbg_data.dataset.layout import UnfinishedWarning
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.manifest import MANIFEST
from fgbg_data.dataset.reading import Dataset, open_dataset
from fgbg_data.errors import ConfigError, ShardError, StorageError, UnknownKeyError

FORMATS = ("tar", "hdf5")
every_format = pytest.mark.parametrize("format_name", FORMATS)


def same(one: Dataset, other: Dataset) -> bool:
    return one.keys() == other.keys() and list(one) == list(other)


# --- samples ----------------------------------------------------------------------------------------------


@every_format
def test_types_shapes_and_ranges_are_those_that_the_docs_promise(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    assert (len(ds), ds.split, ds.splits) == (24, "train", ("train", "val", "test"))
    assert ds.manifest is not None
    assert ds.fingerprint == ds.manifest.fingerprint
    assert ds.info["samples"] == 48
    for sample in ds:
        assert (sample.image.shape, sample.image.dtype) == ((48, 48, 3), np.uint8)
        assert (sample.mask.shape, sample.mask.dtype) == ((48, 48), np.uint8)
        assert set(np.unique(sample.mask)) == {0, 255}
        assert (sample.depth.shape, sample.depth.dtype) == ((48, 48), np.float32)
        assert (sample.depth.min(), sample.depth.max()) == (0, 1)
        assert sample.meta["key"] == sample.key


def test_every_format_gives_the_same_samples(dataset: Path) -> None:
    for split in ("train", "val", "test"):
        assert same(open_dataset(dataset, split, format="tar"), open_dataset(dataset, split, format="hdf5"))


@every_format
def test_samples_are_found_by_number_key_and_slice(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    keys = ds.keys()
    assert len(set(keys)) == 24
    assert [ds[i].key for i in range(24)] == keys == [sample.key for sample in ds]
    assert ds[-1].key == keys[-1]
    assert ds[np.int64(3)].key == keys[3]
    assert np.array_equal(ds[keys[9]].image, ds[9].image)
    view = ds[20:2:-3]
    assert isinstance(view, Dataset)
    assert view.keys() == keys[20:2:-3] == [sample.key for sample in view]
    assert view[1:3].keys() == keys[20:2:-3][1:3]
    assert view[keys[17]].key == keys[17]
    assert len(ds[5:5]) == 0
    assert list(ds[5:5]) == []
    for wrong in (24, -25):
        with pytest.raises(IndexError, match=rf"index {wrong} is out of range \(24 samples\)"):
            ds[wrong]
    with pytest.raises(UnknownKeyError, match=r"no key 'nobody' in train \(24 samples\)"):
        ds["nobody"]
    with pytest.raises(KeyError):
        view[keys[19]]


@every_format
def test_a_dataset_is_a_sequence(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    keys, some = ds.keys(), ds[4:9]
    assert isinstance(ds, Sequence)
    assert [sample.key for sample in reversed(some)] == keys[8:3:-1]
    assert keys[4] in some
    assert some[0] in ds
    assert keys[3] not in some
    assert "nobody" not in ds
    assert 7 not in ds
    assert (ds.index(keys[6]), some.index(keys[6]), some.index(ds[6])) == (6, 2, 2)
    assert (some.count(keys[6]), some.count(keys[9])) == (1, 0)
    assert (ds.key(6), some.key(-1)) == (keys[6], keys[8])
    with pytest.raises(ValueError, match=r"no key 'nobody' in train \(24 samples\)"):
        ds.index("nobody")
    with pytest.raises(ValueError, match=r"no key .* in train \(24 samples\)"):
        ds.index(keys[6], 7)


def test_a_list_of_numbers_or_keys_gives_a_dataset_of_them(dataset: Path) -> None:
    train = open_dataset(dataset)
    some = train[[5, -1, 0]]
    assert some.keys() == [train.key(5), train.key(23), train.key(0)]
    assert some[1] == train[23]
    assert train[[train.key(5), train.key(2)]].keys() == [train.key(5), train.key(2)]
    assert [sample.key for sample in some] == some.keys()
    assert some[some.key(2)].key == train.key(0)
    assert train[np.array([2, 1])][1:].keys() == [train.key(1)]
    assert train[np.int64(3)].key == train.key(3)
    with pytest.raises(IndexError, match="index 24 is out of range"):
        train[[0, 24]]


def test_a_transform_is_applied_to_every_sample(dataset: Path) -> None:
    plain = open_dataset(dataset)
    changed = open_dataset(dataset, transform=lambda sample: sample.image[:, ::-1])
    np.testing.assert_array_equal(changed[3], plain[3].image[:, ::-1])
    np.testing.assert_array_equal(changed[plain.key(3)], changed[2:][1])
    np.testing.assert_array_equal(changed.__getitems__([4, 3])[1], changed[3])
    np.testing.assert_array_equal(next(iter(changed.resized(24))), plain.resized(24)[0].image[:, ::-1])


@every_format
def test_a_batch_comes_in_the_order_asked_for(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    order = [20, 3, 3, 11, -1, 0]
    assert ds.__getitems__(order) == [ds[i] for i in order]
    assert [sample.key for sample in ds[5:].__getitems__([2, 0])] == [ds.key(7), ds.key(5)]
    first, second = ds.__getitems__([3, 3])
    assert not np.shares_memory(first.image, second.image)
    with pytest.raises(IndexError, match=r"index 24 is out of range \(24 samples\)"):
        ds.__getitems__([0, 24])


@pytest.mark.parametrize("fields", ["image,mask", " image, mask ", ("image", "mask"), ["image", "mask"]])
def test_only_the_fields_asked_for_are_read(dataset: Path, fields: str | tuple[str, ...] | list[str]) -> None:
    ds = open_dataset(dataset, fields=fields)
    assert ds.fields == ("image", "mask")
    assert list(ds[0]) == ["key", "image", "mask"]


def test_the_fields_of_a_dataset_are_those_that_it_has(dataset: Path, pictures: Path, tmp_path: Path) -> None:
    assert open_dataset(dataset).fields == ("image", "mask", "depth", "meta")
    build(config_for(pictures, tmp_path / "flat", samples=6))
    assert open_dataset(tmp_path / "flat").fields == ("image", "mask", "meta")
    assert open_dataset(tmp_path / "flat", fields="image,depth").fields == ("image",)
    assert open_dataset(next((tmp_path / "flat").glob("train/*.tar"))).fields == ("image", "mask", "meta")


def test_everything_after_the_split_is_a_keyword(dataset: Path) -> None:
    with pytest.raises(TypeError, match="positional"):
        open_dataset(dataset, "train", "image")  # type: ignore[misc]


@every_format
def test_depth_as_unit_codes_and_raw(dataset: Path, format_name: str) -> None:
    def read(depth_as: Literal["unit", "codes", "raw"]) -> LoadedSample:
        return open_dataset(dataset, depth_as=depth_as, format=format_name)[2]

    unit, codes, raw = read("unit"), read("codes"), read("raw")
    assert codes.depth.dtype == np.uint16
    assert np.array_equal(unit.depth, dequantise_depth(codes.depth, 12))
    assert (raw.depth.min(), raw.depth.max()) == pytest.approx((raw.meta["depth_min"], raw.meta["depth_max"]))
    assert raw.depth.dtype == np.float32


@every_format
def test_half_size_depth_comes_at_the_size_of_the_image(pictures: Path, tmp_path: Path, format_name: str) -> None:
    build(config_for(pictures, tmp_path / "s", depth="fake", depth_size="half", format=(format_name,), samples=6))
    for fields in (("image", "depth"), ("depth",)):
        assert open_dataset(tmp_path / "s", fields=fields)[0].depth.shape == (48, 48)
    assert open_dataset(tmp_path / "s", depth_as="codes")[0].depth.shape == (24, 24)
    assert open_dataset(tmp_path / "s", size=12)[0].depth.shape == (12, 12)


@every_format
@pytest.mark.parametrize(("size", "shape"), [(24, (24, 24)), ("32x16", (16, 32)), ((20, 10), (20, 10)), (64, (64, 64))])
def test_decoding_at_a_size(
    dataset: Path, format_name: str, size: int | str | tuple[int, int], shape: tuple[int, int]
) -> None:
    whole = open_dataset(dataset, format=format_name)[4]
    sample = open_dataset(dataset, size=size, format=format_name)[4]
    assert sample.image.shape == (*shape, 3)
    assert sample.mask.shape == sample.depth.shape == shape
    assert set(np.unique(sample.mask)) == {0, 255}
    assert np.abs(sample.image.mean((0, 1)) - whole.image.mean((0, 1))).max() < 3
    assert (sample.mask > 0).mean() == pytest.approx((whole.mask > 0).mean(), abs=0.02)
    assert sample.depth.mean() == pytest.approx(whole.depth.mean(), abs=0.01)
    assert 0 <= sample.depth.min() <= sample.depth.max() <= 1


def test_resized_keeps_the_files_that_are_open(dataset: Path, copy: Path) -> None:
    ds = open_dataset(copy, format="tar")[3:7]
    read = ds[0]
    shutil.rmtree(copy)
    small = ds.resized(24)
    assert (len(small), small.size, small[0].key) == (4, (24, 24), read.key)
    assert np.array_equal(small[0].image, open_dataset(dataset, size=24, format="tar")[3].image)


def test_the_mask_keeps_its_meaning_when_it_shrinks(dataset: Path) -> None:
    """255 where at least half of the pixel is covered."""
    whole, small = open_dataset(dataset)[0].mask, open_dataset(dataset, size=24)[0].mask
    coverage = (whole > 0).reshape(24, 2, 24, 2).mean((1, 3))
    assert np.array_equal(small > 0, coverage >= 0.5)


# --- elsewhere, stripped, unfinished ----------------------------------------------------------------------


@every_format
def test_behind_a_url(dataset: Path, format_name: str) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(dataset), "/bucket/ds", recursive=True)
    try:
        remote = open_dataset("memory://bucket/ds", format=format_name)
        assert same(remote, open_dataset(dataset, format=format_name))
        assert same(pickle.loads(pickle.dumps(remote)), remote)
        memory.rm("/bucket/ds/dataset.json")
        for split in ("train", "val", "test"):
            memory.rm([path for path in memory.ls(f"/bucket/ds/{split}", detail=False) if path.endswith(".json")])
        assert same(open_dataset("memory://bucket/ds/", format=format_name), remote)
        suffix = {"tar": "tar", "hdf5": "h5"}[format_name]
        assert len(open_dataset(f"memory://bucket/ds/train/fgbg-train-000000.{suffix}")) == 8
        with pytest.raises(StorageError, match="memory://bucket/none"):
            open_dataset("memory://bucket/none")
    finally:
        memory.rm("/bucket", recursive=True)
    assert same(open_dataset(f"file://{dataset}", format=format_name), open_dataset(dataset))


def test_unknown_protocol() -> None:
    with pytest.raises(StorageError, match="nosuch://x"):
        open_dataset("nosuch://x")


@every_format
def test_stripped_of_manifest_and_records(dataset: Path, copy: Path, format_name: str) -> None:
    (copy / MANIFEST).unlink()
    assert same(open_dataset(copy, format=format_name), open_dataset(dataset))
    assert open_dataset(copy).fingerprint == open_dataset(dataset).fingerprint
    for path in copy.glob("*/*.json"):
        path.unlink()
    bare = open_dataset(copy, format=format_name)
    assert bare.splits == ("train", "val", "test")
    assert bare.manifest is None
    assert len(bare.fingerprint) == 32
    assert same(bare, open_dataset(dataset))
    assert same(open_dataset(copy / "val", "val", format=format_name), open_dataset(dataset, "val"))
    assert bare.info["splits"] == {"train": {"samples": 24, "shards": 3}}
    assert info(copy)["samples"] == 48


def test_only_records_are_gone(dataset: Path, copy: Path) -> None:
    for path in copy.glob("*/*.json"):
        path.unlink()
    for format_name in FORMATS:
        assert same(open_dataset(copy, format=format_name), open_dataset(dataset))


def test_damaged_records_are_not_needed(dataset: Path, copy: Path) -> None:
    for number, path in enumerate(sorted(copy.glob("train/*.json"))):
        record = json.loads(path.read_text())
        record["files"]["tar"]["index"] = [{}, {"offset": {"image": ["x"]}, "bytes": {}}, None][number]
        path.write_text(json.dumps(record))
    record["keys"] = [1, 2]
    for text in ("no json", json.dumps(record), json.dumps(record | {"keys": [], "sums": {"mask": {"top": "x"}}})):
        path.write_text(text)
        assert same(open_dataset(copy, format="tar"), open_dataset(dataset))


def test_one_format_moved_alone(dataset: Path, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    for path in copy.glob("train/*.tar"):
        shutil.move(path, tmp_path / "tars" / path.name)
    assert same(open_dataset(tmp_path / "tars"), open_dataset(dataset))
    assert same(open_dataset(copy), open_dataset(dataset))  # the HDF5 files are still there
    with pytest.raises(ShardError, match="not there as tar, only as hdf5"):
        open_dataset(copy, format="tar")


def test_unfinished_build_opens_with_a_warning(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest |= {"complete": False, "shards": [], "statistics": {}}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    (copy / "train/fgbg-train-000001.json").unlink()
    with pytest.warns(UnfinishedWarning, match="2 of 3 shards of train are there") as caught:
        ds = open_dataset(copy)
    assert caught[0].filename == __file__
    assert len(ds) == 16
    assert len(list(ds)) == 16


@every_format
def test_coverage_is_the_mean_of_the_mask(dataset: Path, format_name: str) -> None:
    whole = open_dataset(dataset, fields=("mask",), format=format_name)
    height, width = whole[0].mask.shape
    size = (height // 2, width // 2)
    half = open_dataset(dataset, fields="mask", size=size, format=format_name, mask_as="coverage")
    for number in range(4):
        blocks = whole[number].mask.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(half[number].mask, blocks, atol=0.51)
        np.testing.assert_array_equal(half[:4].resized(None)[number].mask, whole[number].mask)
    with pytest.raises(ConfigError, match="mask_as='soft': expected one of binary, coverage"):
        open_dataset(dataset, mask_as="soft")  # type: ignore[arg-type]

"""open_dataset: any format, anywhere, stripped or unfinished; by number, key and slice; in threads and processes."""

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.dataset import split_reader as store
from fgbg_data.dataset.info import info
from fgbg_data.dataset.layout import UnfinishedWarning
from fgbg_data.dataset.manifest import MANIFEST
from fgbg_data.dataset.reading import Dataset, open_dataset
from fgbg_data.errors import ConfigError, ShardError, StorageError, UnknownKeyError

FORMATS = ("tar", "hdf5")
form_of = pytest.mark.parametrize("form", FORMATS)


def same(one: Dataset, other: Dataset) -> bool:
    return one.keys() == other.keys() and all(
        a.key == b.key
        and np.array_equal(a.image, b.image)
        and np.array_equal(a.mask, b.mask)
        and np.array_equal(a.depth, b.depth)  # type: ignore[arg-type]
        and a.meta == b.meta
        for a, b in zip(one, other, strict=True)
    )


# --- what is there ----------------------------------------------------------------------------------------


@form_of
def test_samples_as_design_says(dataset: Path, form: str) -> None:
    ds = open_dataset(dataset, format=form)
    assert (len(ds), ds.split, ds.splits) == (24, "train", ("train", "val", "test"))
    assert ds.manifest is not None
    assert ds.fingerprint == ds.manifest.fingerprint
    assert ds.info["samples"] == 48
    for sample in ds:
        assert (sample.image.shape, sample.image.dtype) == ((48, 48, 3), np.uint8)
        assert (sample.mask.shape, sample.mask.dtype) == ((48, 48), np.uint8)
        assert set(np.unique(sample.mask)) == {0, 255}
        assert sample.depth is not None
        assert (sample.depth.shape, sample.depth.dtype) == ((48, 48), np.float32)
        assert (sample.depth.min(), sample.depth.max()) == (0, 1)
        assert sample.meta["key"] == sample.key


def test_formats_hold_the_same(dataset: Path) -> None:
    for split in ("train", "val", "test"):
        assert same(open_dataset(dataset, split, format="tar"), open_dataset(dataset, split, format="hdf5"))


@form_of
def test_number_key_slice(dataset: Path, form: str) -> None:
    ds = open_dataset(dataset, format=form)
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
        with pytest.raises(IndexError, match=f"sample {wrong} of 24"):
            ds[wrong]
    with pytest.raises(UnknownKeyError, match="'nobody' is none of the 24 samples of train"):
        ds["nobody"]
    with pytest.raises(KeyError):
        view[keys[19]]


def test_only_the_fields_asked_for(dataset: Path) -> None:
    sample = open_dataset(dataset, fields=("mask",))[0]
    assert vars(sample).keys() == {"key", "mask"}
    with pytest.raises(AttributeError, match="'image' was not among the fields"):
        _ = sample.image
    assert open_dataset(dataset, fields=("depth",))[0].depth.shape == (48, 48)  # type: ignore[union-attr]
    assert "uint8 (48, 48)" in repr(sample)
    assert pickle.loads(pickle.dumps(sample)).key == sample.key


@form_of
def test_depth_in_three_forms(dataset: Path, form: str) -> None:
    unit, codes, raw = (open_dataset(dataset, depth=kind, format=form)[2] for kind in ("unit", "codes", "raw"))  # type: ignore[arg-type]
    assert codes.depth.dtype == np.uint16  # type: ignore[union-attr]
    assert np.array_equal(unit.depth, dequantise_depth(codes.depth, 12))  # type: ignore[arg-type]
    assert (raw.depth.min(), raw.depth.max()) == pytest.approx((raw.meta["depth_min"], raw.meta["depth_max"]))  # type: ignore[union-attr]
    assert raw.depth.dtype == np.float32  # type: ignore[union-attr]


@form_of
def test_half_size_depth_comes_at_the_size_of_the_image(pictures: Path, tmp_path: Path, form: str) -> None:
    build(config_for(pictures, tmp_path / "s", depth="fake", depth_size="half", format=(form,), samples=6))
    for fields in (("image", "depth"), ("depth",)):
        assert open_dataset(tmp_path / "s", fields=fields)[0].depth.shape == (48, 48)  # type: ignore[union-attr]
    assert open_dataset(tmp_path / "s", depth="codes")[0].depth.shape == (24, 24)  # type: ignore[union-attr]
    assert open_dataset(tmp_path / "s", size=12)[0].depth.shape == (12, 12)  # type: ignore[union-attr]


@form_of
@pytest.mark.parametrize(("size", "shape"), [(24, (24, 24)), ("32x16", (16, 32)), ((20, 10), (20, 10)), (64, (64, 64))])
def test_decoding_at_a_size(
    dataset: Path, form: str, size: int | str | tuple[int, int], shape: tuple[int, int]
) -> None:
    whole = open_dataset(dataset, format=form)[4]
    sample = open_dataset(dataset, size=size, format=form)[4]
    assert sample.depth is not None
    assert whole.depth is not None
    assert sample.image.shape == (*shape, 3)
    assert sample.mask.shape == sample.depth.shape == shape
    assert set(np.unique(sample.mask)) == {0, 255}
    assert np.abs(sample.image.mean((0, 1)) - whole.image.mean((0, 1))).max() < 3
    assert (sample.mask > 0).mean() == pytest.approx((whole.mask > 0).mean(), abs=0.02)
    assert sample.depth.mean() == pytest.approx(whole.depth.mean(), abs=0.01)
    assert 0 <= sample.depth.min() <= sample.depth.max() <= 1


def test_resized_shares_open_files(dataset: Path) -> None:
    ds = open_dataset(dataset)[3:9]
    small = ds.resized(24)
    assert (len(small), small.size, small[0].key) == (6, (24, 24), ds[0].key)
    assert np.array_equal(small[0].image, open_dataset(dataset, size=24)[3].image)
    assert small._store is ds._store


def test_the_mask_keeps_its_meaning_when_it_shrinks(dataset: Path) -> None:
    """255 where at least half of the pixel is covered."""
    whole, small = open_dataset(dataset)[0].mask, open_dataset(dataset, size=24)[0].mask
    coverage = (whole > 0).reshape(24, 2, 24, 2).mean((1, 3))
    assert np.array_equal(small > 0, coverage >= 0.5)


# --- processes and threads --------------------------------------------------------------------------------


@form_of
def test_pickled_without_handles(dataset: Path, form: str) -> None:
    ds = open_dataset(dataset, format=form)
    first = ds[0]
    data = pickle.dumps(ds[2:9])
    assert len(data) < 20_000
    again = pickle.loads(data)
    assert again.keys() == ds.keys()[2:9]
    assert np.array_equal(pickle.loads(pickle.dumps(ds))[0].image, first.image)


@form_of
def test_threads_share_a_dataset(dataset: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_OPEN", 2)  # so that files are closed while others read
    ds = open_dataset(dataset, format=form)
    expected = [sample.mask.sum() for sample in ds]
    with ThreadPoolExecutor(8) as pool:
        order = [(7 * i) % 24 for i in range(240)]
        found = list(pool.map(lambda i: (ds[i].mask.sum(), ds[i].meta["key"]), order))
    keys = ds.keys()
    assert found == [(expected[i], keys[i]) for i in order]


@form_of
def test_forked_children_read_on(dataset: Path, form: str) -> None:
    ds = open_dataset(dataset, format=form)
    expected = [int(sample.image.sum()) for sample in ds]
    ds._store._lock.acquire()  # as a thread of the parent might hold it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 on, about threads and fork
        with multiprocessing.get_context("fork").Pool(2) as pool:
            sums = pool.map_async(_image_sum, [(ds, i) for i in range(24)]).get(timeout=60)
    ds._store._lock.release()
    assert sums == expected
    assert int(ds[0].image.sum()) == expected[0]


def _image_sum(task: tuple[Dataset, int]) -> int:
    ds, number = task
    return int(ds[number].image.sum())


def test_inherited_handles_after_a_fork(dataset: Path) -> None:
    """The dataset itself crosses the fork, not a pickle of it."""
    ds = open_dataset(dataset, format="hdf5")
    metas = [sample.meta for sample in ds]
    ds._store._lock.acquire()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os._exit(0 if [ds[i].meta for i in range(24)] == metas else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_opening_loads_little(dataset: Path) -> None:
    code = (
        "import sys, fgbg_data; ds = fgbg_data.open_dataset(sys.argv[1], fields=('image',), format='tar'); ds[0]; "
        "print(len(ds), *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(dataset)], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("24 ")
    assert not {"torch", "joblib", "rich", "fsspec", "PIL"} & set(done.stdout.split())


# --- elsewhere, stripped, unfinished ----------------------------------------------------------------------


@form_of
def test_behind_a_url(dataset: Path, form: str) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(dataset), "/bucket/ds", recursive=True)
    try:
        remote = open_dataset("memory://bucket/ds", format=form)
        assert same(remote, open_dataset(dataset, format=form))
        assert same(pickle.loads(pickle.dumps(remote)), remote)
        memory.rm("/bucket/ds/dataset.json")
        for split in ("train", "val", "test"):
            memory.rm([path for path in memory.ls(f"/bucket/ds/{split}", detail=False) if path.endswith(".json")])
        assert same(open_dataset("memory://bucket/ds/", format=form), remote)
        assert len(open_dataset(f"memory://bucket/ds/train/fgbg-train-000000.{'tar' if form == 'tar' else 'h5'}")) == 8
        with pytest.raises(StorageError, match="memory://bucket/none"):
            open_dataset("memory://bucket/none")
    finally:
        memory.rm("/bucket", recursive=True)
    assert same(open_dataset(f"file://{dataset}", format=form), open_dataset(dataset))


def test_unknown_protocol() -> None:
    with pytest.raises(StorageError, match="nosuch://x"):
        open_dataset("nosuch://x")


@form_of
def test_stripped_of_manifest_and_records(dataset: Path, copy: Path, form: str) -> None:
    (copy / MANIFEST).unlink()
    assert same(open_dataset(copy, format=form), open_dataset(dataset))
    assert open_dataset(copy).fingerprint == open_dataset(dataset).fingerprint
    for path in copy.glob("*/*.json"):
        path.unlink()
    bare = open_dataset(copy, format=form)
    assert bare.splits == ("train", "val", "test")
    assert bare.manifest is None
    assert len(bare.fingerprint) == 32
    assert same(bare, open_dataset(dataset))
    assert same(open_dataset(copy / "val", "val", format=form), open_dataset(dataset, "val"))
    assert bare.info["splits"] == {"train": {"samples": 24, "shards": 3}}
    assert info(copy)["samples"] == 48


def test_only_records_are_gone(dataset: Path, copy: Path) -> None:
    for path in copy.glob("*/*.json"):
        path.unlink()
    for form in FORMATS:
        assert same(open_dataset(copy, format=form), open_dataset(dataset))


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


@pytest.mark.parametrize("form", ["tar", "hdf5"])
def test_coverage_is_the_mean_of_the_mask(dataset: Path, form: str) -> None:
    whole = open_dataset(dataset, fields=("mask",), format=form)
    height, width = whole[0].mask.shape
    half = open_dataset(dataset, fields=("mask",), size=(height // 2, width // 2), format=form, mask="coverage")
    for number in range(4):
        blocks = whole[number].mask.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(half[number].mask, blocks, atol=0.51)
        np.testing.assert_array_equal(half[:4].resized(None)[number].mask, whole[number].mask)
    with pytest.raises(ConfigError, match="mask"):
        open_dataset(dataset, mask="soft")  # type: ignore[arg-type]

"""open_dataset: any format, anywhere, stripped or damaged; by number, key and slice; in threads and processes."""

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
from support import config_for

from fgbg_data import store
from fgbg_data.build import build
from fgbg_data.dataset import Dataset, open_dataset
from fgbg_data.errors import ConfigError, FgbgError, ManifestError, ShardError, StorageError, UnknownKeyError
from fgbg_data.info import info
from fgbg_data.layout import UnfinishedWarning
from fgbg_data.manifest import MANIFEST
from fgbg_data.sample import dequantise_depth

FORMATS = ("tar", "hdf5")
form_of = pytest.mark.parametrize("form", FORMATS)


@pytest.fixture
def copy(dataset: Path, tmp_path: Path) -> Path:
    """The dataset, to be damaged."""
    return Path(shutil.copytree(dataset, tmp_path / "copy"))


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
def test_half_size_depth_comes_at_the_size_of_the_image(
    pictures: Path, tmp_path: Path, fake_estimator: None, form: str
) -> None:
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


# --- bad input --------------------------------------------------------------------------------------------


def edit_manifest(copy: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    manifest = json.loads((copy / MANIFEST).read_text())
    change(manifest)
    (copy / MANIFEST).write_text(json.dumps(manifest))


def test_wrong_arguments(dataset: Path, tmp_path: Path) -> None:
    cases = {
        "has no split 'trian'; there are train, val, test": {"split": "trian"},
        "'maks': expected one of image, mask, depth, depth_composed, meta; did you mean 'mask'": {"fields": ("maks",)},
        "fields is empty": {"fields": ()},
        "--size 4: expected": {"size": 4},
        "on_error 'ignore'": {"on_error": "ignore"},
        "depth 'metres'": {"depth": "metres"},
        "format 'zip'": {"format": "zip"},
    }
    for text, arguments in cases.items():
        with pytest.raises((ConfigError, ShardError), match=text):
            open_dataset(dataset, **arguments)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=r"nowhere: cannot be read .*expected a folder"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match=r"empty: holds no shard \(\*.tar or \*.h5"):
        open_dataset(tmp_path / "empty")
    with pytest.raises(StorageError, match="there is no such file"):
        open_dataset(tmp_path / "empty" / "x.tar")


def test_missing_and_truncated_shards(copy: Path) -> None:
    for path in copy.glob("train/*.h5"):
        path.unlink()
    tar = copy / "train/fgbg-train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-2000])
    with pytest.raises(ShardError, match=r"fgbg-train-000001.tar: is \d+ bytes, dataset.json says \d+; truncated"):
        open_dataset(copy)
    tar.unlink()
    with pytest.raises(ShardError, match=r"fgbg-train-000001.tar: is missing, dataset.json names it"):
        open_dataset(copy)
    ds = open_dataset(copy, on_error="skip")
    assert (len(ds), ds.num_skipped) == (16, 8)
    assert "fgbg-train-000001" in next(iter(ds.skipped))
    (copy / MANIFEST).unlink()
    with pytest.raises(ShardError, match=r"fgbg-train-000001: no file of it has the size"):
        open_dataset(copy)


def test_flipped_bytes(copy: Path) -> None:
    path = copy / "train/fgbg-train-000000.tar"
    index = json.loads(path.with_suffix(".json").read_text())["files"]["tar"]["index"]
    data = bytearray(path.read_bytes())
    data[index["offset"]["mask"][2] + 60] ^= 4
    path.write_bytes(data)
    ds = open_dataset(copy, format="tar")
    key = ds.keys()[2]
    with pytest.raises(ShardError, match=rf"fgbg-train-000000.tar: {key}: the mask is a damaged PNG"):
        list(ds)
    skipping = open_dataset(copy, format="tar", on_error="skip")
    assert [sample.key for sample in skipping] == [k for k in ds.keys() if k != key]  # noqa: SIM118
    assert len(list(skipping)) == 23
    assert (skipping.num_skipped, list(skipping.skipped)) == (1, [key])  # counted once
    with pytest.raises(ShardError, match="damaged PNG"):
        skipping[2]  # what is asked for by number or key is never another sample


def test_skipping_a_shard_that_cannot_be_opened(copy: Path) -> None:
    path = copy / "train/fgbg-train-000002.h5"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ShardError, match=r"fgbg-train-000002.h5: cannot be opened as HDF5"):
        list(open_dataset(copy))
    ds = open_dataset(copy, on_error="skip")
    assert len(list(ds)) == 16
    assert ds.num_skipped == 8


def test_two_datasets_in_one_folder(copy: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "other", seed=1, format=("tar",)))
    shutil.copy(tmp_path / "other/train/fgbg-train-000001.json", copy / "train/fgbg-train-000001.json")
    with pytest.raises(ManifestError, match="is the record of another dataset"):
        list(open_dataset(copy, format="tar"))
    shutil.copy(tmp_path / "other/train/fgbg-train-000001.tar", copy / "train/fgbg-train-000001.tar")
    (copy / MANIFEST).unlink()
    with pytest.raises(ManifestError, match="holds shards of two datasets"):
        open_dataset(copy)


def test_one_key_in_two_shards(copy: Path) -> None:
    for path in (*copy.glob("*/*.json"), copy / MANIFEST):
        path.unlink()
    shutil.copy(copy / "train/fgbg-train-000000.tar", copy / "train/fgbg-train-000009.tar")
    ds = open_dataset(copy, format="tar")
    with pytest.raises(ShardError, match=r"000000.tar and .*000009.tar: both hold room\w+; keys must be unique"):
        ds["room0_thing0_000"]


def test_a_shard_of_other_counts_than_recorded(copy: Path) -> None:
    shutil.copy(copy / "val/fgbg-val-000001.h5", copy / "val/fgbg-val-000000.h5")
    size = (copy / "val/fgbg-val-000000.h5").stat().st_size

    def believe(manifest: dict) -> None:  # type: ignore[type-arg]
        entry = next(shard for shard in manifest["shards"] if (shard["split"], shard["index"]) == ("val", 0))
        entry["files"]["hdf5"]["bytes"] = size

    edit_manifest(copy, believe)
    with pytest.raises(ShardError, match="holds 4 samples, 8 are recorded"):
        open_dataset(copy, "val", format="hdf5")[0]


def test_damaged_manifests(copy: Path) -> None:
    text = (copy / MANIFEST).read_text()
    for damaged, message in {
        text[:-100]: "is not JSON",
        "[]": "format_version None",
        text.replace('"format_version": 1', '"format_version": 99'): "format_version 99, this fgbg reads 1",
        text.replace('"splits"', '"spilts"'): "is no manifest",
        text.replace('"shards": 3', '"shards": "three"'): "is damaged",
        json.dumps(json.loads(text) | {"splits": []}): "is damaged at 'splits'",
        json.dumps(json.loads(text) | {"shards": [1]}): "is damaged",
        json.dumps(json.loads(text) | {"fields": {"image": {}}}): "is damaged",
        json.dumps(json.loads(text) | {"identity": {}}): "is damaged",
        json.dumps(json.loads(text) | {"fields": {"image": {"dtype": "uint8", "shape": []}}}): "is damaged",
    }.items():
        (copy / MANIFEST).write_text(damaged)
        with pytest.raises(ManifestError, match=message):
            open_dataset(copy)


def test_a_manifest_cannot_lead_out_of_the_folder(copy: Path) -> None:
    shutil.copytree(copy / "train", copy.parent / "outside")
    text = (copy / MANIFEST).read_text().replace('"train"', '"../outside"')
    (copy / MANIFEST).write_text(text)
    with pytest.raises(FgbgError):
        open_dataset(copy, "../outside")


def test_a_picture_of_another_size_than_declared_is_not_decoded(copy: Path) -> None:
    edit_manifest(copy, lambda m: m["fields"]["mask"].update(shape=[48, 49]))
    with pytest.raises(ShardError, match=r"the mask is 48x48 px, the dataset declares 49x48"):
        open_dataset(copy, format="tar")[0]
    with pytest.raises(ShardError, match=r"its mask is \(48, 48\), the dataset declares \(48, 49\)"):
        open_dataset(copy, format="hdf5")[0]


def test_no_depth_where_there_is_none(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "s", samples=6, format=("tar", "hdf5")))
    assert open_dataset(tmp_path / "s")[0].depth is None
    with h5py.File(next((tmp_path / "s").glob("train/*.h5")), "a") as file:
        del file["meta"]
        file.attrs["fields"] = ["key", "image", "mask"]
    (tmp_path / "s" / MANIFEST).unlink()
    for path in tmp_path.glob("s/*/*.json"):
        path.unlink()
    with pytest.raises(ShardError, match="has no meta; it holds image, mask"):
        open_dataset(tmp_path / "s")[0]


def test_raw_depth_needs_its_range(copy: Path) -> None:
    for path in copy.glob("train/*.h5"):
        with h5py.File(path, "a") as file:
            metas = [json.dumps({"key": key}) for key in file["key"].asstr()]
            del file["meta"]
            file.create_dataset("meta", data=metas, dtype=h5py.string_dtype())
    for path in (*copy.glob("*/*.json"), copy / MANIFEST, *copy.glob("*/*.tar")):
        path.unlink()
    assert open_dataset(copy)[0].depth is not None
    with pytest.raises(ShardError, match='tells no range of the depth; open with depth="unit"'):
        open_dataset(copy, depth="raw")[0]


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

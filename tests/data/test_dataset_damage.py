"""open_dataset of what is damaged, foreign or not there: what it says, and what it leaves out."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.dataset.manifest import MANIFEST
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ConfigError, FgbgError, ManifestError, ShardError, StorageError


def edit_manifest(copy: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    manifest = json.loads((copy / MANIFEST).read_text())
    change(manifest)
    (copy / MANIFEST).write_text(json.dumps(manifest))


def test_wrong_arguments(dataset: Path, tmp_path: Path) -> None:
    cases = {
        "has no split 'trian'; there are train, val, test": {"split": "trian"},
        "'maks': expected one of image, mask, depth, .*meta; did you mean 'mask'": {"fields": ("maks",)},
        "fields is empty": {"fields": ()},
        "size=.4.: expected": {"size": 4},
        "on_error='ignore'": {"on_error": "ignore"},
        "depth_as='metres'": {"depth_as": "metres"},
        "format='zip'": {"format": "zip"},
    }
    for text, arguments in cases.items():
        with pytest.raises((ConfigError, ShardError), match=text):
            open_dataset(dataset, **arguments)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="nowhere: there is no such folder; expected one that holds a dataset"):
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
    assert [sample.key for sample in skipping.__getitems__([3, 2, 1])] == [ds.key(3), ds.key(1)]
    with pytest.raises(ShardError, match="damaged PNG"):
        skipping[2]  # what is asked for by number or key is never another sample
    with pytest.raises(ShardError, match="damaged PNG"):
        ds.__getitems__([1, 2])
    with pytest.raises(ShardError, match="none of the 1 samples of a batch can be read"):
        skipping.__getitems__([2])


def test_skipping_a_shard_that_cannot_be_opened(copy: Path) -> None:
    path = copy / "train/fgbg-train-000002.h5"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ShardError, match=r"fgbg-train-000002.h5: \w+: its image is not where its record says"):
        list(open_dataset(copy))
    ds = open_dataset(copy, on_error="skip")
    assert len(list(ds)) == 16
    assert ds.num_skipped == 8


def test_a_tar_that_is_cut_off_while_it_is_open_is_an_error_and_no_crash(copy: Path) -> None:
    strict = open_dataset(copy, format="tar")
    skipping = open_dataset(copy, format="tar", on_error="skip")
    assert strict[0].key == skipping[0].key
    with (copy / "train/fgbg-train-000000.tar").open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(ShardError, match=r"fgbg-train-000000.tar: \w+: the file ends before its image; truncated\?"):
        strict[7]
    assert len(list(skipping)) + skipping.num_skipped == len(strict)
    assert 7 <= skipping.num_skipped <= 8


def test_links_that_lead_nowhere_are_no_files_of_a_dataset(copy: Path) -> None:
    (copy / "train" / "fgbg-train-000009.tar").symlink_to(copy / "none")
    (copy / "train" / "loop").symlink_to(copy / "train" / "loop")
    (copy / "nowhere").symlink_to("/nonexistent/place")
    assert len(list(open_dataset(copy))) == 24
    (copy / MANIFEST).unlink()
    assert len(list(open_dataset(copy))) == 24


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
    with pytest.raises(ShardError, match="its image is not where its record says; was the file replaced"):
        open_dataset(copy, "val", format="hdf5")[0]
    (copy / "val/fgbg-val-000000.json").unlink()
    with pytest.raises(ShardError, match="holds 4 samples, 8 are recorded"):
        open_dataset(copy, "val", format="hdf5")[0]


def test_damaged_manifests(copy: Path) -> None:
    text = (copy / MANIFEST).read_text()
    for damaged, message in {
        text[:-100]: "is not JSON",
        "[]": "format_version null",
        re.sub('"format_version": 3', '"format_version": 99', text): "format_version 99, this fgbg reads 1, 2, 3",
        text.replace('"splits"', '"spilts"'): "at 'spilts': is no field of this file; did you mean 'splits'?",
        text.replace('"shards": 3', '"shards": "three"'): "at 'splits.train.shards': expected a whole number, found",
        json.dumps(json.loads(text) | {"splits": []}): "at 'splits': expected an object, found a list",
        json.dumps(json.loads(text) | {"shards": [1]}): r"at 'shards\[0\]': expected an object, found 1",
        json.dumps(json.loads(text) | {"fields": {"image": {}}}): "at 'fields.image.dtype': is missing",
        json.dumps(json.loads(text) | {"identity": {}}): "at 'identity.config': is missing",
        json.dumps(json.loads(text) | {"identity": json.loads(text)["identity"] | {"format_version": 99}}): (
            "at 'identity': has format_version 99, this fgbg reads 1, 2, 3"
        ),
        json.dumps(json.loads(text) | {"complete": 1}): "at 'complete': expected true or false, found 1",
    }.items():
        (copy / MANIFEST).write_text(damaged)
        with pytest.raises(ManifestError, match=message):
            open_dataset(copy)


def test_an_older_format_version_is_read(copy: Path) -> None:
    expected = open_dataset(copy)[0]
    for path in copy.rglob("*.json"):
        path.write_text(re.sub(r'("format_version": ?)\d', r"\g<1>1", path.read_text()))
    np.testing.assert_array_equal(open_dataset(copy)[0].image, expected.image)


def test_a_manifest_cannot_lead_out_of_the_folder(copy: Path) -> None:
    shutil.copytree(copy / "train", copy.parent / "outside")
    text = (copy / MANIFEST).read_text().replace('"train"', '"../outside"')
    (copy / MANIFEST).write_text(text)
    with pytest.raises(FgbgError):
        open_dataset(copy, "../outside")


def test_a_picture_of_another_size_than_declared_is_not_decoded(copy: Path) -> None:
    edit_manifest(copy, lambda m: m["fields"]["mask"].update(shape=[48, 49]))
    with pytest.raises(ShardError, match=r"the mask is 48x48 px, but the dataset declares 49x48"):
        open_dataset(copy, format="tar")[0]
    with pytest.raises(ShardError, match=r"its mask is \(48, 48\), but the dataset declares \(48, 49\)"):
        open_dataset(copy, format="hdf5")[0]


def test_no_depth_where_there_is_none(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "s", samples=6, format=("tar", "hdf5")))
    assert "depth" not in open_dataset(tmp_path / "s")[0]
    with h5py.File(next((tmp_path / "s").glob("train/*.h5")), "a") as file:
        del file["meta"]
        file.attrs["fields"] = ["key", "image", "mask"]
    (tmp_path / "s" / MANIFEST).unlink()
    for path in tmp_path.glob("s/*/*.json"):
        path.unlink()
    assert list(open_dataset(tmp_path / "s")[0]) == ["key", "image", "mask"]
    with pytest.raises(ShardError, match="has no meta; it holds image, mask"):
        open_dataset(tmp_path / "s", fields="image,meta")[0]


def test_raw_depth_needs_its_range(copy: Path) -> None:
    for path in copy.glob("train/*.h5"):
        with h5py.File(path, "a") as file:
            metas = [json.dumps({"key": key}) for key in file["key"].asstr()]
            del file["meta"]
            file.create_dataset("meta", data=metas, dtype=h5py.string_dtype())
    for path in (*copy.glob("*/*.json"), copy / MANIFEST, *copy.glob("*/*.tar")):
        path.unlink()
    assert "depth" in open_dataset(copy)[0]
    with pytest.raises(ShardError, match='gives no range of the depth; open the dataset with depth_as="unit"'):
        open_dataset(copy, depth_as="raw")[0]

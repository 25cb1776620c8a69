"""The table of a dataset: exact, and the same from records and from pixels."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.one_process import stats

from fgbg_data.dataset.manifest import MANIFEST, FieldStatistics, Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ManifestError, ShardError


def test_records_recomputed_and_numpy_agree(dataset: Path) -> None:
    rows = {row.name: row for row in stats(dataset)}
    assert list(rows) == ["image", "mask", "depth", "meta"]
    assert stats(dataset, recompute=True) == list(rows.values())
    assert stats(dataset, recompute=True, format="tar", jobs=2) == stats(dataset, format="tar")
    samples = [s for split in ("train", "val", "test") for s in open_dataset(dataset, split)]
    images = np.stack([s.image for s in samples]) / 255
    depths = np.stack([s.depth for s in samples]).astype(np.float64)  # type: ignore[misc]
    assert rows["image"].mean == pytest.approx(images.mean((0, 1, 2)))
    assert rows["image"].std == pytest.approx(images.std((0, 1, 2)))
    assert rows["depth"].mean == pytest.approx([depths.mean()], rel=1e-6)
    assert rows["depth"].std == pytest.approx([depths.std()], rel=1e-6)
    assert rows["mask"].mean == pytest.approx([np.mean([s.mask > 0 for s in samples])])
    assert (rows["image"].count, rows["image"].shape, rows["image"].dtype) == (48, (48, 48, 3), "uint8")
    assert (rows["depth"].count, rows["depth"].shape, rows["depth"].dtype) == (48, (48, 48), "uint16")
    assert (rows["meta"].shape, rows["meta"].mean) == ((), [])


def test_bytes_are_the_sizes_of_the_stored_files(dataset: Path) -> None:
    tar = {row.name: row.bytes for row in stats(dataset, format="tar")}
    hdf5 = {row.name: row.bytes for row in stats(dataset, format="hdf5")}
    meta = hdf5.pop("meta")
    assert meta is not None
    assert meta >= (tar["meta"] or 0)  # filled up to one length
    assert hdf5 == {"image": 48**3 * 3, "mask": 48**3, "depth": 48**3 * 2}
    assert sum(tar.values()) < sum(path.stat().st_size for path in dataset.glob("*/*.tar"))  # type: ignore[arg-type]
    assert all(size > 48 * 50 for size in tar.values())  # type: ignore[operator]


def test_the_manifest_holds_the_same_statistics(dataset: Path) -> None:
    stated = Manifest.read(dataset).statistics
    for row in stats(dataset)[:3]:
        assert stated[row.name] == FieldStatistics(row.count, tuple(row.mean), tuple(row.std))


def test_one_split_can_be_chosen(dataset: Path) -> None:
    assert {row.count for row in stats(dataset, "val")} == {12}
    with pytest.raises(ShardError, match="no split 'tets'"):
        stats(dataset, "tets")


def test_shards_without_records_need_recompute(dataset: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(dataset, tmp_path / "copy"))
    (copy / MANIFEST).unlink()
    for path in copy.glob("*/*.json"):
        path.unlink()
    with pytest.raises(ManifestError, match="has no record to take sums from; use recompute=True"):
        stats(copy)
    assert stats(copy, recompute=True) == stats(dataset)


def test_recompute_sees_a_damaged_pixel(dataset: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(dataset, tmp_path / "copy"))
    record = copy / "train/fgbg-train-000000.json"
    value = json.loads(record.read_text())
    value["sums"]["mask"]["total"] = [0]
    record.write_text(json.dumps(value))
    assert stats(copy) != stats(copy, recompute=True) == stats(dataset)

"""Building: the same bytes in any way of running it, readable by other projects' readers, and resumable."""

import io
import json
import re
import shutil
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import webdataset
from helpers.datasets import config_for, contents
from helpers.fake_estimator import FakeEstimator
from helpers.tars import tar_members
from PIL import Image

from fgbg_data.building.build import BuildMaker, build
from fgbg_data.building.prepare import PreparedBuild, prepare
from fgbg_data.building.worker import Worker
from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.dataset.file_names import DESCRIPTIONS, NOT_DATA
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.depth.registry import ESTIMATORS
from fgbg_data.errors import EstimatorError, FingerprintError, PlacementError, StorageError
from fgbg_data.fields import suffixes
from fgbg_data.runtime.files import file_sha256
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.progress import LineProgress
from fgbg_data.sample import Array


def test_a_tar_holds_plain_members_and_full_meta(dataset: Path) -> None:
    with tarfile.open(dataset / "train/fgbg-train-000000.tar") as tar:
        members = tar.getmembers()
        assert [m.name.partition(".")[2] for m in members] == ["jpg", "mask.png", "depth.png", "json"] * 8
        assert {(m.mtime, m.mode, m.uid, m.gid, m.uname, m.gname, m.type) for m in members} == {
            (0, 0o644, 0, 0, "", "", tarfile.REGTYPE)
        }
        assert not tar.pax_headers
        meta = json.load(tar.extractfile(members[3]))  # type: ignore[arg-type]
        mask = np.asarray(Image.open(tar.extractfile(members[1])))  # type: ignore[arg-type]
    assert sorted(meta) == sorted(
        ["key", "background", "foreground", "position", "mirrored", "box", "scale", "attempt", "mask_area_px"]
        + ["bbox_xywh", "depth_min", "depth_max", "depth_bits"]
    )
    assert set(np.unique(mask)) == {0, 255}
    assert np.count_nonzero(mask) == meta["mask_area_px"]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert meta["bbox_xywh"] == [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]


def test_webdataset_and_h5py_read_the_same_samples(dataset: Path) -> None:
    keys = set()
    for path in sorted(dataset.glob("*/*.tar")):
        samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
        with h5py.File(path.with_suffix(".h5")) as shard:
            assert [s["__key__"] for s in samples] == list(shard["key"].asstr()[:])
            for index, sample in enumerate(samples):
                for field, suffix in (("image", "jpg"), ("mask", "mask.png"), ("depth", "depth.png")):
                    by_pillow = np.asarray(Image.open(io.BytesIO(sample[suffix])))
                    np.testing.assert_array_equal(by_pillow, shard[field][index], err_msg=field)
                assert json.loads(sample["json"]) == json.loads(shard["meta"].asstr()[index])
            assert shard["image"].chunks is None  # contiguous
            assert shard.attrs["fields"].astype(str).tolist() == ["key", "image", "mask", "depth", "meta"]
        keys |= {s["__key__"] for s in samples}
    assert len(keys) == 48


def test_depth_is_the_estimate_for_the_decoded_image(dataset: Path) -> None:
    with h5py.File(dataset / "val/fgbg-val-000000.h5") as shard:
        for index in range(len(shard["key"])):
            meta = json.loads(shard["meta"].asstr()[index])
            expected = FakeEstimator().estimate(shard["image"][index][None])[0]
            assert meta["depth_min"] == expected.min()
            assert meta["depth_max"] == expected.max()
            codes = shard["depth"][index]
            assert not (codes & 0b1111).any()
            span = meta["depth_max"] - meta["depth_min"]
            raw = dequantise_depth(codes, 12) * span + meta["depth_min"]
            np.testing.assert_allclose(raw, expected, atol=span / 4095)


def test_outside_the_box_the_image_is_the_background(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(config_for(pictures, out, image_format="png", fit="stretch"))
    files = tar_members(out / "train/fgbg-train-000000.tar")
    for name in [name for name in files if name.endswith(".json")]:
        meta = json.loads(files[name])
        with Image.open(pictures / "bg" / f"{meta['background']}.jpg") as photo:
            room = np.asarray(photo.resize((48, 48), Image.Resampling.LANCZOS))
        image = np.asarray(Image.open(io.BytesIO(files[f"{meta['key']}.png"])))
        top, left, height, width = meta["box"]
        outside = np.ones((48, 48), bool)
        outside[top : top + height, left : left + width] = False
        assert outside.any()
        np.testing.assert_array_equal(image[outside], room[outside])


def test_statistics_are_exact(dataset: Path) -> None:
    manifest = Manifest.read(dataset)
    for field, top in (("image", 255), ("mask", 255), ("depth", 4095 << 4)):
        pixels = []
        for path in dataset.glob("*/*.h5"):
            with h5py.File(path) as shard:
                pixels.append(shard[field][:].astype(np.float64) / top)
        values = np.concatenate(pixels).reshape(-1, 3 if field == "image" else 1)
        np.testing.assert_allclose(manifest.statistics[field].mean, values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(manifest.statistics[field].std, values.std(0), rtol=1e-9)


def test_the_folder_holds_exactly_the_files_that_the_manifest_names(dataset: Path) -> None:
    manifest = Manifest.read(dataset)
    assert manifest.complete
    files = {f"{shard.split}/{file.name}": file for shard in manifest.shards for file in shard.files.values()}
    records = {f"{shard.split}/fgbg-{shard.split}-{shard.index:06d}.json" for shard in manifest.shards}
    found = contents(dataset)
    assert set(found) == set(files) | records | {"dataset.json", *DESCRIPTIONS}
    for name, file in files.items():
        assert len(found[name]) == file.bytes
        assert file_sha256(dataset / name) == file.sha256
    for name in records:
        record = ShardRecord.read(dataset / name)
        tar, files = found[name.replace(".json", ".tar")], tar_members(dataset / name.replace(".json", ".tar"))
        index = record.files["tar"].index
        for field, suffix in suffixes("jpg", ["depth"]).items():
            for key, start, size in zip(record.keys, index["offset"][field], index["bytes"][field], strict=True):
                assert tar[start : start + size] == files.pop(f"{key}.{suffix}")
        assert not files


def test_a_second_run_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "out")
    build(config)
    before = {path: path.stat().st_mtime_ns for path in config.out.rglob("*") if path.name not in NOT_DATA}
    build(config)
    after = {path: path.stat().st_mtime_ns for path in config.out.rglob("*") if path.name not in NOT_DATA}
    assert before == after


def test_workers_and_formats_do_not_change_bytes(pictures: Path, tmp_path: Path) -> None:
    alone = config_for(pictures, tmp_path / "alone", format=("tar", "hdf5"))
    build(alone)
    build(replace(alone, out=tmp_path / "two", jobs=2))
    assert contents(alone.out) == contents(tmp_path / "two")
    build(replace(alone, out=tmp_path / "tar", format=("tar",)))
    tars = {name: data for name, data in contents(alone.out).items() if name.endswith(".tar")}
    assert tars == {name: data for name, data in contents(tmp_path / "tar").items() if name.endswith(".tar")}


def on_device(prepared: PreparedBuild, device: str) -> PreparedBuild:
    """Return the same build, whose workers take the estimator to be on another kind of device."""
    assert prepared.work.estimator
    return replace(prepared, work=replace(prepared.work, estimator=replace(prepared.work.estimator, device=device)))


def test_one_estimator_process_serves_all_workers(pictures: Path, tmp_path: Path, dataset: Path) -> None:
    """What a GPU build does: the parent predicts, workers compose and encode."""
    prepared = prepare(config_for(pictures, tmp_path / "out", depth="fake", format=("tar", "hdf5"), jobs=2))
    BuildMaker(on_device(prepared, "cuda")).run(False)
    names = [name for name in contents(dataset) if name.endswith((".tar", ".h5"))]
    assert names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (dataset / name).read_bytes()


class Slow(FakeEstimator):
    """Takes a tenth of a second a call."""

    def estimate(self, images: Array) -> Array:
        time.sleep(0.1)
        return super().estimate(images)


@pytest.mark.parametrize(("device", "jobs"), [("cpu", 1), ("cuda", 2)])
def test_a_build_reports_how_busy_the_estimator_was(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, jobs: int
) -> None:
    """In this process, and in the server that a GPU's workers ask; neither waiting nor start-up counts as work."""
    monkeypatch.setitem(ESTIMATORS, "slow", f"{__name__}:Slow")
    prepared = prepare(config_for(pictures, tmp_path / "out", depth="slow", val=0, test=0, jobs=jobs))
    shown = io.StringIO()
    started = time.monotonic()
    BuildMaker(on_device(prepared, device)).run(LineProgress(shown))
    whole_s = time.monotonic() - started
    found = re.search(rf"depth estimator \(slow, {device}\) was busy (\d+)% of the time\n", shown.getvalue())
    assert found
    assert found[0].strip() in (tmp_path / "out" / "build.log").read_text()
    assert 12 * 0.1 / whole_s - 0.01 <= int(found[1]) / 100 < 1  # 48 samples in batches of 4


def test_missing_and_truncated_shards_are_made_again(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "out")
    build(config)
    whole = contents(config.out)
    (config.out / "train/fgbg-train-000001.json").unlink()
    (config.out / "train/fgbg-train-000000.tar").write_bytes(b"short")
    (config.out / "val/fgbg-val-000000.tar").unlink()
    (config.out / "test/fgbg-test-000000.json").write_text("{")
    build(config)
    assert contents(config.out) == whole


def test_check_finds_a_flipped_byte(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "out")
    build(config)
    whole = contents(config.out)
    path = config.out / "train/fgbg-train-000000.tar"
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    build(config)
    assert contents(config.out) != whole  # sizes agree
    build(replace(config, check=True))
    assert contents(config.out) == whole


def test_a_folder_with_another_dataset_is_refused_or_replaced(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "out")
    build(config)
    with pytest.raises(FingerprintError, match=r"`positions` was 2 and is 3 now. Use a new folder"):
        build(replace(config, positions=3))
    (config.out / "mine.txt").write_text("keep")
    (config.out / "train/fgbg-train-000000.h5").write_text("mine too")  # of a format that was not built
    build(replace(config, positions=1, overwrite=True))
    assert (config.out / "mine.txt").read_text() == "keep"
    build(config_for(pictures, tmp_path / "fresh", positions=1))
    (config.out / "mine.txt").unlink()
    (config.out / "train/fgbg-train-000000.h5").unlink()
    assert contents(config.out) == contents(tmp_path / "fresh")


def test_a_changed_source_is_refused(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "pictures")
    config = config_for(tmp_path / "pictures", tmp_path / "out")
    build(config)
    shutil.copy(pictures / "bg/room1.jpg", tmp_path / "pictures/bg/room0.jpg")
    with pytest.raises(FingerprintError, match=r"backgrounds: 1 gone or changed, 1 new"):
        build(config)


def test_a_key_keeps_its_pixels_when_the_dataset_grows(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "pictures")
    (tmp_path / "pictures/bg/room0.jpg").unlink()
    build(config_for(tmp_path / "pictures", tmp_path / "small", positions=1))
    build(config_for(pictures, tmp_path / "large", positions=3))

    def digests(folder: Path) -> dict[str, str]:
        records = [ShardRecord.read(path) for path in folder.glob("*/*.json")]
        return {key: digest for r in records for key, digest in zip(r.keys, r.digests, strict=True)}

    small, large = digests(tmp_path / "small"), digests(tmp_path / "large")
    assert len(small) == 18
    assert small.items() <= large.items()


def test_a_full_disk_keeps_finished_shards(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real ENOSPC, from /dev/full, in the fourth shard."""
    config = config_for(pictures, tmp_path / "out", shard_size=6)
    build(replace(config, out=tmp_path / "fresh"))
    whole = contents(tmp_path / "fresh")
    real = Worker.samples

    def samples(self: Worker, shard: object) -> object:
        for number, sample in enumerate(real(self, shard)):  # type: ignore[arg-type]
            if shard.index == 3 and number == 5:  # type: ignore[attr-defined]
                with open("/dev/full", "wb", buffering=0) as full:
                    full.write(b"x")
            yield sample

    monkeypatch.setattr(Worker, "samples", samples)
    with pytest.raises(StorageError, match="no space left.*run the same command to go on"):
        build(config)
    assert len(list(config.out.rglob("*.tar"))) == 3
    assert not list(config.out.rglob("*.partial"))
    monkeypatch.undo()
    build(config)
    assert contents(config.out) == whole


def test_too_little_space_is_refused_before_anything_is_made(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fgbg_data.building.forecast.free_bytes", lambda folder: 10_000)
    with pytest.raises(StorageError, match=r"about [\d.]+ kB are needed, 10.0 kB are free"):
        build(config_for(pictures, tmp_path / "out"))
    assert not list((tmp_path / "out").rglob("*.tar"))


def test_a_cutout_too_faint_for_a_mask_is_named(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "fg").mkdir()
    Image.new("RGBA", (30, 30), (255, 0, 0, 100)).save(tmp_path / "fg/ghost.png")
    config = replace(config_for(pictures, tmp_path / "out"), fg=tmp_path / "fg")
    with pytest.raises(PlacementError, match="placements of ghost showed no pixel with half coverage"):
        build(config)


def test_placements_without_a_mask_pixel_are_drawn_again(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "fg").mkdir()
    cutout = Image.new("RGBA", (60, 60), (0, 0, 0, 100))
    cutout.paste((10, 200, 30, 255), (0, 0, 12, 12))
    cutout.save(tmp_path / "fg/corner.png")
    config = config_for(pictures, tmp_path / "out", positions=30, truncate=0.8, format=("hdf5",), shard_size=1000)
    build(replace(config, fg=tmp_path / "fg"))
    with h5py.File(tmp_path / "out/train/fgbg-train-000000.h5") as shard:
        metas = [json.loads(text) for text in shard["meta"].asstr()[:]]
        areas = shard["mask"][:].astype(bool).sum((1, 2))
    assert {meta["attempt"] for meta in metas} > {0}
    assert (areas > 0).all()
    assert [meta["mask_area_px"] for meta in metas] == areas.tolist()


def test_depth_that_is_not_finite_stops_and_names_the_sample(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEstimator, "estimate", lambda self, images: np.full(images.shape[:3], np.nan, np.float32))
    with pytest.raises(EstimatorError, match=r"room\d_thing\d_00\dm?: depth='fake' gave a depth that is not finite"):
        build(config_for(pictures, tmp_path / "out", depth="fake"))


def test_depth_size_depth_bits_and_encoded_layout_are_respected(pictures: Path, tmp_path: Path) -> None:
    options = {"depth": "fake", "depth_size": "half", "depth_bits": 16, "hdf5_layout": "encoded"}
    build(config_for(pictures, tmp_path / "out", format=("tar", "hdf5"), **options))
    files = tar_members(tmp_path / "out/train/fgbg-train-000000.tar")
    with h5py.File(tmp_path / "out/train/fgbg-train-000000.h5") as shard:
        for index, key in enumerate(shard["key"].asstr()[:]):
            for field, suffix in (("image", "jpg"), ("mask", "mask.png"), ("depth", "depth.png")):
                assert shard[field][index].tobytes() == files[f"{key}.{suffix}"]
        depth = np.asarray(Image.open(io.BytesIO(shard["depth"][0].tobytes())))
    assert depth.shape == (24, 24)
    assert len(np.unique(depth)) > 256


def test_a_second_build_on_one_folder_is_refused(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "out")
    config.out.mkdir()
    with build_lock(config.out), pytest.raises(StorageError, match="another build is running on this folder"):
        build(config)


def test_build_log_is_not_part_of_the_dataset(dataset: Path) -> None:
    log = (dataset / "build.log").read_text()
    assert "complete: 48 samples" in log
    for name, data in contents(dataset).items():
        assert str(dataset.parent).encode() not in data, f"{name} holds an absolute path"


def test_public_function_is_not_shadowed_by_its_module() -> None:
    import fgbg_data.building.build

    assert fgbg_data.build is build


def test_a_lost_manifest_is_written_again(dataset: Path, copy: Path, pictures: Path) -> None:
    (copy / MANIFEST).unlink()
    build(config_for(pictures, copy, depth="fake", format=("tar", "hdf5")))
    assert contents(copy) == contents(dataset)


def test_without_its_manifest_a_dataset_is_not_overwritten(copy: Path, pictures: Path) -> None:
    (copy / MANIFEST).unlink()
    with pytest.raises(StorageError, match="holds no dataset.json"):
        build(config_for(pictures, copy, depth="fake", format=("tar", "hdf5"), seed=4))

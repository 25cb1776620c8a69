"""Conversion: the same samples through any chain of formats, and the same bytes however often it is killed."""

import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.one_process import convert, verify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.codecs.pictures import image_format_of
from fgbg_data.dataset.identity import Reencoded
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.deriving.input import open_input
from fgbg_data.errors import ConfigError, FgbgError, FingerprintError, ManifestError, ShardError

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def tars(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset with depth of both kinds, as tar alone."""
    out = tmp_path_factory.mktemp("tars") / "shards"
    build(config_for(pictures, out, depth="fake", depth_mode="both", positions=1))
    return out


def samples(folder: Path, *, pixels: bool = True) -> dict[str, tuple[Any, ...]]:
    """Key -> everything of a sample, of all splits."""
    found = {}
    for split in SPLITS:
        for sample in open_dataset(folder, split, depth_as="codes"):
            assert sample.depth is not None
            assert sample.depth_composed is not None
            depths = sample.depth.tobytes() + sample.depth_composed.tobytes()
            image = sample.image.tobytes() if pixels else b""
            found[sample.key] = (split, sample.mask.tobytes(), depths, sample.meta, image)
    return found


def image_files(folder: Path) -> dict[str, bytes | None]:
    return {
        split.key(number): split.reader(shard).read_file(index, "image")
        for split in open_input(folder, out=folder.with_name("unused")).splits.values()
        for number in range(len(split))
        for shard, index in [split.locate(number)]
    }


STEPS = st.sampled_from(
    [
        {"format": "tar"},
        {"format": "hdf5"},
        {"format": "hdf5", "hdf5_layout": "encoded"},
        {"format": "folder"},
        {"format": "tar,hdf5"},
        {"format": "tar", "image_format": "png"},
        {"format": "folder", "image_format": "png"},
    ]
)


@given(chain=st.lists(STEPS, min_size=1, max_size=2))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_chain_of_conversions_keeps_the_samples(
    tars: Path, tmp_path_factory: pytest.TempPathFactory, chain: list[dict[str, str]]
) -> None:
    folder, here = tmp_path_factory.mktemp("chain"), tars
    for number, options in enumerate(chain):
        files_before, out = image_files(here), folder / str(number)
        only_pixels = None in files_before.values()
        holds_files = options != {"format": "hdf5"}
        if only_pixels and holds_files and Manifest.read(here).fields["image"].suffix == "jpg":
            options = options | {"image_format": "png"}
        convert(here, out, **options)
        if holds_files and not only_pixels:
            files = image_files(out)
            for key, data in files_before.items():
                assert data is not None
                assert files[key] is not None
                if image_format_of(data) == image_format_of(files[key] or b""):
                    assert files[key] == data
        here = out
    assert samples(here) == samples(tars)
    assert open_dataset(here).keys() == open_dataset(tars).keys()


def test_tar_to_folder_and_back_is_the_same_tar(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "files", format="folder")
    convert(tmp_path / "files", tmp_path / "tars", format="tar")
    for path in tars.rglob("*.tar"):
        assert (tmp_path / "tars" / path.relative_to(tars)).read_bytes() == path.read_bytes()
    report = verify(tmp_path / "files")
    assert report.ok, report.problems
    assert not report.notes


def test_hdf5_of_tar_is_the_twin_that_build_writes(tars: Path, pictures: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "h5", format="hdf5")
    build(config_for(pictures, tmp_path / "built", depth="fake", depth_mode="both", positions=1, format="hdf5"))
    for path in (tmp_path / "built").rglob("*.h5"):
        assert (tmp_path / "h5" / path.relative_to(tmp_path / "built")).read_bytes() == path.read_bytes()


def test_index_csv_names_every_loose_file(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "files", format="folder")
    with (tmp_path / "files" / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == Manifest.read(tars).samples
    assert {row["key"]: row["split"] for row in rows} == {key: sample[0] for key, sample in samples(tars).items()}
    for row in rows:
        assert row["image"] == f"{row['split']}/image/{row['key']}.jpg"
        for field in ("image", "mask", "depth", "depth_composed"):
            assert (tmp_path / "files" / row[field]).is_file()
        mask = np.asarray(Image.open(tmp_path / "files" / row["mask"]))
        left, top, width, height = (int(row[f"bbox_{name}"]) for name in ("x", "y", "width", "height"))
        assert np.count_nonzero(mask[top : top + height, left : left + width]) == int(row["mask_area_px"])
    assert {"background", "foreground", "mask_area_px", "top", "height"} <= rows[0].keys()


def test_hugging_face_reads_loose_files_as_pictures(
    tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    convert(tars, tmp_path / "files", format="folder")
    assert verify(tmp_path / "files").ok
    expected = {split: open_dataset(tars, split, depth_as="codes") for split in SPLITS}
    by_card = datasets.load_dataset(str(tmp_path / "files"), cache_dir=str(tmp_path / "one"))
    by_name = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "files"), cache_dir=str(tmp_path / "two"))
    for found in (by_card, by_name):
        for name, split in zip(SPLITS, ("train", "validation" if found is by_name else "val", "test"), strict=True):
            assert [row["key"] for row in found[split]] == expected[name].keys()
        row, sample = found["train"][0], expected["train"][0]
        np.testing.assert_array_equal(np.asarray(row["mask"]), sample.mask)
        np.testing.assert_array_equal(np.asarray(row["depth"]), sample.depth)
        assert row["image"].size == sample.image.shape[1::-1]
        assert [row[f"bbox_{name}"] for name in ("x", "y", "width", "height")] == sample.meta["bbox_xywh"]


def test_the_card_names_files_as_each_format_has_them(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "files", format="folder")
    text = (tmp_path / "files" / "README.md").read_text()
    assert "| mask | `SPLIT/mask/KEY.png` |" in text
    assert "| meta | `index.csv` |" in text
    convert(tars, tmp_path / "both", format="tar,hdf5")
    text = (tmp_path / "both" / "README.md").read_text()
    assert "| field | in tar | in hdf5 | type |" in text
    assert "| mask | `KEY.mask.png` | `mask[INDEX]` |" in text
    assert "task_categories: [image-segmentation, depth-estimation]\nsize_categories: [n<1K]" in text


def test_a_converted_dataset_is_complete_and_knows_its_history(tars: Path, tmp_path: Path) -> None:
    manifest = convert(tars, tmp_path / "out", format="tar,hdf5")
    report = verify(tmp_path / "out")
    assert report.ok, report.problems
    assert manifest.complete
    assert manifest.statistics == Manifest.read(tars).statistics
    assert manifest.fingerprint != Manifest.read(tars).fingerprint
    (step,) = manifest.identity.history
    assert list(step.read) == [Manifest.read(tars).fingerprint]
    assert (tmp_path / "out" / "preview.png").is_file()
    assert "`fgbg-data convert` of" in (tmp_path / "out" / "README.md").read_text()


def test_bytes_do_not_depend_on_workers(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "one", format="folder", jobs=1)
    convert(tars, tmp_path / "two", format="folder", jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_jpeg_is_written_from_pixels_only_when_asked(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "h5", format="hdf5")
    with pytest.raises(
        ConfigError, match=r"h5: holds pixels, no JPEG files; .* image_format='png' .* or reencode=True"
    ):
        convert(tmp_path / "h5", tmp_path / "tar", format="tar")
    assert not (tmp_path / "tar").exists()
    manifest = convert(tmp_path / "h5", tmp_path / "tar", format="tar", reencode=True, quality=90)
    assert manifest.identity.history[-1].options.reencoded == Reencoded(image="jpg", quality=90)
    assert "encoded anew as JPEG of quality 90" in (tmp_path / "tar" / "README.md").read_text()
    assert samples(tmp_path / "tar", pixels=False) == samples(tars, pixels=False)
    assert samples(tmp_path / "tar") != samples(tars)
    assert verify(tmp_path / "tar").ok
    with pytest.raises(ManifestError, match="cannot be rendered again"):
        verify(tmp_path / "tar", rerender=1, bg=tmp_path, fg=tmp_path)


def test_shards_without_manifest_and_records_are_converted(tars: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tars, bare)
    for path in [*bare.glob("*.*"), *bare.glob("*/*.json")]:
        path.unlink()
    convert(bare, tmp_path / "out", format="hdf5")
    assert samples(tmp_path / "out") == samples(tars)
    assert verify(tmp_path / "out").ok


def test_a_truncated_shard_is_refused(tars: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tars, damaged)
    shard = damaged / "train" / "fgbg-train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(ShardError, match=r"fgbg-train-000000\.tar: is 5000 bytes, dataset\.json says"):
        convert(damaged, tmp_path / "out", format="hdf5")


def test_a_changed_sample_is_refused(dataset: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(dataset, damaged)
    with h5py.File(damaged / "train" / "fgbg-train-000000.h5", "r+") as file:
        file["image"][0, 0, 0, 0] ^= 1
    with pytest.raises(ShardError, match=r"is not the sample that its record describes; run fgbg-data verify"):
        convert(damaged, tmp_path / "out", format="hdf5")
    assert not (tmp_path / "out" / "README.md").exists()


def test_samples_whose_record_is_damaged_are_not_copied_unchecked(tars: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tars, damaged)
    record = damaged / "train" / "fgbg-train-000000.json"
    record.write_bytes(record.read_bytes()[:50])
    with pytest.raises(ShardError, match=r"has a damaged record, .*run fgbg-data verify"):
        convert(damaged, tmp_path / "out", format="hdf5")
    assert not (tmp_path / "out" / "README.md").exists()


def test_an_unfinished_dataset_is_refused(tars: Path, tmp_path: Path) -> None:
    shutil.copytree(tars, tmp_path / "part")
    path = tmp_path / "part" / "dataset.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": false'))
    with pytest.raises(ManifestError, match="its build is not finished"):
        convert(tmp_path / "part", tmp_path / "out", format="hdf5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "zip"}, r"format='zip': expected one of tar, hdf5, folder"),
        ({"format": "tar,tar"}, r"format=\('tar', 'tar'\): names one format twice"),
        ({"format": "tar", "image_format": "webp"}, r"image_format='webp': expected one of jpg, png"),
        ({"format": "tar", "quality": 0}, r"quality=0: expected 1 to 100"),
        ({"format": "hdf5", "image_format": "png"}, r"HDF5 of pixels holds no image files"),
        ({"format": "hdf5", "hdf5_layout": "flat"}, r"hdf5_layout='flat': expected one of pixels, encoded"),
    ],
)
def test_bad_options_are_refused(tars: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        convert(tars, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_unsuitable_output_folders_are_refused(tars: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="overlaps with .*, which is read"):
        convert(tars, tars / "train", format="hdf5")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(FgbgError, match=r"is not empty and holds no dataset\.json"):
        convert(tars, tmp_path / "full", format="hdf5")
    convert(tars, tmp_path / "out", format="hdf5")
    with pytest.raises(FingerprintError, match=r"build then convert of \w{8} with format hdf5.*Use a new folder$"):
        convert(dataset, tmp_path / "out", format="hdf5")


def test_a_build_may_replace_loose_files(tars: Path, pictures: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "out", format="folder")
    (tmp_path / "out" / "train" / "image" / "notes.txt").touch()
    build(config_for(pictures, tmp_path / "out", positions=1, mirror=False, overwrite=True))
    files = [path.name for path in (tmp_path / "out").rglob("*.*") if path.suffix in (".txt", ".csv", ".jpg")]
    assert files == ["notes.txt"]
    assert verify(tmp_path / "out").ok


def test_keys_are_never_paths(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "files", format="folder")
    table = tmp_path / "files" / "train" / "fgbg-train-000000.files.csv"
    text = table.read_text()
    key = open_dataset(tars).keys()[0]
    table.write_text(text.replace(f"image/{key}.jpg", "../../../etc/passwd", 1))
    for json_file in [tmp_path / "files" / "dataset.json", table.with_name(table.name.replace(".files.csv", ".json"))]:
        json_file.unlink()
    with pytest.raises(ShardError, match=rf"{key}: its image is '\.\./\.\./\.\./etc/passwd', which is not its file"):
        open_dataset(tmp_path / "files")


def test_the_command_refuses_in_one_line(tars: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["convert", str(tmp_path / "none"), "--format", "hdf5", "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    done = CliRunner().invoke(main, ["convert", str(tars), "--format", "hdf5", "--out", str(tmp_path / "o"), "-j1"])
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'o'}: {Manifest.read(tars).samples} samples (" in done.output


def test_loose_files_are_listed_without_a_size(tars: Path, tmp_path: Path) -> None:
    """A record knows the size of the table alone."""
    out = tmp_path / "files"
    done = CliRunner().invoke(main, ["convert", str(tars), "--format", "folder", "--out", str(out), "-j1"])
    assert done.exit_code == 0, done.output
    told = [done.stdout, (out / "README.md").read_text(), CliRunner().invoke(main, ["info", str(out)]).stdout]
    assert not [text for text in told if re.search(r"\d [kMG]?B\b", text)]
    told = [CliRunner().invoke(main, ["info", str(tars)]).stdout, (tars / "README.md").read_text()]
    assert all(re.search(r"\d [kMG]?B\b", text) for text in told)


def test_a_killed_conversion_run_again_writes_the_same_bytes(tars: Path, tmp_path: Path) -> None:
    arguments = ["convert", str(tars), "--format", "folder", "--jobs", "1", "--out"]
    out = tmp_path / "out"
    killed = 0
    for records in itertools.count(1):
        process = subprocess.Popen(
            [sys.executable, "-m", "fgbg_data.cli", *arguments, str(out)], stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(out.glob("*/fgbg-*.json"))) < records:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        if process.wait() == 0 or killed == 2:
            break
    assert killed
    convert(tars, out, format="folder")
    convert(tars, tmp_path / "whole", format="folder")
    assert contents(out) == contents(tmp_path / "whole")


def test_resume_makes_only_what_is_missing(tars: Path, tmp_path: Path) -> None:
    convert(tars, tmp_path / "out", format="hdf5")
    before = contents(tmp_path / "out")
    kept = next((tmp_path / "out" / "val").glob("*.h5"))
    age = kept.stat().st_mtime_ns
    lost = tmp_path / "out" / "train" / "fgbg-train-000000.json"
    assert json.loads(lost.read_text())["samples"] == ShardRecord.read(lost).samples
    lost.unlink()
    convert(tars, tmp_path / "out", format="hdf5", check=True)
    assert contents(tmp_path / "out") == before
    assert kept.stat().st_mtime_ns == age


def test_datasets_without_depth_are_converted(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "tars", positions=1, mirror=False))
    convert(tmp_path / "tars", tmp_path / "files", format="folder")
    sample = open_dataset(tmp_path / "files")[0]
    assert "depth" not in sample
    assert np.array_equal(sample.image, open_dataset(tmp_path / "tars")[0].image)
    assert not (tmp_path / "files" / "train" / "depth").exists()

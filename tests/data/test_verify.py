"""verify: healthy data passes, every kind of damage is found, and the same build mends bad shards."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers.datasets import config_for, contents
from helpers.one_process import verify
from helpers.tars import rewrite_tar
from PIL import Image

from fgbg_data.building.build import build
from fgbg_data.checking.report import VerifyReport
from fgbg_data.checking.rerender import rerender_samples
from fgbg_data.codecs.pictures import encode_depth, encode_mask
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.errors import ConfigError, ManifestError, ShardError, StorageError
from fgbg_data.fields import FIELDS
from fgbg_data.sample import canonical_json

TAR = "train/fgbg-train-000001.tar"
H5 = "train/fgbg-train-000001.h5"
RECORD = "train/fgbg-train-000001.json"
OTHER = "train/fgbg-train-000002"


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk, for this file makes hundreds of datasets."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def test_healthy_data_passes_and_is_not_touched(dataset: Path, pictures: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in dataset.rglob("*")}
    for quick in (False, True):
        report = verify(dataset, quick=quick)
        assert (report.problems, report.notes, report.samples, report.shards) == ([], [], 48, 7)
        assert report.ok
    report = verify(dataset, rerender=48, bg=pictures / "bg", fg=pictures / "fg")
    assert report.ok, report.problems
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in dataset.rglob("*")}


def test_an_older_format_version_is_refused(copy: Path) -> None:
    for path in copy.rglob("*.json"):
        path.write_text(re.sub(r'("format_version": ?)\d', r"\g<1>1", path.read_text()))
    with pytest.raises(
        ManifestError, match="was made in format version 1; .* Verify it with the version that wrote it"
    ):
        verify(copy)


@pytest.mark.parametrize(
    "options",
    [
        {"format": ("tar",), "holdout": "both", "val": 0.2, "test": 0.2},
        {
            "format": ("tar", "hdf5"),
            "hdf5_layout": "encoded",
            "depth": "fake",
            "depth_size": "half",
            "holdout": "sample",
        },
        {"format": ("hdf5",), "image_format": "png", "truncate": 0.3, "scale": "0.5:0.9", "holdout": "foreground"},
    ],
    ids=lambda options: "-".join(options["format"]),
)
def test_healthy_data_of_other_options_passes(pictures: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    build(config_for(pictures, tmp_path / "s", samples=30, **options))
    report = verify(tmp_path / "s", rerender=30, bg=pictures / "bg", fg=pictures / "fg")
    assert report.problems == []
    assert report.samples == 30


def test_shards_without_manifest_and_records_are_checked(copy: Path) -> None:
    (copy / MANIFEST).unlink()
    for path in copy.glob("*/*.json"):
        path.unlink()
    report = verify(copy)
    assert report.ok
    assert "there is no dataset.json" in report.notes[0]
    with pytest.raises(ConfigError, match="cannot be rendered again"):
        verify(copy, rerender=1, bg=copy, fg=copy)


def test_processes_find_the_same_problems(copy: Path) -> None:
    flip(copy / TAR, "image", 3, 200)
    assert verify(copy, jobs=2).problems == verify(copy).problems != []


# --- planted damage ---------------------------------------------------------------------------------------


def flip(tar: Path, field: str, index: int, byte: int) -> None:
    """Flip a bit of one sample's field, in a byte counted from the start of its file."""
    record = json.loads(tar.with_suffix(".json").read_text())
    data = bytearray(tar.read_bytes())
    data[record["files"]["tar"]["index"]["offset"][field][index] + byte] ^= 1
    tar.write_bytes(data)


def sample_files(files: dict[str, bytes], index: int) -> dict[str, str]:
    """Suffix -> name of the files of one sample."""
    key = list(dict.fromkeys(name.partition(".")[0] for name in files))[index]
    return {name.partition(".")[2]: name for name in files if name.startswith(key + ".")}


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def edit_h5(copy: Path, field: str, change: Callable[[Any], None]) -> None:
    with h5py.File(copy / H5, "a") as file:
        change(file[field])


def in_tar(change: Callable[[dict[str, bytes], dict[str, str]], Any]) -> Callable[[Path], None]:
    """Damage the third sample of a tar."""

    def damage(copy: Path) -> None:
        rewrite_tar(copy / TAR, lambda files: change(files, sample_files(files, 2)))

    return damage


def set_mask(files: dict[str, bytes], names: dict[str, str], change: Callable[[Any], Any]) -> None:
    files[names["mask.png"]] = encode_mask(change(FIELDS["mask"].decode(files[names["mask.png"]], "")))


def set_depth(files: dict[str, bytes], names: dict[str, str], change: Callable[[Any], Any]) -> None:
    files[names["depth.png"]] = encode_depth(change(FIELDS["depth"].decode(files[names["depth.png"]], "")))


def set_meta(files: dict[str, bytes], names: dict[str, str], **values: Any) -> None:
    files[names["json"]] = canonical_json(json.loads(files[names["json"]]) | values).encode()


def rename(files: dict[str, bytes], names: dict[str, str], key: str) -> None:
    moved = {f"{key}.{suffix}": files.pop(name) for suffix, name in names.items()}
    files.update(moved)


def swap_shards(copy: Path) -> None:
    """Exchange the files of two shards."""
    for suffix in (".tar", ".h5"):
        one, other = (copy / TAR).with_suffix(suffix), copy / (OTHER + suffix)
        data = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(data)


def clone_shard(copy: Path) -> None:
    """Store one shard a second time under the name of another, with its record."""
    for suffix in (".tar", ".h5"):
        shutil.copy(copy / (OTHER + suffix), (copy / TAR).with_suffix(suffix))
    record = json.loads((copy / f"{OTHER}.json").read_text()) | {"index": 1}
    text = json.dumps(record).replace("train-000002", "train-000001")
    (copy / RECORD).write_text(text)


SHARD_DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "bit flipped in a jpeg": (lambda c: flip(c / TAR, "image", 2, 400), "its digest is not the record's|image cannot"),
    "bit flipped in a mask": (lambda c: flip(c / TAR, "mask", 2, 70), "the mask is a damaged PNG"),
    "bit flipped in a depth map": (lambda c: flip(c / TAR, "depth", 2, 90), "the depth is a damaged PNG"),
    "bit flipped in a meta": (lambda c: flip(c / TAR, "meta", 2, 3), "its meta|meta fields|digest is not"),
    "bit flipped in a tar header": (lambda c: flip(c / TAR, "image", 2, -500), "broken header at byte"),
    "bit flipped in padding": (lambda c: flip(c / TAR, "meta", 7, 511), "sha256 is not the record's"),
    "pixel changed in hdf5": (lambda c: edit_h5(c, "image", lambda d: d.write_direct(d[:] ^ np.uint8(1))), "digest"),
    "truncated tar": (lambda c: (c / TAR).write_bytes((c / TAR).read_bytes()[:9000]), "is 9000 bytes, the record says"),
    "truncated hdf5": (lambda c: (c / H5).write_bytes((c / H5).read_bytes()[:-5000]), "the file ends before its depth"),
    "missing tar": (lambda c: (c / TAR).unlink(), "is missing"),
    "missing hdf5": (lambda c: (c / H5).unlink(), "is missing"),
    "missing shard": (lambda c: [(c / name).unlink() for name in (TAR, H5)], "is missing"),
    "missing record": (lambda c: (c / RECORD).unlink(), "the record is missing"),
    "record no json": (lambda c: (c / RECORD).write_text("{"), "is not JSON"),
    "record without digests": (lambda c: edit_json(c / RECORD, lambda r: r["digests"].pop()), "differ in length"),
    "record of another dataset": (
        lambda c: edit_json(c / RECORD, lambda r: r.update(fingerprint="0" * 32)),
        "is of another dataset",
    ),
    "record with another digest": (
        lambda c: edit_json(c / RECORD, lambda r: r["digests"].reverse()),
        "its digest is not the record's",
    ),
    "record with other offsets": (
        lambda c: edit_json(c / RECORD, lambda r: r["files"]["tar"]["index"]["offset"]["mask"].reverse()),
        "its offsets are not those of the tar file",
    ),
    "record with another area": (
        lambda c: edit_json(c / RECORD, lambda r: r["mask_area_px"].__setitem__(2, 7)),
        r"its mask covers \d+ px by its meta, 7 by the record",
    ),
    "record with other sums": (
        lambda c: edit_json(c / RECORD, lambda r: r["sums"]["mask"].update(total=[1])),
        "its sums are not those of its samples",
    ),
    "shards swapped": (swap_shards, "its keys are not the record's"),
    "shard under two names": (clone_shard, "keys must be unique"),
    "sample lost": (in_tar(lambda f, n: [f.pop(name) for name in n.values()]), "its keys are not the record's"),
    "file lost": (in_tar(lambda f, n: f.pop(n["mask.png"])), "has no mask, which other samples have"),
    "mask not binary": (
        in_tar(lambda f, n: set_mask(f, n, lambda m: m // 2)),
        "its mask is not binary: it holds 0, 127",
    ),
    "mask empty": (in_tar(lambda f, n: set_mask(f, n, np.zeros_like)), "its mask is empty"),
    "mask moved": (in_tar(lambda f, n: set_mask(f, n, lambda m: m[::-1].copy())), "outside of the box|digest is not"),
    "mask grown": (in_tar(lambda f, n: set_mask(f, n, lambda m: m | 255)), r"covers 2304 px, but its meta says \d+"),
    "mask of another size": (in_tar(lambda f, n: set_mask(f, n, lambda m: m[:40])), "the mask is 48x40 px"),
    "depth out of its bits": (
        in_tar(lambda f, n: set_depth(f, n, lambda d: d | 3)),
        "codes that do not fit into 12 bits",
    ),
    "depth out of range": (in_tar(lambda f, n: set_depth(f, n, lambda d: d // 32 * 16)), "its depth spans levels 0 to"),
    "meta no json": (in_tar(lambda f, n: f.update({n["json"]: b"{"})), "its meta is not JSON"),
    "meta of another sample": (in_tar(lambda f, n: set_meta(f, n, key="x_y_000")), "its meta is that of 'x_y_000'"),
    "meta with another position": (in_tar(lambda f, n: set_meta(f, n, position=9)), "its meta is that of"),
    "meta with another area": (in_tar(lambda f, n: set_meta(f, n, mask_area_px=1)), "its meta says 1"),
    "meta with another box": (in_tar(lambda f, n: set_meta(f, n, box=[0, 0, 3, 3])), "outside of the box"),
    "meta without box": (
        in_tar(lambda f, n: set_meta(f, n, box=None)),
        "meta fields missing or of the wrong type: box",
    ),
    "meta with another tight box": (
        in_tar(lambda f, n: set_meta(f, n, bbox_xywh=[1, 2, 3, 4])),
        r"its meta has the bbox_xywh \[1, 2, 3, 4\], but its mask has \[",
    ),
    "meta without tight box": (
        in_tar(lambda f, n: set_meta(f, n, bbox_xywh=None)),
        "meta fields missing or of the wrong type: bbox_xywh",
    ),
    "meta with another range": (in_tar(lambda f, n: set_meta(f, n, depth_min=9e9)), "its meta gives the depth 12 bits"),
    "key with a dot": (in_tar(lambda f, n: rename(f, n, "a.b")), "the key has a dot"),
    "member outside": (in_tar(lambda f, n: rename(f, n, "../a")), "leads out of the folder"),
    "image that is text": (in_tar(lambda f, n: f.update({n["jpg"]: b"hello"})), "the image cannot be decoded"),
    "background of another split": (
        lambda c: [
            shutil.copy((c / TAR).parents[1] / f"val/fgbg-val-000000{suffix}", (c / TAR).with_suffix(suffix))
            for suffix in (".tar", ".h5")
        ],
        "its background 'room1' is not in split 'train'",
    ),
    "twins differ": (
        lambda c: edit_h5(c, "mask", lambda d: d.__setitem__(2, d[3])),
        "its mask covers|its digest is not the record's|outside of the box",
    ),
}


@pytest.mark.parametrize("name", SHARD_DAMAGE)
def test_damage_is_found_and_mended(dataset: Path, copy: Path, pictures: Path, name: str) -> None:
    damage, text = SHARD_DAMAGE[name]
    damage(copy)
    assert contents(copy) != contents(dataset)
    before = contents(copy)
    report = verify(copy, discard_bad=True)
    assert_found(report, text)
    where = {problem.where for problem in report.problems}
    assert all("fgbg-train-000001" in path or "fgbg-train-000002" in path for path in where), where

    after = contents(copy)
    assert before.keys() - after.keys() == {path.relative_to(copy).as_posix() for path in report.discarded}
    assert {name: data for name, data in before.items() if name in after} == after
    build(config_for(pictures, copy, depth="fake", format=("tar", "hdf5")))
    assert contents(copy) == contents(dataset)


def assert_found(report: VerifyReport, text: str) -> None:
    found = [str(problem) for problem in report.problems]
    assert any(re.search(text, problem) for problem in found), found
    assert not report.ok


DATASET_DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "manifest no json": (lambda c: (c / MANIFEST).write_text("{"), "dataset.json: is not JSON"),
    "build not finished": (
        lambda c: edit_json(c / MANIFEST, lambda m: m.update(complete=False, shards=[], statistics={})),
        "the build is not finished: 7 of 7 shards exist",
    ),
    "option edited": (
        lambda c: edit_json(c / MANIFEST, lambda m: m["identity"]["config"].update(seed=5)),
        "its fingerprint is not that of its configuration",
    ),
    "splits share a background": (
        lambda c: edit_json(c / MANIFEST, lambda m: m["splits"]["val"]["backgrounds"].append("room0")),
        "train and val share backgrounds, which are held out: room0",
    ),
    "statistics edited": (
        lambda c: edit_json(c / MANIFEST, lambda m: m["statistics"]["mask"].update(mean=[0.5])),
        "its statistics are not those of its records",
    ),
    "shard not listed": (
        lambda c: edit_json(c / MANIFEST, lambda m: m["shards"].pop()),
        "split .* should have .* shards with .* samples, but it lists .* with",
    ),
    "digest edited": (
        lambda c: edit_json(c / MANIFEST, lambda m: m["shards"][3]["files"]["tar"].update(sha256="0" * 64)),
        "does not agree with dataset.json",
    ),
    "shard of others": (
        lambda c: shutil.copy(c / TAR, c / "train/other.tar"),
        "train/other.tar: is not listed in dataset.json",
    ),
    "dataset within": (
        lambda c: shutil.copytree(c / "val", c / "validation"),
        "validation: holds shards, but dataset.json has no such split",
    ),
}


@pytest.mark.parametrize("name", DATASET_DAMAGE)
def test_damage_of_the_manifest_and_the_folder_is_found(copy: Path, name: str) -> None:
    damage, text = DATASET_DAMAGE[name]
    damage(copy)
    assert_found(verify(copy), text)


@pytest.mark.parametrize("layout", ["pixels", "encoded"])
def test_hdf5_whose_digest_is_wrong_is_not_parsed(layout: str, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(config_for(pictures, out, format=("hdf5",), hdf5_layout=layout, samples=12, val=0, test=0))
    path = next(out.glob("train/*.h5"))
    data = bytearray(path.read_bytes())
    data[:8] = bytes(8)  # the mark of HDF5, without which any parser would complain
    path.write_bytes(data)
    found = [problem.text for problem in verify(out).problems]
    assert found == ["its sha256 is not the record's; bytes were changed"]


def test_quick_checks_only_records_and_sizes(copy: Path) -> None:
    flip(copy / TAR, "image", 2, 400)
    assert verify(copy, quick=True).ok
    (copy / H5).write_bytes(b"short")
    assert_found(verify(copy, quick=True), "is 5 bytes, the record says")


def test_other_files_are_notes_and_no_problem(copy: Path) -> None:
    (copy / "NOTES.txt").write_text("mine")
    (copy / ".DS_Store").write_text("")
    (copy / "train/x.tar.0123.partial").write_text("")
    report = verify(copy)
    assert report.ok
    assert report.notes == [
        "NOTES.txt: does not belong to the dataset",
        "train/x.tar.0123.partial: half written by a killed build; the next build removes it",
    ]


def test_rerender_names_what_differs(copy: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rerender=3 needs the sources: `bg` and `fg`"):
        verify(copy, rerender=3)
    mine = Path(shutil.copytree(pictures, tmp_path / "mine"))
    (mine / "bg/room0.jpg").unlink()
    Image.new("RGB", (90, 90), "red").save(mine / "bg/room2.jpg")
    report = verify(copy, rerender=48, bg=mine / "bg", fg=mine / "fg")
    assert_found(report, r"room0_\w+: its background .*room0.jpg is missing")
    assert_found(report, r"room2_\w+: its background .*room2.jpg is another file than the dataset was made of")
    manifest = Manifest.read(copy)
    for path in copy.glob("train/*.h5"):
        with h5py.File(path, "a") as file:
            file["image"][:] ^= 1
    again = VerifyReport(copy)
    rerender_samples(copy, manifest, pictures / "bg", pictures / "fg", 48, 0, again)
    assert (len(again.problems), again.rerendered) == (24, 48)
    assert all("its image is not what its sources give: " in str(problem) for problem in again.problems)
    with pytest.raises(
        ConfigError, match="none of the 4 backgrounds of this dataset is there. Are `bg` and `fg` swapp"
    ):
        verify(copy, rerender=4, bg=pictures / "fg", fg=pictures / "bg")


def test_without_a_manifest_nothing_is_discarded(copy: Path) -> None:
    flip(copy / TAR, "mask", 2, 70)
    (copy / MANIFEST).unlink()
    with pytest.raises(ShardError, match="no build can make its shards again; nothing was removed"):
        verify(copy, discard_bad=True)
    assert (copy / RECORD).is_file()


def test_folders_without_shards_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such folder"):
        verify(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="holds no shard"):
        verify(tmp_path)

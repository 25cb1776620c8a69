"""Datasets with composed depth: what they hold, how often the estimator runs, and that every command reads them."""

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import webdataset
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.fake_estimator import FakeEstimator
from helpers.one_process import convert, merge, resplit, stats, verify
from helpers.tars import rewrite_tar, tar_members

import fgbg_data
from fgbg_data.building import source_depth
from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.codecs.pictures import encode_depth
from fgbg_data.compositing.resize import fit_background
from fgbg_data.dataset.file_names import SOURCE_DEPTH
from fgbg_data.dataset.info import info
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.depth.registry import ESTIMATORS
from fgbg_data.errors import ConfigError, EstimatorError, FingerprintError
from fgbg_data.fields import FIELDS
from fgbg_data.pictures import load_rgb
from fgbg_data.sample import Array
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.preview import preview


class Counting(FakeEstimator):
    """Counts its calls, over all that are made, and may break down at one of them."""

    calls = 0
    broken_at = 0

    def estimate(self, images: Array) -> Array:
        Counting.calls += 1
        if Counting.calls == Counting.broken_at:
            raise EstimatorError("out of order")
        assert len(images) == self.batch_size
        return super().estimate(images)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    monkeypatch.setattr(Counting, "calls", 0)
    monkeypatch.setattr(Counting, "broken_at", 0)
    monkeypatch.setitem(ESTIMATORS, "fake", f"{__name__}:Counting")
    return Counting


@pytest.fixture(scope="module")
def both(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete dataset of 48 samples with both kinds of depth. Read only."""
    out = tmp_path_factory.mktemp("both") / "shards"
    build(config_for(pictures, out, depth="fake", depth_mode="both", format=("tar", "hdf5")))
    return out


def tar_files(folder: Path, suffix: str) -> dict[str, bytes]:
    """Key -> file of a suffix, over all tars."""
    files = {name: data for path in sorted(folder.glob("*/*.tar")) for name, data in tar_members(path).items()}
    return {name.partition(".")[0]: data for name, data in files.items() if name.partition(".")[2] == suffix}


# --- what they hold --------------------------------------------------------------------------------------


def test_inferred_depth_is_the_same_with_and_without_composed_depth(both: Path, dataset: Path) -> None:
    for suffix in ("jpg", "mask.png", "depth.png"):
        assert tar_files(both, suffix) == tar_files(dataset, suffix), suffix


def test_the_modes_both_and_compose_make_the_same_composed_depth(both: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "c", depth="fake", depth_mode="compose"))
    assert tar_files(tmp_path / "c", "depth.png") == tar_files(both, "depth_composed.png")
    ranges = ("depth_min", "depth_max"), ("depth_composed_min", "depth_composed_max")
    here, there = (
        {key: [json.loads(meta)[name] for name in names] for key, meta in tar_files(folder, "json").items()}
        for folder, names in zip((tmp_path / "c", both), ranges, strict=True)
    )
    assert here == there


def test_outside_the_mask_depth_is_that_of_the_background(both: Path, pictures: Path) -> None:
    names = {source.id: source.file for source in Manifest.read(both).identity.sources.backgrounds}
    nearer = 0
    for sample in open_dataset(both, "val", depth_as="raw"):
        picture = fit_background(load_rgb(pictures / "bg" / names[sample.meta["background"]]), (48, 48), "cover")
        expected = FakeEstimator().estimate(picture[None])[0]
        level = (sample.meta["depth_composed_max"] - sample.meta["depth_composed_min"]) / 4095
        assert sample.depth_composed is not None
        outside = sample.mask == 0
        np.testing.assert_allclose(sample.depth_composed[outside], expected[outside], atol=level)
        assert (sample.depth_composed >= expected - level).all()
        nearer += np.count_nonzero(sample.depth_composed[~outside] > expected[~outside] + level)
    assert nearer > 0


def test_smaller_depth_takes_pixels_and_never_averages(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "full", depth="fake", depth_mode="compose", depth_bits=16, samples=6)
    build(config)
    build(replace(config, out=tmp_path / "half", depth_size="half"))
    for whole, small in zip(*(open_dataset(tmp_path / n, depth_as="codes") for n in ("full", "half")), strict=True):
        meta, full = small.meta, dequantise_depth(whole.depth, 16)  # type: ignore[arg-type]
        full = whole.meta["depth_min"] + full * (whole.meta["depth_max"] - whole.meta["depth_min"])
        half = meta["depth_min"] + dequantise_depth(small.depth, 16) * (meta["depth_max"] - meta["depth_min"])  # type: ignore[arg-type]
        assert half.shape == (24, 24)
        blocks = full.reshape(24, 2, 24, 2).transpose(0, 2, 1, 3).reshape(24, 24, 4)
        assert np.abs(blocks - half[..., None]).min(-1).max() < 0.01


def test_a_drawn_stand_is_nearer_than_the_floor(both: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "d", depth="fake", depth_mode="both", stand="drawn"))
    floor = {
        sample.key: sample for split in ("train", "val", "test") for sample in open_dataset(both, split, depth_as="raw")
    }
    nearer = 0
    for sample in open_dataset(tmp_path / "d", depth_as="raw"):
        seen = sample.mask > 0
        one, other = floor[sample.key].depth_composed, sample.depth_composed
        assert one is not None
        assert other is not None
        assert other[seen].mean() >= one[seen].mean() - 0.1
        nearer += other[seen].mean() > one[seen].mean() + 1
    assert nearer > 5


# --- how they are made ---------------------------------------------------------------------------------------


def test_the_estimator_runs_once_on_each_source(pictures: Path, tmp_path: Path, counting: type[Counting]) -> None:
    build(config_for(pictures, tmp_path / "c", depth="fake", depth_mode="compose"))
    assert counting.calls == source_depth.num_calls(4, 4, 3) == 2  # 4 backgrounds, 3 foregrounds, 4 at once
    build(config_for(pictures, tmp_path / "b", depth="fake", depth_mode="both"))
    assert counting.calls == 2 + 2 + 2 * 6  # 6 shards of 8 samples
    assert not (tmp_path / "c" / SOURCE_DEPTH).exists()


def test_workers_do_not_change_bytes(pictures: Path, tmp_path: Path) -> None:
    config = config_for(pictures, tmp_path / "one", depth="fake", depth_mode="compose", format=("tar", "hdf5"))
    build(config)
    build(replace(config, out=tmp_path / "two", jobs=2))  # workers do not know the fake: they need not ask it
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_stopped_build_goes_on_without_estimating_sources_again(
    pictures: Path, tmp_path: Path, counting: type[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(pictures, tmp_path / "whole", depth="fake", depth_mode="both", estimator_batch=2)
    build(config)
    config, calls = replace(config, out=tmp_path / "stopped"), counting.calls
    for broken_at in (2, 4, 9):  # among backgrounds, among foregrounds, among composites
        monkeypatch.setattr(counting, "calls", 0)
        monkeypatch.setattr(counting, "broken_at", broken_at)
        with pytest.raises(EstimatorError, match="out of order"):
            build(config)
    assert (config.out / SOURCE_DEPTH).is_dir()
    assert verify(config.out).problems[0].text.startswith("the build is not finished")
    monkeypatch.setattr(counting, "broken_at", 0)
    monkeypatch.setattr(counting, "calls", 0)
    build(config)
    assert 0 < counting.calls < calls - 4  # no source was asked about again
    assert contents(config.out) == contents(tmp_path / "whole")


def test_bad_depth_of_a_source_is_refused_by_name(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEstimator, "estimate", lambda self, images: np.full(images.shape[:3], np.nan, np.float32))
    config = config_for(pictures, tmp_path / "s", depth="fake", depth_mode="compose")
    with pytest.raises(EstimatorError, match=r"background room0: depth='fake' gave a depth .* not finite"):
        build(config)
    monkeypatch.setattr(FakeEstimator, "estimate", lambda self, images: np.zeros((len(images), 8, 8), np.float32))
    with pytest.raises(EstimatorError, match=r"background room0: .* depth of \(8, 8\).*; expected \(48, 48\)"):
        build(config)


def test_another_depth_mode_is_another_dataset(both: Path, pictures: Path) -> None:
    with pytest.raises(FingerprintError, match=r"`depth_mode` was both and is infer now"):
        build(config_for(pictures, both, depth="fake", format=("tar", "hdf5")))
    with pytest.raises(FingerprintError, match=r"`relief` was 0.2 and is 0.3 now"):
        build(config_for(pictures, both, depth="fake", depth_mode="both", relief=0.3, format=("tar", "hdf5")))


def test_both_kinds_of_depth_work_with_any_names(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "p")
    for kind, name, stem in (("bg", "room0.jpg", "x" * 40), ("fg", "thing0.png", "a very long name " * 12)):
        path = tmp_path / "p" / kind / name
        path.rename(path.with_stem(stem))
    config = config_for(tmp_path / "p", tmp_path / "s", depth="fake", samples=20)
    infer = build(config)
    both = build(replace(config, out=tmp_path / "both", depth_mode="both"))
    keys = [
        sorted(sum((open_dataset(folder, split).keys() for split in manifest.splits), []))
        for manifest, folder in ((infer, tmp_path / "s"), (both, tmp_path / "both"))
    ]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 20


def test_the_dry_run_counts_the_calls_of_the_estimator(pictures: Path, tmp_path: Path) -> None:
    command = ["build", "--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--out", str(tmp_path / "o")]
    command += ["--size", "48", "--depth", "fake", "--positions", "2", "--val", "0.2", "--test", "0.2", "-j", "1"]
    expected = {
        "infer": "inferred: 12 calls",
        "compose": "composed: 2 calls",
        "both": "inferred and composed: 14 calls",
    }
    for mode, text in expected.items():
        done = CliRunner().invoke(main, [*command, "--depth-mode", mode, "--dry-run"])
        assert done.exit_code == 0, done.output
        assert f"depth {text} of fake, 4 pictures each" in done.output
    assert not (tmp_path / "o").exists()


# --- who reads them -----------------------------------------------------------------------------


def test_every_reader_gives_the_same_composed_depth(both: Path) -> None:
    by_h5py, by_webdataset = {}, {}
    for path in both.glob("*/*.h5"):
        with h5py.File(path) as shard:
            assert shard.attrs["fields"].astype(str).tolist() == [
                "key",
                "image",
                "mask",
                "depth",
                "depth_composed",
                "meta",
            ]
            by_h5py |= dict(zip(shard["key"].asstr()[:], shard["depth_composed"][:], strict=True))
        tars = webdataset.WebDataset(str(path.with_suffix(".tar")), shardshuffle=False).decode(
            fgbg_data.webdataset_decoder
        )
        by_webdataset |= {sample["__key__"]: sample["depth_composed.png"] for sample in tars}
    assert by_h5py.keys() == by_webdataset.keys()
    for key, codes in by_h5py.items():
        assert codes.dtype == by_webdataset[key].dtype == np.uint16
        assert np.array_equal(codes, by_webdataset[key])
    for form in ("tar", "hdf5"):
        fields = ("depth_composed", "meta")
        unit, codes, raw = (
            open_dataset(both, fields=fields, depth_as=kind, format=form)[3]  # type: ignore[arg-type]
            for kind in ("unit", "codes", "raw")
        )
        assert np.array_equal(codes.depth_composed, by_h5py[codes.key])  # type: ignore[arg-type]
        assert unit.depth_composed.dtype == np.float32  # type: ignore[union-attr]
        assert np.array_equal(unit.depth_composed, dequantise_depth(codes.depth_composed, 12))  # type: ignore[arg-type]
        span = raw.depth_composed.min(), raw.depth_composed.max()  # type: ignore[union-attr]
        assert span == pytest.approx((raw.meta["depth_composed_min"], raw.meta["depth_composed_max"]))
        assert open_dataset(both, size=12, format=form)[0].depth_composed.shape == (12, 12)  # type: ignore[union-attr]


def test_hugging_face_reads_composed_depth(both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed (extra test)")
    stream = datasets.load_dataset(
        "webdataset", data_files=str(both / "train/*.tar"), split="train", streaming=True, cache_dir=str(tmp_path)
    )
    sample = next(iter(stream))
    codes = np.asarray(sample["depth_composed.png"])
    assert codes.dtype == np.uint16
    stored = open_dataset(both, fields=("depth_composed",), depth_as="codes")[sample["__key__"]].depth_composed
    assert np.array_equal(codes, stored)  # type: ignore[arg-type]


def test_a_dataset_without_composed_depth_has_no_such_field(dataset: Path) -> None:
    assert "depth_composed" not in open_dataset(dataset)[0]
    assert info(dataset)["fields"]["depth"]["label"] == "inferred"


def test_info_and_card_say_how_depth_was_made(both: Path, pictures: Path, tmp_path: Path) -> None:
    fields = info(both)["fields"]
    assert (fields["depth"]["label"], fields["depth_composed"]["label"]) == ("inferred", "composed")
    assert fields["depth_composed"]["shape"] == [48, 48]
    lines = CliRunner().invoke(main, ["info", str(both)]).output.splitlines()
    assert ["depth_composed", "uint16", "48", "x", "48", "composed", "by", "fake"] in [line.split() for line in lines]
    card = (both / "README.md").read_text()
    assert re.search(r"\| depth_composed \| .*`KEY.depth_composed.png`.* \| uint16 \| 48 x 48 \|", card)
    assert "Depth is a guess of the monocular model `fake` about each composite" in card
    assert "`depth_composed` is composed: the monocular model `fake` was asked once about each background" in card
    assert "upright on the floor under it" in card
    assert '"depth_composed.png"' in card
    build(config_for(pictures, tmp_path / "c", depth="fake", depth_mode="compose", stand="drawn", relief=0.3))
    card = (tmp_path / "c" / "README.md").read_text()
    assert "guess" not in card
    assert re.search("Depth is composed: .* drawn depth in front of its floor.* takes 0.3 of the way", card)
    assert info(tmp_path / "c")["fields"]["depth"]["label"] == "composed"


def test_statistics_cover_composed_depth(both: Path) -> None:
    recorded, recomputed = stats(both), stats(both, recompute=True)
    assert recorded == recomputed
    row = next(row for row in recorded if row.name == "depth_composed")
    values = np.concatenate([h5py.File(path)["depth_composed"][:].ravel() for path in both.glob("*/*.h5")])
    assert row.mean == pytest.approx([(values / (4095 << 4)).mean()])
    assert row.shape == (48, 48)


def test_sheets_and_gallery_show_composed_depth(both: Path, tmp_path: Path) -> None:
    from PIL import Image

    preview(both, tmp_path / "sheet.png", count=2)
    assert Image.open(tmp_path / "sheet.png").width == 6 + 5 * (48 + 6)  # image, outline, mask, two depths
    assert Image.open(both / "preview.png").width == 6 + 6 * (48 + 6)
    gallery = Gallery(both)
    one, other = (gallery.picture(gallery.keys[0], layer)[0] for layer in ("depth", "depth_composed"))
    assert Image.open(io.BytesIO(other)).size == (48, 48)
    assert one != other


def test_verify_passes_healthy_composed_depth(both: Path, pictures: Path) -> None:
    report = verify(both, rerender=10, bg=pictures / "bg", fg=pictures / "fg")
    assert report.ok, report.problems
    assert not report.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda codes: codes | 3, "its depth_composed holds codes that do not fit into 12 bits"),
        (lambda codes: codes // 32 * 16, "its depth_composed spans levels 0 to"),
        (lambda codes: codes[::-1].copy(), "its digest is not the record's"),
        (lambda codes: codes[:40], "the depth_composed is 48x40 px, but the dataset declares 48x48"),
    ],
)
def test_verify_finds_damaged_composed_depth(both: Path, tmp_path: Path, change: Any, message: str) -> None:
    copy = Path(shutil.copytree(both, tmp_path / "copy"))

    def damage(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.endswith(".depth_composed.png"))
        files[name] = encode_depth(change(FIELDS["depth_composed"].decode(files[name], name)))

    rewrite_tar(copy / "train/fgbg-train-000000.tar", damage)
    assert message in "\n".join(str(problem) for problem in verify(copy).problems)


def test_composed_depth_survives_split_and_merge(both: Path, dataset: Path, tmp_path: Path) -> None:
    resplit(both, tmp_path / "split", val=0, test=0.3)
    assert verify(tmp_path / "split").ok
    assert tar_files(tmp_path / "split", "depth_composed.png") == tar_files(both, "depth_composed.png")
    merge([both, both], tmp_path / "twice", prefixes=("a", "b"))
    assert verify(tmp_path / "twice").ok
    assert info(tmp_path / "twice")["fields"]["depth_composed"]["label"] == "composed"


def test_datasets_with_different_kinds_of_depth_are_not_merged(dataset: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "c", depth="fake", depth_mode="compose"))
    convert(dataset, tmp_path / "i", format="tar")
    with pytest.raises(ConfigError, match=r"kind of depth \(infer and compose, stand floor, relief 0.2\)"):
        merge([tmp_path / "i", tmp_path / "c"], tmp_path / "m", prefixes=("a", "b"))

"""Merging and splitting datasets: keys stay unique, no source leaks between splits, no sample is lost or changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.datasets import config_for
from helpers.one_process import merge, resplit, verify
from helpers.source_pictures import draw_pictures
from PIL import Image

from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ConfigError


@pytest.fixture(scope="module")
def one(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset without depth."""
    out = tmp_path_factory.mktemp("one") / "one"
    build(config_for(pictures, out, positions=1, mirror=False))
    return out


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of other pictures, some under the same names."""
    folder = tmp_path_factory.mktemp("other")
    draw_pictures(folder / "pictures", backgrounds=4, foregrounds=4)
    for path in (folder / "pictures" / "bg").iterdir():  # not the pictures of `one`
        Image.open(path).rotate(180).save(path, quality=95)
    build(config_for(folder / "pictures", folder / "other", positions=1, mirror=False))
    return folder / "other"


def everything(folder: Path) -> dict[str, tuple[Any, ...]]:
    found = {}
    for split in Manifest.read(folder).splits:
        for sample in open_dataset(folder, split):
            found[sample.key] = (sample.image.tobytes(), sample.mask.tobytes(), sample.meta["box"])
    return found


def test_datasets_are_merged_under_prefixes(one: Path, other: Path, tmp_path: Path) -> None:
    manifest = merge([one, other], tmp_path / "both", prefixes=["a", "b"])
    report = verify(tmp_path / "both")
    assert report.ok, report.problems
    merged = everything(tmp_path / "both")
    assert manifest.samples == len(merged) == Manifest.read(one).samples + Manifest.read(other).samples
    for prefix, folder in (("a", one), ("b", other)):
        for key, content in everything(folder).items():
            background, foreground, position = key.split("_")
            here = f"{prefix}_{prefix}-{background}_{foreground}_{position}"
            assert merged[here] == content
    assert "a-room0" in {source.id for source in manifest.identity.sources.backgrounds}
    sample = open_dataset(tmp_path / "both")[0]
    assert sample.meta["key"] == sample.key
    assert sample.meta["background"].startswith("a-")
    assert sample.meta["foreground"].startswith("thing"), "one picture, one id"


def test_different_pictures_of_one_name_need_prefixes(one: Path, other: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"have different pictures as background 'room0' \(and 3 more\).*`prefix`"):
        merge([one, other], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_colliding_keys_are_refused(one: Path, tmp_path: Path) -> None:
    shutil.copytree(one, tmp_path / "copy")
    with pytest.raises(ConfigError, match=r"both hold the key room\d_thing\d_000 \(and 11 more\).*`prefix`"):
        merge([one, tmp_path / "copy"], tmp_path / "both")


def test_a_source_that_crosses_splits_is_refused(one: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "seed", positions=1, mirror=False, seed=3))
    with pytest.raises(ConfigError, match=r"background 'room\d'.* of another, so the merged one would leak.*pool=True"):
        merge([one, tmp_path / "seed"], tmp_path / "both", prefixes=["", "b"])
    merge([one, tmp_path / "seed"], tmp_path / "pool", prefixes=["", "b"], pool=True)
    manifest = resplit(tmp_path / "pool", tmp_path / "both", val=0.2, test=0.2, shard_size=7)
    assert verify(tmp_path / "both").ok
    assert everything(tmp_path / "both") == everything(tmp_path / "pool")
    parts = [set(manifest.splits[split].backgrounds) for split in ("train", "val", "test")]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "64"}, r"shape of image \(48x48x3 and 64x64x3\)"),
        ({"image_format": "png"}, r"image format \(jpg and png\)"),
        ({"format": "hdf5"}, r"no format is common to all datasets \(.*one is tar; .* is hdf5\)"),
    ],
)
def test_datasets_with_other_options_are_refused(
    one: Path, pictures: Path, tmp_path: Path, options: Any, message: str
) -> None:
    build(config_for(pictures, tmp_path / "b", positions=1, mirror=False, **options))
    with pytest.raises(ConfigError, match=message):
        merge([one, tmp_path / "b"], tmp_path / "both", prefixes=["a", "b"])


def test_datasets_of_one_estimator_with_other_weights_are_refused(dataset: Path, copy: Path, tmp_path: Path) -> None:
    for folder, digest in ((copy, "a" * 64), (shutil.copytree(copy, tmp_path / "b"), "b" * 64)):
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["identity"]["estimator"]["weights_sha256"] = digest
        (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"differ in estimator \(fake, weights a+ and fake, weights b+\)"):
        merge([copy, tmp_path / "b"], tmp_path / "both", prefixes=["a", "b"])


def test_datasets_with_other_fields_are_refused(one: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"differ in fields \(image mask and image mask depth\), depth bits"):
        merge([one, dataset], tmp_path / "both", prefixes=["a", "b"])


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        (["a"], "`prefix` is given 1 times for 2 datasets"),
        (["a", "B_"], "prefix='B_': expected up to 20 of a-z, 0-9 and -"),
    ],
)
def test_bad_prefixes_are_refused(one: Path, other: Path, tmp_path: Path, prefixes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        merge([one, other], tmp_path / "both", prefixes=prefixes)


def test_a_single_dataset_is_refused(one: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two or more datasets, 1 given"):
        merge([one], tmp_path / "both")


def test_one_picture_under_two_names_stays_in_one_split(one: Path, pictures: Path, tmp_path: Path) -> None:
    for name in ("bg", "fg"):
        (tmp_path / name).mkdir()
        for path in (pictures / name).iterdir():
            shutil.copy(path, tmp_path / name / f"renamed-{path.name}")
    build(config_for(tmp_path, tmp_path / "renamed", positions=1, mirror=False, val=0, test=0))
    merge([one, tmp_path / "renamed"], tmp_path / "pool", pool=True)
    for holdout in ("background", "foreground"):
        manifest = resplit(tmp_path / "pool", tmp_path / holdout, val=0.2, test=0.2, holdout=holdout)
        for about in manifest.splits.values():
            plain = {name for name in about.of(holdout) if not name.startswith("renamed-")}
            assert {name.removeprefix("renamed-") for name in about.of(holdout)} == plain


@pytest.mark.parametrize("holdout", ["background", "foreground", "both", "sample"])
def test_splitting_keeps_every_pixel(one: Path, tmp_path: Path, holdout: Any) -> None:
    manifest = resplit(one, tmp_path / "out", val=0.2, test=0.2, holdout=holdout, shard_size=5)
    report = verify(tmp_path / "out")
    assert report.ok, report.problems
    before, after = everything(one), everything(tmp_path / "out")
    assert after == {key: before[key] for key in after}
    left_out = manifest.identity.history[-1].options.values["left_out"]
    assert len(after) + left_out == len(before)
    assert left_out == (1 if holdout == "both" else 0)  # the held-out background of val x the foreground of test
    for path in (tmp_path / "out").rglob("*.tar"):
        assert path.stat().st_size
    assert max(shard.samples for shard in manifest.shards) <= 5


def test_splitting_depends_on_nothing_but_dataset_and_options(one: Path, tmp_path: Path) -> None:
    first = resplit(one, tmp_path / "a", val=0.2, test=0.2)
    second = resplit(one, tmp_path / "b", val=0.2, test=0.2)
    assert first == second
    third = resplit(one, tmp_path / "c", val=0.2, test=0.2, seed=1)
    assert third.fingerprint != first.fingerprint


def test_too_few_sources_for_a_split_are_refused(one: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs at least 4 foregrounds, found 3\."):
        resplit(one, tmp_path / "out", holdout="foreground", val=0.5, test=0.4)


def test_the_commands_merge_and_split_print_what_they_made(one: Path, other: Path, tmp_path: Path) -> None:
    both, again = str(tmp_path / "both"), str(tmp_path / "again")
    done = CliRunner().invoke(
        main, ["merge", str(one), str(other), "--out", both, "--prefix", "a", "--prefix", "b", "-j1"]
    )
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["split", both, "--out", again, "--holdout", "sample", "-j1"])
    assert done.exit_code == 0, done.output
    assert "28 samples (train" in done.output
    done = CliRunner().invoke(main, ["split", both, "--out", again, "--holdout", "none"])
    assert done.exit_code == 2
    assert "Invalid value for '--holdout': 'none' is not one of" in done.stderr

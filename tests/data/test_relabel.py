"""relabel: depth is made anew from the images in the shards, and nothing else changes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.fake_estimator import FakeEstimator
from helpers.one_process import convert, relabel, verify
from helpers.tars import tar_members

from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ConfigError, EstimatorError, FingerprintError

SMALL: dict[str, Any] = {"samples": 12, "shard_size": 5, "format": "tar,hdf5"}


@pytest.fixture(scope="module")
def plain(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset without depth."""
    out = tmp_path_factory.mktemp("plain") / "shards"
    build(config_for(pictures, out, **SMALL))
    return out


def shards(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith((".tar", ".h5"))}


def test_the_shards_are_those_of_a_build_with_that_estimator(plain: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "built", depth="fake", **SMALL))
    relabel(plain, tmp_path / "new", depth="fake")
    assert shards(tmp_path / "new") == shards(tmp_path / "built")


def test_all_but_depth_is_carried_over(plain: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "old", depth="fake", depth_bits=9, depth_size="half", **SMALL))
    manifest = relabel(tmp_path / "old", tmp_path / "new", depth="tiny")
    assert manifest.identity.config.depth_bits == 9
    assert manifest.fields["depth"].shape == (24, 24)
    old, new = (tar_members(tmp_path / name / "train/fgbg-train-000000.tar") for name in ("old", "new"))
    assert list(old) == list(new)
    assert all(old[name] == new[name] for name in old if name.endswith((".jpg", ".mask.png")))
    assert not any(old[name] == new[name] for name in old if name.endswith(".depth.png"))
    for before, after in zip(open_dataset(tmp_path / "old"), open_dataset(tmp_path / "new"), strict=True):
        changed = {name for name in before.meta if before.meta[name] != after.meta[name]}
        assert changed == {"depth_min", "depth_max"}


def test_the_new_dataset_says_what_was_done_and_verifies(plain: Path, pictures: Path, tmp_path: Path) -> None:
    manifest = relabel(plain, tmp_path / "new", depth="fake")
    assert manifest.identity.estimator is not None
    assert manifest.identity.estimator.name == "fake"
    assert manifest.identity.history[-1].command == "relabel"
    assert manifest.splits == Manifest.read(plain).splits
    report = verify(tmp_path / "new", rerender=12, bg=pictures / "bg", fg=pictures / "fg")
    assert report.ok, report.problems
    assert "depth was estimated anew by `fake`" in (tmp_path / "new" / "README.md").read_text()


def test_a_stopped_run_goes_on_and_workers_change_nothing(plain: Path, tmp_path: Path) -> None:
    relabel(plain, tmp_path / "new", depth="tiny")
    whole = contents(tmp_path / "new")
    (tmp_path / "new" / "dataset.json").unlink()
    (tmp_path / "new" / "train" / "fgbg-train-000001.json").unlink()
    relabel(plain, tmp_path / "new", depth="tiny", jobs=2)
    assert contents(tmp_path / "new") == whole
    with pytest.raises(FingerprintError, match="holds another dataset"):
        relabel(plain, tmp_path / "new", depth="fake")


def test_loose_files_and_bare_shards_can_be_relabelled(plain: Path, tmp_path: Path) -> None:
    convert(plain, tmp_path / "files", format="folder")
    relabel(tmp_path / "files", tmp_path / "new-files", depth="fake")
    assert verify(tmp_path / "new-files").ok
    shutil.copytree(plain / "train", tmp_path / "bare" / "train", ignore=shutil.ignore_patterns("*.json", "*.h5"))
    relabel(tmp_path / "bare", tmp_path / "new-bare", depth="fake")
    new = open_dataset(tmp_path / "new-bare")
    assert [sample.key for sample in new] == open_dataset(plain).keys()
    assert new[0].depth.shape == (48, 48)


@pytest.mark.parametrize("mode", ["compose", "both"])
def test_composed_depth_needs_the_sources(pictures: Path, tmp_path: Path, mode: str) -> None:
    build(config_for(pictures, tmp_path / "old", depth="fake", depth_mode=mode, samples=6))
    with pytest.raises(ConfigError, match="its depth is composed of the depth of its sources"):
        relabel(tmp_path / "old", tmp_path / "new", depth="fake")
    assert not (tmp_path / "new").exists()


def test_impossible_options_are_refused_before_anything_is_written(plain: Path, tmp_path: Path) -> None:
    for error, options in ((ConfigError, {"depth": "none"}), (EstimatorError, {"depth": "tinny"})):
        with pytest.raises(error):
            relabel(plain, tmp_path / "new", **options)
    with pytest.raises(ConfigError, match="overlaps"):
        relabel(plain, plain / "inside", depth="fake")
    assert not (tmp_path / "new").exists()


def test_an_identity_that_no_manifest_can_hold_is_refused(
    plain: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = FakeEstimator.identity
    monkeypatch.setattr(FakeEstimator, "identity", lambda self: {**known(self), "licence": 5})
    with pytest.raises(EstimatorError, match="its identity cannot be recorded"):
        relabel(plain, tmp_path / "new", depth="fake")
    with pytest.raises(EstimatorError, match="its identity cannot be recorded"):
        build(config_for(pictures, tmp_path / "built", depth="fake", **SMALL))
    assert not list(tmp_path.iterdir())


def test_the_command(plain: Path, tmp_path: Path) -> None:
    words = ["relabel", str(plain), "--depth", "tiny", "--out", str(tmp_path / "new"), "-j", "1"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'new'}: 12 samples" in result.output
    missing = CliRunner().invoke(main, ["relabel", str(tmp_path / "nothing"), "--depth", "tiny", "-o", "x"])
    assert missing.exit_code == 2

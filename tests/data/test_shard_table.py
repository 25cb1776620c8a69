"""Datasets of very many shards list them in tables beside the manifest; readers know both ways."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for, contents

from fgbg_data import Manifest, build, convert, open_dataset, verify
from fgbg_data.dataset import manifest as manifests
from fgbg_data.dataset.layout import ListedShards, find_shards
from fgbg_data.dataset.shard_table import TABLE, ShardTable
from fgbg_data.errors import ManifestError, ShardError


@pytest.fixture(scope="module")
def pair(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One dataset as a few shards are listed, and as very many are. Read only."""
    folder = tmp_path_factory.mktemp("pair")
    build(config_for(pictures, folder / "few", format=("tar", "hdf5")), progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifests, "TABLE_FROM", 1)
        build(config_for(pictures, folder / "many", format=("tar", "hdf5")), progress=False)
    return folder / "few", folder / "many"


@pytest.fixture
def many(pair: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the dataset with tables."""
    return Path(shutil.copytree(pair[1], tmp_path / "many"))


def test_a_table_lists_what_the_manifest_of_few_shards_lists(pair: tuple[Path, Path]) -> None:
    few, many = (Manifest.read(folder) for folder in pair)
    assert isinstance(many.shards, ShardTable)
    assert list(many.shards) == list(few.shards)
    assert many.shards[-1] == few.shards[-1]
    assert many.shards[1:3] == list(few.shards[1:3])
    assert list(many.shards_of("val")) == list(few.shards_of("val"))
    assert many.bytes == few.bytes
    assert json.loads((pair[1] / "dataset.json").read_text())["shards"] == []
    rows = np.load(pair[1] / "train" / TABLE, allow_pickle=False)
    assert rows["samples"].tolist() == [entry.samples for entry in few.shards_of("train")]


def test_readers_and_verify_know_both(pair: tuple[Path, Path]) -> None:
    few, many = (open_dataset(folder, "val") for folder in pair)
    assert isinstance(find_shards(pair[1], "val").shards, ListedShards)
    assert len(many) == len(few)
    assert many.keys() == few.keys()
    assert (pickle.loads(pickle.dumps(many))[3]["image"] == few[3]["image"]).all()
    assert len(open_dataset(pair[1], format="tar")) == len(open_dataset(pair[0], format="tar"))
    assert verify(pair[1]).ok
    assert not verify(pair[1]).notes


def test_a_build_that_is_complete_leaves_its_tables_alone(
    many: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "TABLE_FROM", 1)
    before = contents(many), (many / "dataset.json").stat().st_mtime_ns
    build(config_for(pictures, many, format=("tar", "hdf5")), progress=False)
    assert (contents(many), (many / "dataset.json").stat().st_mtime_ns) == before


def test_a_dataset_made_of_one_with_tables_is_that_made_of_one_without(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for number, folder in enumerate(pair):
        convert(folder, tmp_path / str(number), format="hdf5", progress=False)
    assert contents(tmp_path / "0") == contents(tmp_path / "1")


def test_a_shard_that_is_gone_is_named(many: Path) -> None:
    for path in (many / "train").glob("fgbg-train-000001.*"):
        path.unlink()
    with pytest.raises(ShardError, match="fgbg-train-000001"):
        open_dataset(many)
    whole = len(open_dataset(many, on_error="skip"))
    assert 0 < whole < Manifest.read(many).splits["train"].samples


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not the table that dataset.json names"),
    ],
)
def test_a_damaged_table_is_one_error_that_says_what_to_do(many: Path, damage: object, problem: str) -> None:
    damage(many / "train" / TABLE)  # type: ignore[operator]
    with pytest.raises(ManifestError, match=f"{TABLE}: {problem}.*run the same build command"):
        open_dataset(many)


def test_a_damaged_table_is_written_anew_by_the_same_build(
    many: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "TABLE_FROM", 1)
    before = contents(many)
    (many / "train" / TABLE).write_bytes(b"damaged")
    build(config_for(pictures, many, format=("tar", "hdf5")), progress=False)
    assert contents(many) == before

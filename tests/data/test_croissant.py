"""`croissant.json` names every shard with its digest, and patterns that take the files of one field each."""

import fnmatch
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.runtime.files import file_sha256


def described(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The whole document, its files and its file sets."""
    document = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    found = document["distribution"]
    files = {each["@id"]: each for each in found if each["@type"] == "cr:FileObject"}
    return document, files, {each["@id"]: each for each in found if each["@type"] == "cr:FileSet"}


def test_every_shard_is_listed_with_its_digest(dataset: Path) -> None:
    document, files, _ = described(dataset)
    assert {dataset / each["contentUrl"] for each in files.values()} == {
        dataset / shard.split / entry.name for shard in Manifest.read(dataset).shards for entry in shard.files.values()
    }
    for each in files.values():
        path = dataset / each["contentUrl"]
        assert each["sha256"] == file_sha256(path)
        assert each["contentSize"] == f"{path.stat().st_size} B"
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_the_pattern_of_a_field_takes_one_file_of_each_sample(
    pictures: Path, tmp_path: Path, image_format: Any
) -> None:
    build(config_for(pictures, tmp_path / "out", depth="fake", image_format=image_format, positions=1))
    document, files, sets = described(tmp_path / "out")
    names: list[str] = []
    for each in files.values():
        with tarfile.open(tmp_path / "out" / each["contentUrl"]) as shard:
            names += shard.getnames()
    samples = sum(each["splits/samples"] for each in document["recordSet"][0]["data"])
    taken = [
        {
            name
            for name in fnmatch.filter(names, each["includes"])
            if not any(fnmatch.fnmatch(name, other) for other in each.get("excludes", ()))
        }
        for each in sets.values()
    ]
    assert len(taken) == 4
    assert [len(part) for part in taken] == [samples] * 4
    assert set().union(*taken) == set(names)
    assert [each["@id"] for each in document["recordSet"]] == ["splits", "image", "mask", "depth", "meta"]


def test_licences_of_sources_and_of_the_model_are_listed(folder: Path) -> None:
    pictures = sorted((folder / "bg").iterdir())
    (folder / "bg" / "sources.csv").write_text(f"file,licence\n{pictures[0].name},CC-BY-4.0\n")
    build(config_for(folder, folder / "out", depth="tiny", positions=1, samples=8))
    document, _, _ = described(folder / "out")
    assert document["license"] == ["Apache-2.0", "CC-BY-4.0", "unknown"]


def test_a_dataset_of_hdf5_alone_lists_files_and_no_records(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "out", format="hdf5", positions=1))
    document, files, sets = described(tmp_path / "out")
    assert {each["encodingFormat"] for each in files.values()} == {"application/x-hdf5"}
    assert not sets
    assert [each["@id"] for each in document["recordSet"]] == ["splits"]

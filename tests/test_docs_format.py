"""docs/format.md describes a real dataset: all that exists is described, and all that is described exists."""

import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers.docs import DOCS, blocks, run_shell, section

PAGE = (DOCS / "format.md").read_text(encoding="utf-8")
MORE = "..."
"""What `/* ... */` on the page becomes: the last element of a list, or a key of an object, that is cut short."""
MEASURED = {"bytes", "offset", "total", "squares", "mask_area_px", "mean", "std", "depth_min", "depth_max"}
MEASURED |= {"depth_composed_min", "depth_composed_max", "image"}
"""Numbers under these names differ by a little from machine to machine, as depth and the libraries of codecs do."""


def table(heading: str, head: str) -> list[list[str]]:
    """Return the rows of the table of a section whose first column is `head`, without the marks of code."""
    rows = section(PAGE, heading).partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]


def parse(annotated: str) -> Any:
    """Return the JSON of an annotated block."""
    text = re.sub(r"^\s*//.*$", "", annotated, flags=re.MULTILINE)
    text = re.sub(r"\s*/\* \.\.\. \*/(?=\s*\])", f', "{MORE}"', text)
    text = re.sub(r"\s*/\* \.\.\. \*/(?=\s*\})", f', "{MORE}": null', text)
    return json.loads(text)


def check(shown: Any, real: Any, path: str = "") -> None:
    """Assert that `shown` is `real`, cut short where it says so, and that what was cut off is more of the same."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), path
        cut = shown.keys() & {MORE}
        assert shown.keys() - cut <= real.keys(), path
        assert cut or shown.keys() == real.keys(), path
        for key in shown.keys() - cut:
            check(shown[key], real[key], f"{path}.{key}")
        for key in real.keys() - shown.keys():
            assert any(alike(real[key], shown[other]) for other in shown.keys() - cut), f"{path}.{key}"
    elif isinstance(shown, list):
        assert isinstance(real, list), path
        cut_short = shown[-1:] == [MORE]
        kept = shown[:-1] if cut_short else shown
        assert len(kept) < len(real) if cut_short else len(kept) == len(real), path
        for index, value in enumerate(kept):
            check(value, real[index], path)
        for value in real[len(kept) :]:
            assert any(alike(value, other) for other in kept), path
    elif isinstance(shown, str) and re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", shown):
        assert re.fullmatch(rf"[0-9a-f]{{{len(shown)}}}", real), path
    elif MEASURED & {*re.findall(r"\w+", path)} and isinstance(shown, int | float):
        assert real == pytest.approx(shown, rel=0.25), path
    else:
        assert real == shown, path


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values are of one kind, and objects have the same keys all the way down."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() - {MORE} and all(alike(one[key], other[key]) for key in one)
    return type(one) is type(other)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands of the page ran: it holds demo/ and shards/."""
    folder = tmp_path_factory.mktemp("format")
    (script,) = blocks(PAGE, "sh")
    run_shell(script, folder)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_tree_shows_every_file(home: Path) -> None:
    (tree,) = blocks(section(PAGE, "The folder"), "text")
    shown, folder = set(), ""
    for line in tree.splitlines()[1:]:
        name = line.split()[0]
        folder = name if line.startswith("    ") and not line.startswith("     ") and name.endswith("/") else folder
        if not name.endswith("/"):
            shown.add(folder + name if line.startswith("     ") else name)
    hidden = {".lock", ".workers.lock"}
    assert hidden <= set(re.findall(r"`([^`\n]+)`", PAGE))
    root = home / "shards"
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == shown | hidden


def test_the_members_of_a_tar(home: Path) -> None:
    (listing,) = blocks(section(PAGE, "A tar shard"), "text")
    with tarfile.open(home / "shards/train/fgbg-train-000000.tar") as tar:
        members = tar.getmembers()
    first = [member.name for member in members[:5]]
    assert listing.split() == first
    key = first[0].removesuffix(".jpg")
    assert [row[0] for row in table("A tar shard", "Member")] == [name.replace(key, "KEY") for name in first]
    assert {(member.uid, member.mode, member.mtime) for member in members} == {(0, 0o644, 0)}


def test_the_meta(home: Path) -> None:
    (shown,) = blocks(section(PAGE, "The meta of a sample"), "jsonc")
    with tarfile.open(home / "shards/train/fgbg-train-000000.tar") as tar:
        stream = tar.extractfile(parse(shown)["key"] + ".json")
        assert stream is not None
        check(parse(shown), json.load(stream))


def test_the_datasets_and_attributes_of_an_hdf5_file(home: Path) -> None:
    with h5py.File(home / "shards/train/fgbg-train-000000.h5") as file:
        rows = table("An HDF5 shard", "Dataset")
        assert [row[0] for row in rows] == file.attrs["fields"].astype(str).tolist()
        assert {row[0] for row in rows} == set(file)
        for name, dtype, shape, _ in rows:
            text = h5py.check_string_dtype(file[name].dtype)
            assert ("UTF-8 string" if text and text.encoding == "utf-8" else str(file[name].dtype)) == dtype
            assert str(file[name].shape) == shape
            assert file[name].compression is None
            assert file[name].chunks is None
        shown = {row[0]: row[1] for row in table("An HDF5 shard", "Attribute of the file")}
        real = {name: ", ".join(np.atleast_1d(value).astype(str)) for name, value in file.attrs.items()}
        assert shown == real


def test_the_record(home: Path) -> None:
    (shown,) = blocks(section(PAGE, "The record of a shard"), "jsonc")
    check(parse(shown), read(home / "shards/test/fgbg-test-000000.json"))


def test_the_manifest(home: Path) -> None:
    (shown,) = blocks(section(PAGE, "The manifest"), "jsonc")
    check(parse(shown), read(home / "shards/dataset.json"))


def test_what_only_some_manifests_hold(home: Path, tmp_path: Path) -> None:
    shown, _ = blocks(section(PAGE, "What only some manifests hold"), "jsonc")
    shutil.copytree(home / "demo", tmp_path / "demo")
    (tmp_path / "demo/bg/broken.jpg").write_text("broken\n")
    (tmp_path / "demo/bg/sources.csv").write_text("file,group\nkitchen.jpg,house\noffice.jpg,house\n")
    build = "fgbg-data build --bg demo/bg --fg demo/fg --out shards --samples 30 --depth none"
    run_shell(f"{build} --skip-bad --group-similar", tmp_path)
    manifest = read(tmp_path / "shards/dataset.json")
    identity, usual = manifest["identity"], read(home / "shards/dataset.json")
    (real,) = identity["skipped"]
    check(parse(shown), real)
    kitchen = next(source for source in identity["sources"]["backgrounds"] if source["id"] == "kitchen")
    (plain,) = (source for source in usual["identity"]["sources"]["backgrounds"] if source["id"] == "kitchen")
    more = manifest.keys() - usual.keys() | kitchen.keys() - plain.keys()
    more |= identity["config"].keys() - usual["identity"]["config"].keys()
    described = {row[0].split()[0] for row in table("What only some manifests hold", "Key")}
    assert more == described - {"extra_fields", "tables"}
    assert kitchen["group"] == "house"


def test_scenes(home: Path) -> None:
    page = section(PAGE, "Scenes")
    (command,) = (code for code in re.findall(r"`([^`]+)`", page) if code.startswith("fgbg-data build"))
    run_shell(command, home)
    (shown,) = blocks(page, "jsonc")
    meta = parse(shown)
    with tarfile.open(home / "scenes/train/fgbg-train-000000.tar") as tar:
        stream = tar.extractfile(meta["key"] + ".json")
        assert stream is not None
        assert meta == json.load(stream)
        members = [name for name in tar.getnames() if name.partition(".")[0] == meta["key"]]
    fields = read(home / "scenes/dataset.json")["fields"]
    rows = table("Scenes", "Field")
    assert [row[:3] for row in rows] == [
        [name, f"KEY.{fields[name]['suffix']}", fields[name]["dtype"]] for name in ("instances", "amodal")
    ]
    assert {row[1].replace("KEY", meta["key"]) for row in rows} < set(members)


def test_loose_files_and_the_history_of_their_dataset(home: Path) -> None:
    command = "fgbg-data convert shards/ --format folder --out files/"
    assert PAGE.count(f"`{command}`") == 2
    run_shell(command, home)
    _, shown = blocks(section(PAGE, "What only some manifests hold"), "jsonc")
    (real,) = read(home / "files/dataset.json")["identity"]["history"]
    check(parse(shown), real)
    files = home / "files"
    assert (files / "train/image/snowy-forest_floor-lamp_016.jpg").is_file()
    shard = (files / "train/fgbg-train-000000.files.csv").read_text().partition("\n")[0]
    assert shard == "key,image,mask,depth,depth_composed,meta"
    columns = (files / "index.csv").read_text().partition("\n")[0].split(",")
    assert columns[:3] == ["split", "key", "image"]
    assert columns[-8:-4] == ["top", "left", "height", "width"]
    assert columns[-4:] == ["bbox_x", "bbox_y", "bbox_width", "bbox_height"]
    for_imagefolder = (files / "train" / "metadata.csv").read_text().partition("\n")[0].split(",")
    assert for_imagefolder[:2] == ["image_file_name", "mask_file_name"]
    assert read(files / "train/fgbg-train-000000.json")["files"]["folder"]["index"] == {}


def test_every_key_of_an_example_is_explained_where_it_first_occurs() -> None:
    names = {"tar", "hdf5", "key", "image", "mask", "depth", "depth_composed", "meta", "train", "val", "test"}
    names |= {"backgrounds", "foregrounds", "beach-sunset"}
    """Formats, fields, splits and sources."""
    for block in blocks(PAGE, "jsonc"):
        explained = {"depth_composed_max", "offset", "bytes", "count", "mean", "std"}  # with the line before
        before = ""
        for line in block.splitlines():
            key = re.match(r'\s*"(?:\w+/)?([^"]+)":', line)
            if key and before.lstrip().startswith("//"):
                explained.add(key[1])
            elif key:
                assert key[1] in explained | names, line
            before = line

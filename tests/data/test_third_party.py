"""A package that is installed beside ours adds a format, an estimator and a field, and every command knows them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for, contents

from fgbg_data import build, convert, info, merge, open_dataset, preview, resplit, stats, verify
from fgbg_data.depth.registry import check_estimator
from fgbg_data.errors import ConfigError, EstimatorError, ManifestError
from fgbg_data.shards import load_format

MODULE = '''
import json
import numpy as np
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS, Field
from fgbg_data.shards import Format, ShardReader, ShardWriter


class GreenIsNear:
    name = "green"

    def __init__(self, device="cpu", batch_size=4):
        self.device, self.batch_size = device, batch_size

    def identity(self):
        return {"name": "green", "version": 1, "device": self.device, "batch_size": self.batch_size}

    def estimate(self, images):
        return images[..., 1].astype(np.float32) + np.arange(images.shape[1], dtype=np.float32)[None, :, None]


EDGES = Field(
    name="edges",
    suffix="edges.png",
    dtype="uint8",
    meaning="255 where the mask changes to the right, else 0",
    make=lambda sample, config: (np.diff(sample.mask, axis=1, append=0) != 0) * np.uint8(255),
)


class Lines(Format):
    """A sample is a line of JSON, its files as hexadecimal digits."""

    suffix = ".lines"

    def open_writer(self, path, spec):
        return Writer(path)

    def read_index(self, location, keys=None, index=None):
        try:
            lines = [json.loads(line) for line in location.read_text().splitlines()]
            return Index(lines)
        except (OSError, ValueError) as error:
            raise ShardError(f"cannot be read ({error})", location) from error

    def open_reader(self, location, found, shapes=None):
        return Reader(location, found, shapes)


class Writer(ShardWriter):
    def __init__(self, path):
        self.path, self.lines = path, []

    def write(self, sample, files):
        self.lines.append(json.dumps({"key": sample.key, **{name: data.hex() for name, data in files.items()}}))

    def finish(self):
        self.path.write_text("\\n".join(self.lines))
        return {}


class Index:
    def __init__(self, lines):
        self.lines = lines
        self.keys = np.array([line["key"].encode() for line in lines])
        self.fields = tuple(name for name in lines[0] if name != "key")

    def stored_bytes(self):
        return {name: sum(len(line[name]) // 2 for line in self.lines) for name in self.fields}


class Reader(ShardReader):
    def read_file(self, index, field):
        return bytes.fromhex(self._found.lines[index][field])

    def read(self, index, field, size=None):
        data = self.read_file(index, field)
        if field == "meta":
            return json.loads(data)
        return FIELDS[field].decode(data, self.where(index), self.shapes.get(field), size)
'''
ENTRY_POINTS = """
[fgbg_data.formats]
lines = toy_fgbg:Lines
[fgbg_data.estimators]
green = toy_fgbg:GreenIsNear
[fgbg_data.fields]
edges = toy_fgbg:EDGES
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package, as pip would, into a folder on the path."""
    folder = tmp_path / "site"
    about = folder / "toy_fgbg-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "toy_fgbg.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-fgbg\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "toy_fgbg", None)
    del sys.modules["toy_fgbg"]


def test_every_command_knows_what_a_package_adds(pictures: Path, tmp_path: Path, toy: None) -> None:
    out = tmp_path / "out"
    options = {"depth": "green", "format": "tar,lines", "extra_fields": "edges"}
    manifest = build(config_for(pictures, out, jobs=2, **options))
    build(config_for(pictures, tmp_path / "alone", jobs=1, **options))
    assert contents(out) == contents(tmp_path / "alone")
    assert manifest.identity.config.values["extra_fields"] == {"edges": 1}

    for format_name in ("tar", "lines"):
        sample = open_dataset(out, format=format_name)[0]
        assert np.array_equal(sample["edges"] == 255, np.diff(sample.mask, axis=1, append=0) != 0)
        assert open_dataset(out, format=format_name, size=24, fields="edges")[0].edges.shape == (24, 24)
    assert "edges" in info(out)["fields"]
    assert verify(out, jobs=2).ok
    rows = {row.name: row for row in stats(out)}
    assert rows["edges"].mean == {row.name: row for row in stats(out, recompute=True, jobs=2)}["edges"].mean
    card = (out / "README.md").read_text()
    assert "| edges | `KEY.edges.png` | `KEY.edges.png` | uint8 | 48 x 48 | 255 where the mask changes" in card

    convert(out, tmp_path / "lines", format="lines", jobs=2)
    convert(tmp_path / "lines", tmp_path / "tar", format="tar", jobs=2)
    for path in sorted(out.glob("*/*.tar")):
        assert (tmp_path / "tar" / path.relative_to(out)).read_bytes() == path.read_bytes()
    merge([out, tmp_path / "lines"], tmp_path / "merged", prefixes=["a", "b"])
    resplit(tmp_path / "lines", tmp_path / "split", val=0.3)
    for name in ("lines", "tar", "merged", "split"):
        assert verify(tmp_path / name).ok, name
        assert "edges" in open_dataset(tmp_path / name)[0]
    assert preview(out, tmp_path / "sheet.png").is_file()


def test_what_a_missing_package_added_is_named_and_never_dropped(
    pictures: Path, tmp_path: Path, toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    build(config_for(pictures, out, jobs=1, extra_fields="edges"))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path / "site")])
    message = "out: has the field 'edges', which no installed package knows.*Install the package that adds it"
    with pytest.raises(ManifestError, match=message):
        convert(out, tmp_path / "converted", format="hdf5")
    with pytest.raises(ManifestError, match=message):
        merge([out, out], tmp_path / "merged", prefixes=["a", "b"])
    with pytest.raises(ManifestError, match=message):
        resplit(out, tmp_path / "split")
    report = verify(out, jobs=1)
    assert "the field 'edges' is not checked, because no installed package knows it" in report.notes
    assert open_dataset(out)[0].mask.shape == (48, 48)


def test_two_packages_with_one_name_are_warned_about_once(
    tmp_path: Path, toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "other" / "other_fgbg-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other-fgbg\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[fgbg_data.formats]\nlines = nowhere:Nothing\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "other")])
    with pytest.warns(
        UserWarning, match="toy-fgbg and the package other-fgbg both have an entry point 'lines'"
    ) as seen:
        suffixes = {load_format("lines").suffix for _ in range(2)}
    assert suffixes == {".lines"}
    assert len(seen) == 1


def test_without_the_package_its_names_are_unknown(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="extra_fields='edges'"):
        config_for(pictures, tmp_path, extra_fields="edges")
    with pytest.raises(ConfigError, match="format='lines': expected one of tar, hdf5"):
        load_format("lines")
    with pytest.raises(EstimatorError, match="there is no such estimator"):
        check_estimator("green")

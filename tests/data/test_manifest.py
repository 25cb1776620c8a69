"""`dataset.json` and records: the same bytes again, frozen views, and nothing but our own errors when damaged."""

import contextlib
import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgbg_data.checking.stats import stats
from fgbg_data.checking.verify import verify
from fgbg_data.dataset.identity import HistoryStep, RecordedConfig
from fgbg_data.dataset.info import info
from fgbg_data.dataset.json_types import JsonError
from fgbg_data.dataset.json_values import from_json, to_json
from fgbg_data.dataset.layout import UnfinishedWarning
from fgbg_data.dataset.manifest import MANIFEST, Manifest, SourceName
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.deriving.convert import convert
from fgbg_data.errors import FgbgError, ManifestError
from fgbg_data.sample import canonical_json
from fgbg_data.writing.card import card

RECORD = "train/fgbg-train-000000.json"
HOSTILE = (
    None, True, False, 0, 1, -1, 2**63, 10**40, 0.5, -1e300, "", "x", "../../etc/passwd", "\ud800", "\0", "train",
    "tar", [], {}, [1], [[]], {"a": 1}, [None] * 9, {"train": {}}, float("nan"), float("inf"),
)  # fmt: skip
DEEP = "[" * 3000 + "]" * 3000


@pytest.fixture(scope="module")
def spoilt(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dataset whose JSON a test writes anew, as often as it likes."""
    return Path(shutil.copytree(dataset, tmp_path_factory.mktemp("spoilt") / "shards"))


def paths_of(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of every value in a JSON value, apart from all but the first entries of long lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for name, entry in entries:
        yield (*before, name)
        yield from paths_of(entry, (*before, name))


def first_samples(folder: Path) -> None:
    """Read the first sample of every split in every format."""
    for split in Manifest.read(folder).splits:
        for format_name in (None, "tar", "hdf5"):
            for sample in itertools.islice(open_dataset(folder, split, format=format_name), 1):
                assert sample.key


def likened(value: Any, draw: st.DataObject) -> Any:
    """Return another value of the same type, so that more than the types have to be checked."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.draw(st.sampled_from([0, 1, 2, value + 1, 48, 2**40, 2**53]))
    if isinstance(value, float):
        return draw.draw(st.floats(0, 2))
    if isinstance(value, str):
        return draw.draw(
            st.sampled_from(["", "x", "train", "val", "tar", "hdf5", "folder", "zip", "image", "both", value[1:]])
        )
    if isinstance(value, list):
        return draw.draw(st.sampled_from([value[::-1], value[:-1], value + value[:1], []]))
    return {}


def spoil(value: Any, draw: st.DataObject) -> str:
    """Change one to three values of a JSON value, and return the text."""
    for _ in range(draw.draw(st.integers(1, 3))):
        path = draw.draw(st.sampled_from(sorted(paths_of(value), key=str)))
        inside = value
        for name in path[:-1]:
            inside = inside[name]
        how = draw.draw(st.sampled_from(["liken", "liken", "replace", "remove", "add"]))
        if how == "liken":
            inside[path[-1]] = likened(inside[path[-1]], draw)
        elif how == "replace":
            inside[path[-1]] = draw.draw(st.sampled_from(HOSTILE) | st.integers() | st.text(max_size=5))
        elif how == "remove":
            del inside[path[-1]]
        elif isinstance(inside, dict):
            new = draw.draw(st.sampled_from(["", "x", "../x", "\ud800", "train", "zip"]))
            inside[new] = draw.draw(st.sampled_from([*HOSTILE, inside[path[-1]]]))
    return json.dumps(value)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_hostile_manifest_raises_nothing_but_our_errors(dataset: Path, spoilt: Path, draw: st.DataObject) -> None:
    text = (dataset / MANIFEST).read_text()
    (spoilt / MANIFEST).write_text(spoil(json.loads(text), draw))
    try:
        manifest = Manifest.read(spoilt)
    except ManifestError as error:
        assert str(spoilt / MANIFEST) in str(error)  # noqa: PT017
        return
    assert from_json(Manifest, json.loads(json.dumps(to_json(manifest)))) == manifest
    manifest.identity.fingerprint()
    with contextlib.suppress(FgbgError):  # a format may be unknown here
        card(manifest)
    for use in (info, lambda path: stats(path, jobs=1), first_samples, lambda path: verify(path, quick=True, jobs=1)):
        with contextlib.suppress(FgbgError, UnfinishedWarning):
            use(spoilt)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_hostile_record_raises_nothing_but_our_errors(dataset: Path, spoilt: Path, draw: st.DataObject) -> None:
    shutil.copy(dataset / MANIFEST, spoilt / MANIFEST)
    text = (dataset / RECORD).read_text()
    (spoilt / RECORD).write_text(spoil(json.loads(text), draw))
    try:
        record = ShardRecord.read(spoilt / RECORD)
    except ManifestError as error:
        assert str(spoilt / RECORD) in str(error)  # noqa: PT017
    else:
        assert from_json(ShardRecord, json.loads(json.dumps(to_json(record)))) == record
        for sums in record.sums.fields.values():
            assert all(0 <= value <= 1 for value in sums.mean + sums.std)
    for use in (info, lambda path: stats(path, jobs=1), first_samples, lambda path: verify(path, quick=True, jobs=1)):
        with contextlib.suppress(FgbgError):
            use(spoilt)
    shutil.copy(dataset / RECORD, spoilt / RECORD)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, 5000), data=st.binary(max_size=4))
def test_damaged_bytes_are_a_manifest_error_or_another_manifest(
    dataset: Path, spoilt: Path, offset: int, data: bytes
) -> None:
    whole = (dataset / MANIFEST).read_bytes()
    (spoilt / MANIFEST).write_bytes(whole[:offset] + data + whole[offset + len(data) :])
    try:
        manifest = Manifest.read(spoilt)
    except ManifestError:
        return
    assert from_json(Manifest, to_json(manifest)) == manifest


@pytest.mark.parametrize("name", [MANIFEST, RECORD])
def test_json_nested_without_end_is_refused(dataset: Path, spoilt: Path, name: str) -> None:
    value = json.loads((dataset / name).read_text())
    inside = value["identity"]["config"] if name == MANIFEST else value["files"]["tar"]["index"]
    inside["x"] = "DEEP"
    (spoilt / name).write_text(json.dumps(value).replace('"DEEP"', DEEP))
    with pytest.raises(ManifestError, match="nested too deep"):
        Manifest.read(spoilt) if name == MANIFEST else ShardRecord.read(spoilt / name)
    shutil.copy(dataset / name, spoilt / name)


def test_what_is_read_is_written_again_byte_for_byte(dataset: Path, tmp_path: Path) -> None:
    convert(dataset, tmp_path / "png", format="tar,hdf5", image_format="png")
    for folder in (dataset, tmp_path / "png"):
        text = (folder / MANIFEST).read_text()
        Manifest.read(folder).write(tmp_path)
        assert (tmp_path / MANIFEST).read_text() == text
        assert to_json(Manifest.read(folder)) == json.loads(text)
        for path in folder.glob("*/*.json"):
            record = ShardRecord.read(path)
            record.write(tmp_path / "again")
            again = tmp_path / "again" / path.relative_to(folder)
            assert again.read_bytes() == path.read_bytes()
            assert canonical_json(json.loads(path.read_text())) + "\n" == path.read_text()


def test_the_manifest_is_typed_and_frozen(dataset: Path) -> None:
    manifest = Manifest.read(dataset)
    config, sources = manifest.identity.config, manifest.identity.sources
    assert (config.format, config.holdout, config.labels) == (("tar", "hdf5"), "background", {"depth": "inferred"})
    assert config.values["seed"] == 0
    assert [source.id for source in sources.of("background")] == ["room0", "room1", "room2", "room3"]
    assert sources.of("foreground") == sources.foregrounds
    assert manifest.identity.estimator is not None
    assert manifest.identity.estimator.name == "fake"
    assert manifest.shapes == {"image": (48, 48, 3), "mask": (48, 48), "depth": (48, 48)}
    assert set(manifest.splits["train"].of("background")).isdisjoint(manifest.splits["val"].of("background"))
    assert manifest.samples == sum(entry.samples for entry in manifest.shards) == 48
    assert manifest.bytes == sum(path.stat().st_size for path in dataset.glob("*/fgbg-*[!n]") if path.suffix != ".json")
    assert manifest.identity.fingerprint() == manifest.fingerprint
    for view in (manifest, manifest.identity, config, sources, manifest.splits["train"], manifest.shards[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(view, dataclasses.fields(view)[0].name, None)


def test_options_of_composed_depth_come_together() -> None:
    values = {"format": ["tar"], "holdout": "sample", "depth_mode": "both", "stand": "floor", "relief": 0.2}
    assert RecordedConfig.of(**values).labels == {"depth": "inferred", "depth_composed": "composed"}
    with pytest.raises(JsonError, match="relief: is missing beside depth_mode"):
        RecordedConfig.of(**(values | {"relief": None}))
    assert RecordedConfig.of(**values).changed(format=["hdf5"]).values == values | {"format": ["hdf5"]}


def test_a_step_of_the_history_keeps_all_its_options() -> None:
    step = HistoryStep.of("merge", ["abc"], {"pool": True, "renamed": True, "prefixes": ["a", ""]})
    assert (step.options.renamed, step.options.reencoded) == (True, None)
    assert to_json(step) == {
        "command": "merge",
        "from": ["abc"],
        "options": {"pool": True, "renamed": True, "prefixes": ["a", ""]},
    }
    with pytest.raises(JsonError, match=r"reencoded: expected an object, found true"):
        HistoryStep.of("convert", [], {"reencoded": True})


def test_a_source_is_named_by_kind_and_id() -> None:
    assert to_json({SourceName("background", "hall/x"): {}}) == {"backgrounds/hall/x": {}}
    assert SourceName.from_json("foregrounds/cat") == SourceName("foreground", "cat")
    with pytest.raises(JsonError, match="expected backgrounds/ID or foregrounds/ID"):
        SourceName.from_json("pictures/cat")

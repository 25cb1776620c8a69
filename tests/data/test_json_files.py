"""JSON into dataclasses: what is accepted, what is refused and how the error names it, and that nothing is lost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.dataset.json_files import load
from fgbg_data.dataset.json_types import Count, FileName, JsonError, RelativePath, SplitName
from fgbg_data.dataset.json_values import from_json, json_field, to_json
from fgbg_data.errors import ManifestError
from fgbg_data.sample import parse_json
from fgbg_data.versions import RULES


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: Count
    share: float
    kind: Literal["a", "b"]
    note: str | None = json_field(default=None)


@dataclass(frozen=True, kw_only=True)
class Open:
    name: str
    values: Mapping[str, Any] = json_field(whole=True)


@dataclass(frozen=True, kw_only=True)
class File(Inner):
    format_version: int


@dataclass(frozen=True, kw_only=True)
class Outer:
    flag: bool
    names: tuple[str, ...]
    inner: Mapping[SplitName, Inner]
    other: Open | None
    read: list[Count] = json_field(name="from", default_factory=list)


INNER = {"size": 3, "share": 0.5, "kind": "a"}
OUTER = {"flag": True, "names": ["x", "é"], "inner": {"train": INNER}, "other": {"name": "n", "more": [None, {"a": 1}]}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def test_a_json_object_becomes_a_dataclass_and_the_same_object_again() -> None:
    for extra in ({}, {"from": [1, 2]}):
        value = OUTER | extra
        outer = from_json(Outer, value)
        assert outer.inner["train"] == Inner(size=3, share=0.5, kind="a")
        assert outer.other is not None
        assert outer.other.name == "n"
        assert outer.other.values["more"] == [None, {"a": 1}]
        assert outer.read == extra.get("from", [])
        assert to_json(outer) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flag": 1}, "flag: expected true or false, found 1"),
        ({"flag": None}, "flag: expected true or false, found null"),
        ({"names": "x"}, 'names: expected a list, found "x"'),
        ({"names": ["x", 2]}, "names[1]: expected text, found 2"),
        ({"names": ["\ud800"]}, "names[0]: expected text that UTF-8 can hold, found '\\ud800'"),
        ({"inner": []}, "inner: expected an object, found a list"),
        ({"inner": {"../up": INNER}}, "inner.../up: expected the name of a split, of A-Z, a-z, 0-9, '-' and '_'"),
        ({"inner": {"train": INNER | {"size": -1}}}, "inner.train.size: expected a number of at least 0, found -1"),
        ({"inner": {"train": INNER | {"size": 2**60}}}, "inner.train.size: expected a number of at most"),
        ({"inner": {"train": INNER | {"size": True}}}, "inner.train.size: expected a whole number, found true"),
        ({"inner": {"train": INNER | {"size": 3.0}}}, "inner.train.size: expected a whole number, found 3.0"),
        ({"inner": {"train": INNER | {"share": "1"}}}, 'inner.train.share: expected a number, found "1"'),
        ({"inner": {"train": INNER | {"kind": "c"}}}, 'inner.train.kind: expected one of a, b, found "c"'),
        ({"inner": {"train": INNER | {"note": 5}}}, "inner.train.note: expected text, found 5"),
        ({"inner": {"train": {"size": 3}}}, "inner.train.share: is missing"),
        ({"inner": {"train": INNER | {"sice": 3}}}, "inner.train.sice: is no field of this file; did you mean 'size'?"),
        ({"other": {"more": 1}}, "other.name: is missing"),
        ({"other": {"name": "n", "x": {"y": [{"\udfff": 1}]}}}, "other.x.y[0]: expected text that UTF-8 can hold"),
        ({"from": [1, 2, -3]}, "from[2]: expected a number of at least 0, found -3"),
        ({"from": [1, True]}, "from[1]: expected a whole number, found true"),
        ({"names": ["x" * 100, 7]}, "names[1]: expected text"),
    ],
)
def test_anything_else_is_refused_and_the_field_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(JsonError) as caught:
        from_json(Outer, OUTER | change)
    assert str(caught.value).startswith(message)


@given(value=JSON)
def test_any_json_value_is_read_or_is_a_json_error(value: Any) -> None:
    for kind in (Outer, Inner, Open):
        try:
            found = from_json(kind, value)
        except JsonError:
            continue
        assert to_json(found) == value


@given(value=JSON)
def test_an_open_object_keeps_what_it_does_not_know(value: Any) -> None:
    assert to_json(from_json(Open, {"name": "n", "more": value})) == {"name": "n", "more": value}


def test_an_open_object_is_not_nested_without_end() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(JsonError, match="is nested too deep"):
        from_json(Open, {"name": "n", "more": deep})


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "[1,]", "{'a': 1}", "1" * 5000, "[" * 100_000]
)
def test_what_json_does_not_know_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "a\0"])
def test_a_file_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(JsonError, match="the name of a file without its folder"):
        from_json(FileName, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "/etc/passwd", "..", "../a", "a/../../b", "a/.."])
def test_a_relative_path_stays_inside(name: str) -> None:
    with pytest.raises(JsonError, match="a path inside a folder"):
        from_json(RelativePath, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", ".hidden", "a/b", "a\\b", "a\n", "a:b", "-x"])
def test_a_split_is_named_like_a_folder(name: str) -> None:
    with pytest.raises(JsonError, match="the name of a split"):
        from_json(SplitName, name)  # type: ignore[arg-type]


def test_names_of_files_and_splits_that_are_fine() -> None:
    for name in ("fgbg-train-000000.tar", "a", "a b.c"):
        assert from_json(FileName, name) == name  # type: ignore[arg-type]
    for name in ("train", "test_both", "val-2", "Train", "v1-0"):
        assert from_json(SplitName, name) == name  # type: ignore[arg-type]
    for name in ("a.png", "deep/er/a..b.png", "a\\b.png"):
        assert from_json(RelativePath, name) == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, r"is not JSON \(nested too deep\)"),
        (b'{"a": NaN}', r"is not JSON \(NaN is not a JSON number\)"),
        (b"[]", "has format_version null, this fgbg reads 1, 2"),
        (b'{"format_version": true}', "has format_version true"),
        (b'{"format_version": 2.0}', "has format_version 2.0"),
        (b'{"format_version": 2, "size": 3, "share": 1, "kind": 4}', "is damaged at 'kind': expected one of a, b"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match=message) as caught:
        load(File, path, "mend it so")
    assert caught.value.where == str(path)
    assert caught.value.problem.endswith("; mend it so")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="x.json: cannot be read"):
        load(File, tmp_path / "x.json")


def test_every_readable_version_is_read(tmp_path: Path) -> None:
    for version in RULES:
        (tmp_path / "x.json").write_text(json.dumps({"format_version": version} | INNER))
        assert load(File, tmp_path / "x.json").format_version == version

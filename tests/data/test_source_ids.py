"""Ids of sources: a pure function of the path, and never the same for two paths."""

import itertools
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from helpers.picture_files import photo, saved
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fgbg_data.compositing.source_ids import check_ids, source_id
from fgbg_data.compositing.sources import scan
from fgbg_data.errors import SourceError
from fgbg_data.fields import FIELDS
from fgbg_data.key import SampleKey, max_key_bytes

SEGMENT = st.text(
    st.one_of(st.sampled_from("abcxyzABC019 -_.()éßÄ部屋🎈"), st.characters(exclude_characters="/\0", codec="utf-8")),
    min_size=1,
    max_size=60,
)
FILE = st.builds(
    lambda parts, suffix: "/".join(parts) + suffix,
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from([".png", ".jpg", ".PNG", ".jpeg", ".webp"]),
)
KIND: Any = st.sampled_from(["background", "foreground"])


@settings(max_examples=120, deadline=None)
@given(file=FILE, kind=KIND)
def test_an_id_is_short_plain_and_always_the_same(file: str, kind: Any) -> None:
    found = source_id(file, kind)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", found)
    assert len(found) <= 32
    assert source_id(file, kind) == found
    for form in ("NFC", "NFD"):  # two systems write one name in two ways
        assert source_id(unicodedata.normalize(form, file), kind) == found


@settings(max_examples=50, deadline=None)
@given(files=st.sets(FILE.map(lambda name: unicodedata.normalize("NFC", name)), max_size=30), kind=KIND)
def test_distinct_paths_have_distinct_ids(files: set[str], kind: Any) -> None:
    assert len({source_id(file, kind) for file in files}) == len(files)


@settings(max_examples=120, deadline=None)
@given(file=FILE | st.from_regex(r"[a-z0-9-]{1,45}\.(png|jpg|webp)", fullmatch=True), kind=KIND)
@example(file="a" * 32 + ".png", kind="foreground")
@example(file="a" * 33 + ".png", kind="foreground")
@example(file="-a.jpg", kind="background")
@example(file="a--b.jpg", kind="background")
def test_only_exact_names_get_a_bare_slug(file: str, kind: Any) -> None:
    suffix = "png" if kind == "foreground" else "jpg"
    slug = re.fullmatch(rf"([a-z0-9]+(?:-[a-z0-9]+)*)\.{suffix}", file)
    if slug and len(slug[1]) <= 32:
        assert source_id(file, kind) == slug[1]
    else:
        assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{6}([0-9a-f]{6})?", source_id(file, kind))


def test_similar_names_get_different_ids() -> None:
    names = [
        "hall.jpg",
        "Hall.jpg",
        "hall.JPG",
        "hall.jpeg",
        "hall.png",
        "a/hall.jpg",
        "hall .jpg",
        "háll.jpg",
        "ha-ll.jpg",
    ]
    assert len({source_id(name, "background") for name in names}) == len(names)
    cases = itertools.product(*((letter, letter.upper()) for letter in "abcdefghij"))
    assert len({source_id("".join(name) + ".jpg", "background") for name in cases}) == 1024  # all slug alike
    assert source_id("hall.jpg", "background") == "hall"
    assert source_id("hall.png", "foreground") == "hall"
    assert source_id("部屋.png", "foreground").startswith("x-")
    assert source_id("Äpfel & Birnen.png", "foreground").startswith("apfel-birnen-")


def test_ids_are_as_in_earlier_versions() -> None:
    """Keys of existing datasets hang on these."""
    assert source_id("sub/Big Room (2).jpeg", "background") == "sub-big-room-2-130180"


def test_ids_of_many_long_or_foreign_names_stay_apart(tmp_path: Path) -> None:
    """Six hex digits would be the same for two of some thousand names whose slugs are cut off or empty."""
    names = [f"a long name of a folder with many frames/frame-{number:05}.jpg" for number in range(20_000)]
    names += ["".join(chr(0x4E00 + int(digit)) for digit in f"{number:05}") + ".jpg" for number in range(20_000)]
    assert len({source_id(name, "background") for name in names}) == len(names)


def test_keys_fit_into_a_tar_with_any_names() -> None:
    longest = max((source_id("x" * length + ".png", "foreground") for length in range(1, 300)), key=len)
    key = SampleKey(longest, longest, 99_999 - 1, mirrored=True)
    suffixes = [*FIELDS["image"].file_suffixes, *FIELDS["depth_composed"].file_suffixes, "depth_composed.b12.png"]
    assert len(str(key)) <= max_key_bytes(suffixes)


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        saved(photo())(tmp_path / unicodedata.normalize(form, "é.png"))
    sources, bad = scan(tmp_path, "background")
    if len(sources) == 1:
        pytest.skip("this file system takes both for one name")
    assert not bad
    with pytest.raises(SourceError, match=r"\.png and .*\.png both get the id 'e-[0-9a-f]{6}'; rename one"):
        check_ids(sources)

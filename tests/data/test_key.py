"""Keys: written, taken apart and renamed without loss; keys of other programs stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.key import SampleKey, key_sources, rename_key

IDS = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)
PREFIXES = st.just("") | st.from_regex(r"[a-z0-9-]{1,20}(_[a-z0-9-]{1,20})?", fullmatch=True)
KEYS = st.builds(SampleKey, IDS, IDS, st.integers(0, 10**7), st.booleans(), PREFIXES, st.integers(0, 300))


@given(key=KEYS)
def test_a_key_is_taken_apart_into_what_it_was_made_of(key: SampleKey) -> None:
    assert SampleKey.parse(str(key)) == key
    assert key_sources(str(key)) == (key.background, key.foreground)


@given(text=st.text() | st.from_regex(r"[a-z0-9_-]*", fullmatch=True))
def test_a_text_is_the_key_that_its_parts_make_or_none(text: str) -> None:
    parsed = SampleKey.parse(text)
    assert parsed is None or str(parsed) == text
    assert (key_sources(text) is None) == (parsed is None)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "000123",
        "hall_cat",
        "hall_cat_7",
        "hall_cat_0007",
        "hall_cat_007n",
        "hall_cat_007b0",
        "hall_cat_007b",
        "hall_cat_007bm",
        "IMG_hall_cat_007",
        "a.b_c_007",
    ],
)
def test_a_key_of_another_program_names_no_sources(key: str) -> None:
    assert SampleKey.parse(key) is None
    assert rename_key(key, prefix="a", ids={"background": {"hall": "x"}, "foreground": {"cat": "y"}}) == f"a_{key}"


@given(key=KEYS, prefix=PREFIXES, background=IDS, foreground=IDS)
def test_renaming_changes_the_named_sources_and_the_prefix_alone(
    key: SampleKey, prefix: str, background: str, foreground: str
) -> None:
    ids = {"background": {key.background: background}, "foreground": {key.foreground: foreground}}
    new = SampleKey.parse(rename_key(str(key), prefix=prefix, ids=ids))  # type: ignore[arg-type]
    whole = "_".join(filter(None, (prefix, key.prefix)))
    assert new == SampleKey(background, foreground, key.position, key.mirrored, whole, key.twin)
    assert rename_key(str(key), ids={}) == str(key)

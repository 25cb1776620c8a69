"""Settings as tables: what TOML and KEY=VALUE become, and which mistakes are named."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_train.errors import ConfigError
from fgbg_train.settings import flatten, lay_over, parse_setting, to_toml

values = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.booleans(), st.text("aä \"'\\=#[]\tz", max_size=9)
)
names = st.text("abc_", min_size=1, max_size=4)
tables = st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=3)), max_size=4)


@given(tables)
def test_toml_gives_the_table_back(table: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(table)) == table


@given(tables, tables)
def test_values_of_the_table_on_top_win_and_the_others_stay(base: dict[str, object], top: dict[str, object]) -> None:
    merged = flatten(lay_over(base, top))
    assert flatten(top).items() <= merged.items()
    replaced = {key for key in base if key in top and not (isinstance(base[key], dict) and isinstance(top[key], dict))}
    kept = flatten({key: value for key, value in base.items() if key not in replaced})
    assert {key: value for key, value in kept.items() if key not in flatten(top)}.items() <= merged.items()


def test_a_bare_word_is_text_and_anything_else_is_toml() -> None:
    assert parse_setting("optimizer=sgd") == {"optimizer": "sgd"}
    assert parse_setting('model.mask_net="light"') == {"model": {"mask_net": "light"}}
    assert parse_setting("lr=1e-4") == {"lr": 1e-4}
    with pytest.raises(ConfigError, match="set='lr': expected KEY=VALUE, such as augment.cutout=0"):
        parse_setting("lr")

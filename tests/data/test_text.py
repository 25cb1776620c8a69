"""Numbers, sizes, durations, tables and errors as people read them."""

import pytest

from fgbg_data.text import format_bytes, format_seconds, text_table

HEADER = ["field", "type", "count", "mean"]
ROWS = [["image", "uint8", "1,200", "0.4321 0.4400 0.3900"], ["meta", "object", "1,200", "-"]]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e15, "2000.0 TB")])
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (61, "1 min 01 s"), (7200, "2 h 00 min"), (float("nan"), "unknown")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_tables_align_their_columns() -> None:
    table = text_table(["split", "samples"], [["train", "1,200"], ["val", "40"]])
    assert table.splitlines() == ["split  samples", "-----  -------", "train    1,200", "val         40"]


def test_columns_of_numbers_are_aligned_to_the_right_and_others_to_the_left() -> None:
    assert text_table(HEADER, ROWS).splitlines() == [
        "field  type    count                  mean",
        "-----  ------  -----  --------------------",
        "image  uint8   1,200  0.4321 0.4400 0.3900",
        "meta   object  1,200                     -",
    ]


@pytest.mark.parametrize("width", [20, 30, 41, 42, 80])
def test_no_line_is_wider_than_the_terminal_as_long_as_its_cells_fit(width: int) -> None:
    lines = text_table(HEADER, ROWS, width).splitlines()
    longest_cell = len("  mean: 0.4321 0.4400 0.3900,")
    assert max(map(len, lines)) <= max(width, longest_cell)
    assert (lines[0] == "image") == (width < 42)


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(["split", "samples"], []) == "split  samples\n-----  -------"

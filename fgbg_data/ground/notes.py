"""Corrections that a user gives to the grounds that are found: the file `ground.csv`."""

import csv
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.errors import SourceError

NOTES = "ground.csv"
"""The file, in the folder of the backgrounds."""
COLUMNS = ("file", "ground", "horizon")
"""Columns that it may have. Only `file` is required."""
NO = ("no", "none", "false", "0")
YES = ("", "yes", "true", "1")
"""Words of the column `ground`, in lower case. Nothing written means yes."""
LIMITS = (-1.0, 2.0)
"""Smallest and largest horizon, as shares of the height of the picture."""


@dataclass(frozen=True)
class GroundNote:
    """What the user says about one background."""

    has_ground: bool = True
    """False if nothing can stand in it."""
    horizon: float | None = None
    """Row of the horizon in the middle column, as a share of the height from the top; None leaves it to the search."""


def read_notes(folder: Path, files: Collection[str]) -> dict[str, GroundNote]:
    """Read `ground.csv`, if the folder of backgrounds holds one.

        file,ground,horizon
        attic.jpg,no,
        street.jpg,,0.42

    Args:
        folder: the folder of the backgrounds.
        files: paths of the pictures in it, relative to it.

    Raises:
        SourceError: a line cannot be used; the text names it.
    """
    path = folder / NOTES
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            columns = reader.fieldnames or ()
            rows = [(reader.line_num, row) for row in reader if any(row.values())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"cannot be read as a CSV file in UTF-8 ({error})", where=path) from error
    if "file" not in columns or not set(columns) <= set(COLUMNS):
        raise SourceError(f"has the columns {', '.join(map(str, columns))}; expected {','.join(COLUMNS)}", where=path)
    by_name = {unicodedata.normalize("NFC", file): file for file in files}
    notes: dict[str, GroundNote] = {}
    for line, row in rows:
        where = f"{path}, line {line}"
        file = by_name.get(unicodedata.normalize("NFC", row["file"] or ""))
        if file is None:
            raise SourceError(f"names {row['file']!r}, which is not among the pictures of the folder", where=where)
        if file in notes:
            raise SourceError(f"names {file!r} a second time", where=where)
        notes[file] = GroundNote(_has_ground(row.get("ground"), where), _horizon(row.get("horizon"), where))
    return notes


def _has_ground(text: str | None, where: str) -> bool:
    word = (text or "").strip().lower()
    if word not in (*NO, *YES):
        raise SourceError(f"ground is {text!r}; expected yes or no", where=where)
    return word not in NO


def _horizon(text: str | None, where: str) -> float | None:
    if not (text or "").strip():
        return None
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not LIMITS[0] <= value <= LIMITS[1]:
        raise SourceError(
            f"horizon is {text!r}; expected a share of the height from the top, such as 0.4, from {LIMITS[0]:g} to "
            f"{LIMITS[1]:g}",
            where=where,
        )
    return value

"""Provenance of sources: licence, author and URL, as `sources.csv` gives them; also groups and heights."""

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from fgbg_data.compositing.source_file import BadSource

PROVENANCE = ("licence", "author", "url")
"""Columns of `sources.csv` that are recorded, beside `file` and `group`."""
PROVENANCE_FILE = "sources.csv"
"""The file of a source folder that says where its pictures come from."""


def read_provenance(folder: Path, files: Sequence[str]) -> tuple[dict[str, dict[str, str]], list[BadSource]]:
    """Read `sources.csv`, if the source folder holds one.

    Args:
        folder: the source folder.
        files: paths of the pictures in it, relative to it.

    Returns:
        Path -> its licence, author, url and group, as far as they are given; and the lines that cannot be used.
    """
    path = folder / PROVENANCE_FILE
    if not path.is_file():
        return {}, []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            columns = reader.fieldnames or ()
            rows = [row for row in reader if any(row.values())]
    except (UnicodeDecodeError, csv.Error) as error:
        return {}, [BadSource(PROVENANCE_FILE, f"is not a CSV file in UTF-8 ({error})")]
    if "file" not in columns:
        return {}, [BadSource(PROVENANCE_FILE, "has no column `file`; expected file,licence,author,url,group")]
    by_name = {unicodedata.normalize("NFC", file): file for file in files}  # the CSV may come from another system
    found: dict[str, dict[str, str]] = {}
    bad = []
    for row in rows:
        row["licence"] = row.get("licence") or row.get("license")
        name = row["file"] or ""
        file = by_name.get(unicodedata.normalize("NFC", name))
        if file is None:
            bad.append(BadSource(PROVENANCE_FILE, f"names {name!r}, which is not in the folder"))
        elif file in found:
            bad.append(BadSource(PROVENANCE_FILE, f"names {name!r} twice"))
        elif not _is_height(row.get("height_m")):
            problem = f"gives {name!r} the height {row['height_m']!r}; expected metres above 0, such as 1.7"
            bad.append(BadSource(PROVENANCE_FILE, problem))
        else:
            found[file] = {key: value for key in (*PROVENANCE, "group", "height_m") if (value := row.get(key))}
    return found, bad


def _is_height(text: str | None) -> bool:
    """Return whether the text of the column `height_m` is empty or a height in metres."""
    try:
        return not text or 0.001 <= float(text) <= 1000
    except ValueError:
        return False

"""The folder of an export: which shards are finished, and whether the folder may be used."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgbg_data.errors import ConfigError, StorageError, option
from fgbg_data.exporting.layout import Row
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.system_files import is_system_file
from fgbg_data.sample import parse_json

MARK = ".fgbg-export"
"""Name of the folder in an export that says what is exported, and how far it is."""
ABOUT = "about.json"


@dataclass(frozen=True)
class Part:
    """One shard to export."""

    split: str
    shard: int
    """Number of the shard in its split."""


@dataclass(frozen=True)
class ExportFolder:
    """A folder that is or becomes an export."""

    out: Path

    @property
    def mark(self) -> Path:
        """Folder for what only this package needs to know."""
        return self.out / MARK

    def rows(self, part: Part) -> Path:
        """Return the file that says that a shard is finished. It holds a JSON object for each sample, one a line."""
        return self.mark / f"{part.split}-{part.shard:06d}.jsonl"

    def write_rows(self, part: Part, rows: Iterable[Row]) -> None:
        """Say that a shard is finished, after its files are on the disk."""
        os.sync()  # one for all files: an fsync of each would take minutes for a shard
        write_text(self.rows(part), "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))

    def begin(self, about: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take the folder for an export; return what `finish` kept if the export is complete.

        Args:
            about: what is exported, and how.

        Raises:
            ConfigError: the folder holds another export.
            StorageError: it holds something else, or cannot be used.
        """
        if self.out.exists() and not self.out.is_dir():
            raise StorageError(f"is a file; {option('out')} expects a folder", where=self.out)
        path = self.mark / ABOUT
        try:
            found = parse_json(path.read_text(encoding="utf-8"))
            known = {name: found[name] for name in about}
            report: dict[str, Any] | None = found.get("report")
        except (FileNotFoundError, NotADirectoryError):
            self._check_empty()
            write_text(path, json.dumps(about, indent=1) + "\n")
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(f"is damaged ({error}). Choose a new folder for {option('out')}", where=path) from error
        for name, value in about.items():
            if known[name] != value:
                raise ConfigError(
                    f"{option('out', self.out)}: holds another export ({name} {known[name]!r}; this one has "
                    f"{value!r}). Choose a new folder"
                )
        return report

    def finish(self, about: Mapping[str, Any], report: Mapping[str, Any]) -> None:
        """Say that the export is complete, and remove what is only needed to resume it."""
        write_text(self.mark / ABOUT, json.dumps({**about, "report": report}, indent=1) + "\n")
        for path in self.mark.iterdir():
            if path.suffix == ".jsonl":
                path.unlink()

    def _check_empty(self) -> None:
        """Refuse a folder that holds anything."""
        if not self.out.is_dir():
            return
        foreign = sorted(
            path.name for path in self.out.iterdir() if path.name != MARK and not is_system_file(path.name)
        )
        if foreign:
            raise StorageError(
                f"is not empty and holds no export (found {', '.join(foreign[:3])}). Choose a new folder for "
                f"{option('out')}",
                where=self.out,
            )

"""Loose files, for tools that need them: `image/KEY.jpg`, `mask/KEY.png`, `depth/KEY.png`, listed in a CSV."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS, pixel_fields
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location, join, open_stream, parent, read_text
from fgbg_data.sample import Array, Meta, Sample
from fgbg_data.shards.format import Format, Options, ShardReader, ShardWriter
from fgbg_data.shards.meta import parse_meta
from fgbg_data.shards.spec import Index, Shapes, ShardSpec

TABLE = "index.csv"
"""The table of all loose files of a dataset."""
METADATA = "metadata.csv"
"""The table of the loose files of a split, under the name and with the columns that `imagefolder` expects."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""A key that may become the name of a file."""


class FolderFormat(Format):
    """A shard is a CSV beside the folders of its pictures: key, a path for each of them, and the meta as JSON."""

    suffix = ".files.csv"
    is_buildable = False
    is_one_file = False
    root_files = (TABLE,)
    split_files = (METADATA,)

    def open_writer(self, path: Path, spec: ShardSpec) -> "FolderWriter":
        """Open a new CSV; the pictures go into folders beside it."""
        return FolderWriter(path, spec)

    def finish_dataset(self, out: Location, shards: Iterable[tuple[str, str]]) -> None:
        """Write the table of all loose files, and in each split the table that Hugging Face's `imagefolder` reads."""
        files: dict[str, list[Location]] = {}
        for split, name in shards:
            files.setdefault(split, []).append(join(join(out, split), name))
        _write_table(join(out, TABLE), (row for split, paths in files.items() for row in _flat_rows(paths, split)))
        for split, paths in files.items():
            _write_table(join(join(out, split), METADATA), map(_of_imagefolder, _flat_rows(paths, split)))

    def read_index(
        self, location: Location, keys: Sequence[str] | None = None, index: Index | None = None
    ) -> "FolderIndex":
        """Read the CSV, which is the whole index."""
        return _read_index(location)

    def read_damaged_index(self, location: Location, keys: Sequence[str], index: Index) -> "FolderIndex":
        """Read the CSV, which only Python reads."""
        return _read_index(location)

    def open_reader(self, location: Location, found: "FolderIndex", shapes: Shapes | None = None) -> "FolderReader":
        """Return a reader, which opens each picture when it is read."""
        return FolderReader(location, found, shapes)

    def reading_cost(self, options: Options) -> int:
        """Every picture is a file to open."""
        return 40

    def files_of(self, location: Location) -> list[str]:
        """Return the pictures that the CSV of a shard names."""
        try:
            found = _read_index(location)
        except ShardError:
            return []
        return [name for names in found.paths.values() for name in names]

    def folders(self, fields: Iterable[str]) -> list[str]:
        """Return the names of the folders of pictures: one for each pixel field."""
        return list(pixel_fields(fields))

    def data_files(self, split: str, fields: Iterable[str]) -> list[str]:
        """Name the pictures and their table, so that `load_dataset` finds an `imagefolder`."""
        return [f"{split}/{METADATA}", *(f"{split}/{name}/*" for name in pixel_fields(fields))]

    def sample_file(self, field: str, suffix: str) -> str:
        """Return the file of a field, or the table that holds it."""
        return f"SPLIT/{file_name(field, 'KEY', suffix)}" if field != "meta" else TABLE

    def snippet(self, suffixes: Mapping[str, str]) -> list[str]:
        """Show how to read the table of all files."""
        return [
            "import csv",
            'rows = list(csv.DictReader(open("index.csv", encoding="utf-8")))  # paths and meta of every sample',
            "import datasets",
            'dataset = datasets.load_dataset("imagefolder", data_dir=".")  # reads metadata.csv of each split',
        ]


class FolderWriter(ShardWriter):
    """Writes the files of one shard.

    They get their final names at once, because a shard counts only when its CSV and its record exist. The next run
    writes the same bytes over the pictures that a killed one left.
    """

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._folder, self._path = path.parent, path
        self._suffixes = spec.suffixes
        self._pixels = pixel_fields(spec.suffixes)
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(["key", *self._pixels, "meta"])
        for field in self._pixels:
            (self._folder / field).mkdir(exist_ok=True)

    def write(self, sample: Sample, files: Mapping[str, bytes]) -> None:
        """Write the pictures of one sample, and its row.

        Raises:
            ShardError: its key cannot be the name of a file.
        """
        names = [file_name(field, sample.key, self._suffixes[field]) for field in self._pixels]
        for field, name in zip(self._pixels, names, strict=True):
            (self._folder / name).write_bytes(files[field])
        self._rows.writerow([sample.key, *names, files["meta"].decode()])

    def finish(self) -> Index:
        """Write the CSV, after the pictures are on the disk."""
        os.sync()  # one for all of them: an fsync of each would take minutes for a shard
        self._path.write_text(self._text.getvalue(), encoding="utf-8", newline="")
        return {}


@dataclass(frozen=True)
class FolderIndex:
    """The content of the CSV of a shard."""

    keys: Array
    """(N,) keys as UTF-8 bytes."""
    paths: dict[str, list[str]]
    """Pixel field -> file of each sample, relative to the folder of the CSV."""
    metas: list[str]
    """The meta of each sample, as JSON."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that every sample has."""
        return (*self.paths, "meta")

    def stored_bytes(self) -> dict[str, int]:
        """Return the size of the meta; the CSV does not hold the sizes of the pictures."""
        return {"meta": sum(len(meta.encode()) for meta in self.metas)}


class FolderReader(ShardReader):
    """Reads the loose files of one shard."""

    def __init__(self, location: Location, found: FolderIndex, shapes: Shapes | None = None) -> None:
        super().__init__(location, found, shapes)
        self._index = found
        self._folder, _ = parent(location)

    def read(self, index: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        data, where = self.read_file(index, field), self.where(index)
        if field == "meta":
            return parse_meta(data, where, self.key(index))
        return FIELDS[field].decode(data, where, self.shapes.get(field), size)

    def read_file(self, index: int, field: str) -> bytes:
        """Return the bytes of one file; the meta is in the CSV."""
        if field == "meta":
            return self._index.metas[index].encode()
        name = self._index.paths[field][index]
        try:
            with open_stream(join(self._folder, name)) as stream:
                return stream.read()
        except OSError as error:
            raise ShardError(f"{name} cannot be read ({error.strerror or error})", self.where(index)) from error

    def picture_size(self, index: int, field: str) -> tuple[int, int]:
        """Return (height, width) from the header of the file."""
        return FIELDS[field].picture_size(self.read_file(index, field), self.where(index))


def file_name(field: str, key: str, suffix: str) -> str:
    """Return the path of a picture in the folder of its split.

    >>> file_name("mask", "hall_cat_007", "mask.png")
    'mask/hall_cat_007.png'

    Raises:
        ShardError: the key cannot be the name of a file.
    """
    if not _PLAIN_KEY.fullmatch(key):
        raise ShardError("cannot be the name of a file; expected letters, digits, - and _", repr(key))
    return f"{field}/{key}.{suffix.rpartition('.')[2]}"


def _write_table(location: Location, rows: Iterable[Meta]) -> None:
    """Write rows as a CSV, with the columns of the first row."""
    with write_whole(location) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(stream, list(row), extrasaction="ignore", lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)


def _of_imagefolder(row: Meta) -> Meta:
    """Return a row as `imagefolder` reads it: `NAME_file_name` holds a path from the folder of the split."""
    pictures = [name for name in pixel_fields(row) if FIELDS[name].decode_file is None]
    paths = {f"{name}_file_name": row[name].partition("/")[2] for name in pictures}
    return paths | {name: value for name, value in row.items() if name not in (*pictures, "split")}


def _flat_rows(shards: Iterable[Location], split: str) -> Iterator[Meta]:
    """Yield a row of the table for each sample of some shards: split, key, paths of its files, meta in columns."""
    for location in shards:
        found = _read_index(location)
        for index in range(len(found.keys)):
            yield _flat_row(location, found, index, split)


def _flat_row(location: Location, found: FolderIndex, index: int, split: str) -> Meta:
    key = found.keys[index]
    meta = parse_meta(found.metas[index].encode(), f"{location}: {str(key, 'utf-8')}")
    box = meta.pop("box", None)
    if isinstance(box, list) and len(box) == 4:
        meta |= dict(zip(("top", "left", "height", "width"), box, strict=True))
    tight = meta.pop("bbox_xywh", None)
    if isinstance(tight, list) and len(tight) == 4:
        meta |= dict(zip(("bbox_x", "bbox_y", "bbox_width", "bbox_height"), tight, strict=True))
    row: Meta = {"split": split, "key": str(key, "utf-8")}
    row |= {field: f"{split}/{paths[index]}" for field, paths in found.paths.items()}
    return row | {name: value for name, value in meta.items() if name not in row}


def _read_index(location: Location) -> FolderIndex:
    """Read and check a CSV. A path is accepted only if it is the one that its key gives.

    Raises:
        ShardError: it is not the CSV of a shard.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_text(location), newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ShardError(f"cannot be read as CSV ({error})", location) from error
    header = rows[0] if rows else []
    pixels = header[1:-1]
    if header != ["key", *dict.fromkeys(pixels), "meta"] or "image" not in pixels:
        raise ShardError(f"has the columns {', '.join(header[:5])}; expected key, image, ..., meta", location)
    keys = [row[0] for row in rows[1:] if row]
    if not keys:
        raise ShardError("holds no samples", location)
    if len(set(keys)) < len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise ShardError("occurs twice; keys must be unique", location, twice)
    for row in rows[1:]:
        _check_row(row, header, pixels, location)
    columns = list(zip(*rows[1:], strict=True))
    paths = {field: list(columns[header.index(field)]) for field in pixel_fields(pixels)}
    return FolderIndex(np.array([key.encode() for key in keys]), paths, list(columns[-1]))


def _check_row(row: list[str], header: list[str], pixels: list[str], location: Location) -> None:
    where = f"{location}: {row[0] if row else 'an empty line'}"
    if len(row) != len(header):
        raise ShardError(f"has {len(row)} columns; truncated?", where)
    for field in pixel_fields(pixels):
        name = row[header.index(field)]
        if name not in {file_name(field, row[0], suffix) for suffix in FIELDS[field].file_suffixes}:
            raise ShardError(f"its {field} is {name!r}, which is not its file; refused", where)

"""Loose files, for tools that want them: `image/KEY.jpg`, `mask/KEY.png`, `depth/KEY.png`, named by a CSV a shard."""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fgbg_data.codecs.fields import decode_field, header_size
from fgbg_data.errors import ShardError
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location, join, open_stream, parent, read_text
from fgbg_data.sample import FIELDS, PIXEL_FIELDS, Array, Meta, Sample
from fgbg_data.shards.base import Index, Shapes, ShardSpec, meta_depth_bits, parse_meta

INDEX = "index.csv"
"""The table of all loose files of a dataset."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""A key that may become the name of a file."""


class FolderFormat:
    """A shard is a CSV beside the folders of its pictures: key, a path for each of them, and the meta as JSON."""

    suffix = ".files.csv"

    @staticmethod
    def needs_files(spec: ShardSpec) -> bool:
        """It holds encoded files, always."""
        return True

    @staticmethod
    def open_writer(path: Path, spec: ShardSpec) -> "FolderWriter":
        """Open a new CSV; the pictures go into folders beside it."""
        return FolderWriter(path, spec)

    @staticmethod
    def read_index(place: Location, keys: list[str] | None = None, index: Index | None = None) -> "FolderIndex":
        """Read the CSV, which tells all of it."""
        return _read_index(place)

    @staticmethod
    def same_index(found: "FolderIndex", index: Index) -> bool:
        """The record holds none."""
        return index == {}

    @staticmethod
    def open_reader(place: Location, index: "FolderIndex", shapes: Shapes | None = None) -> "FolderReader":
        """Read files as they are asked for."""
        return FolderReader(place, index, shapes)


class FolderWriter:
    """Writes the files of one shard.

    They go to their final names at once, for a shard counts only when its CSV and record are there; the next run
    writes the same bytes over what a killed one left.
    """

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._folder, self._path = path.parent, path
        self._suffixes = spec.suffixes
        self._pixels = [field for field in PIXEL_FIELDS if field in spec.suffixes]
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(["key", *self._pixels, "meta"])
        for field in self._pixels:
            (self._folder / field).mkdir(exist_ok=True)

    def write(self, sample: Sample, files: dict[str, bytes]) -> None:
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
        os.sync()  # one for all of them: fsync of each would take minutes a shard
        self._path.write_text(self._text.getvalue(), encoding="utf-8", newline="")
        return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class FolderIndex:
    """What the CSV of a shard says.

    Attributes:
        keys: (N,) of UTF-8 bytes.
        paths: pixel field -> file of each sample, relative to the folder of the CSV.
        metas: JSON of each sample.
    """

    keys: Array
    paths: dict[str, list[str]]
    metas: list[str]

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that there are."""
        return (*self.paths, "meta")

    def stored_bytes(self) -> dict[str, int]:
        """The CSV tells no sizes but that of the meta."""
        return {"meta": sum(len(meta.encode()) for meta in self.metas)}


class FolderReader:
    """Reads the loose files of one shard."""

    def __init__(self, place: Location, index: FolderIndex, shapes: Shapes | None = None) -> None:
        self._place, self._index, self._shapes = place, index, shapes or {}
        self._folder, _ = parent(place)

    def read(self, place: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        data, where = self.read_file(place, field), self._where(place)
        if field == "meta":
            return parse_meta(data, where, self._key(place))
        return decode_field(field, data, where, self._shapes.get(field), size)

    def read_file(self, place: int, field: str) -> bytes:
        """Return the bytes of one file; the meta stands in the CSV."""
        if field == "meta":
            return self._index.metas[place].encode()
        name = self._index.paths[field][place]
        try:
            with open_stream(join(self._folder, name)) as stream:
                return stream.read()
        except OSError as error:
            raise ShardError(f"{self._where(place)}: {name} cannot be read ({error.strerror or error})") from error

    def picture_size(self, place: int, field: str) -> tuple[int, int]:
        """Return (height, width), by the file's header."""
        return header_size(field, self.read_file(place, field), self._where(place))

    def depth_bits(self, place: int) -> int | None:
        """Each sample's meta tells."""
        return meta_depth_bits(self.read(place, "meta"), self._where(place))

    def _key(self, place: int) -> str:
        return str(self._index.keys[place], "utf-8")

    def _where(self, place: int) -> str:
        return f"{self._place}: {self._key(place)}"


def file_name(field: str, key: str, suffix: str) -> str:
    """Return the path of a picture in the folder of its split.

    >>> file_name("mask", "hall_cat_007", "mask.png")
    'mask/hall_cat_007.png'

    Raises:
        ShardError: the key cannot be the name of a file.
    """
    if not _PLAIN_KEY.fullmatch(key):
        raise ShardError(f"{key!r}: cannot be the name of a file; expected letters, digits, - and _")
    return f"{field}/{key}.{suffix.rpartition('.')[2]}"


def loose_files(place: Path) -> list[Path]:
    """Return the pictures that the CSV of a shard names; none where it cannot be read."""
    try:
        index = _read_index(place)
    except ShardError:
        return []
    return [place.parent / name for names in index.paths.values() for name in names]


def write_index(out: Path, shards: Iterable[tuple[str, str]]) -> None:
    """Write the table of all loose files of a dataset: split, key, paths from its folder, and the meta in columns.

    Args:
        out: folder of the dataset.
        shards: split and file name of every shard's CSV.
    """
    with write_whole(out / INDEX) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer: csv.DictWriter[str] | None = None
        for split, name in shards:
            for row in _flat_rows(out / split / name, split):
                if writer is None:
                    writer = csv.DictWriter(stream, list(row), extrasaction="ignore", lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)


def _flat_rows(place: Location, split: str) -> Iterator[Meta]:
    """Yield a row of the table for each sample of a shard."""
    index = _read_index(place)
    for number, key in enumerate(index.keys):
        meta = parse_meta(index.metas[number].encode(), f"{place}: {str(key, 'utf-8')}")
        box = meta.pop("box", None)
        if isinstance(box, list) and len(box) == 4:
            meta |= dict(zip(("top", "left", "height", "width"), box, strict=True))
        row: Meta = {"split": split, "key": str(key, "utf-8")}
        row |= {field: f"{split}/{paths[number]}" for field, paths in index.paths.items()}
        yield row | {name: value for name, value in meta.items() if name not in row}


def _read_index(place: Location) -> FolderIndex:
    """Read and check a CSV; its paths are only taken where they are those that its keys give.

    Raises:
        ShardError: it is none of ours.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_text(place), newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ShardError(f"{place}: cannot be read as CSV ({error})") from error
    header = rows[0] if rows else []
    pixels = [field for field in PIXEL_FIELDS if field in header]
    if header != ["key", *pixels, "meta"] or "image" not in pixels:
        raise ShardError(f"{place}: has the columns {', '.join(header[:5])}; expected key, image, ..., meta")
    keys = [row[0] for row in rows[1:] if row]
    if not keys:
        raise ShardError(f"{place}: holds no samples")
    if len(set(keys)) < len(keys):
        raise ShardError(f"{place}: {next(k for i, k in enumerate(keys) if k in keys[:i])}: occurs twice")
    for row in rows[1:]:
        if len(row) != len(header):
            raise ShardError(f"{place}: {row[0] if row else 'an empty line'}: has {len(row)} columns; truncated?")
        for field, name in zip(pixels, row[1:-1], strict=True):
            endings = ("jpg", "png") if field == "image" else (FIELDS[field].suffix,)
            if name not in {file_name(field, row[0], ending) for ending in endings}:
                raise ShardError(f"{place}: {row[0]}: its {field} is {name!r}, which is not its file; refused")
    columns = list(zip(*rows[1:], strict=True))
    paths = {field: list(column) for field, column in zip(pixels, columns[1:-1], strict=True)}
    return FolderIndex(np.array([key.encode() for key in keys]), paths, list(columns[-1]))

"""HDF5 shards: equal-length datasets that h5py alone reads, contiguous, so that they can be memory-mapped."""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from fgbg_data.codecs.fields import MAX_SIDE_PX, decode_field, header_size, resize_field
from fgbg_data.errors import ShardError
from fgbg_data.runtime.locations import Location, open_bytes, open_stream
from fgbg_data.sample import FIELDS, Array, Sample, canonical_json
from fgbg_data.shards.base import Index, Shapes, ShardSpec, meta_depth_bits, parse_meta


class Hdf5Format:
    """Datasets `key`, `meta` (UTF-8), `image`, `mask`, `depth` ...: pixels, or with `encoded` the tar's files."""

    suffix = ".h5"

    @staticmethod
    def needs_files(spec: ShardSpec) -> bool:
        """Only the encoded layout holds files."""
        return spec.encoded

    @staticmethod
    def open_writer(path: Path, spec: ShardSpec) -> "Hdf5Writer":
        """Open a new file."""
        return Hdf5Writer(path, spec)

    @staticmethod
    def read_index(place: Location, keys: list[str] | None = None, index: Index | None = None) -> "Hdf5Index":
        """Read it from the file itself, which tells all of it, and at once."""
        return _read_index(place)

    @staticmethod
    def same_index(found: "Hdf5Index", index: Index) -> bool:
        """Compare the offsets of pixels."""
        return index == {"offset": found.offset}

    @staticmethod
    def open_reader(place: Location, index: "Hdf5Index", shapes: Shapes | None = None) -> "Hdf5Reader":
        """Open a file."""
        return Hdf5Reader(place, index, shapes)


class Hdf5Writer:
    """Writes one HDF5 shard."""

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._spec = spec
        self._file = h5py.File(path, "w", libver="v110")
        self._file.attrs["fields"] = ["key", *spec.suffixes]
        if spec.depth_bits:
            self._file.attrs["depth_bits"] = spec.depth_bits
        self._pixels: dict[str, Any] = {}
        for field, shape in spec.shapes.items():
            if spec.encoded:
                dataset = self._file.create_dataset(field, (spec.samples,), h5py.vlen_dtype(np.uint8))
                dataset.attrs["encoding"] = spec.suffixes[field].rpartition(".")[2]
            else:
                dataset = self._file.create_dataset(field, (spec.samples, *shape), FIELDS[field].dtype)
            self._pixels[field] = dataset
        self._keys: list[str] = []
        self._metas: list[str] = []

    def write(self, sample: Sample, files: dict[str, bytes]) -> None:
        """Append one sample."""
        place = len(self._keys)
        for field, dataset in self._pixels.items():
            if self._spec.encoded:
                dataset[place] = np.frombuffer(files[field], np.uint8)
            else:
                dataset[place] = sample.array(field)
        self._keys.append(sample.key)
        self._metas.append(canonical_json(sample.meta))

    def finish(self) -> Index:
        """Close the file; the index holds the byte offset of each contiguous dataset."""
        text = h5py.string_dtype("utf-8")
        self._file.create_dataset("key", data=self._keys, dtype=text)
        self._file.create_dataset("meta", data=self._metas, dtype=text)
        offsets = {} if self._spec.encoded else {f: d.id.get_offset() for f, d in self._pixels.items()}
        self._file.close()
        return {"offset": offsets}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # On a full disk HDF5 cannot close: it still has something to write, and would crash at exit over it. The
            # file is lost anyway, so give its space back first.
            with contextlib.suppress(OSError):
                os.truncate(self._file.filename, 0)
            with contextlib.suppress(OSError, RuntimeError):
                self._file.close()


@dataclass(frozen=True)
class Hdf5Index:
    """What an HDF5 shard holds, and where its pixels lie.

    Attributes:
        keys: (N,) of UTF-8 bytes.
        fields: that there are.
        shapes: field of pixels -> (N, H, W, ...); fields of encoded files are not here.
        offset: field of contiguous pixels -> first byte; what is chunked or encoded goes through h5py.
        depth_bits: of the whole shard, or None.
    """

    keys: Array
    fields: tuple[str, ...]
    shapes: Shapes
    offset: dict[str, int]
    depth_bits: int | None

    def stored_bytes(self) -> dict[str, int]:
        """Sizes of the pixels; what is encoded, and meta, HDF5 does not tell at once."""
        return {
            field: math.prod(shape) * np.dtype(FIELDS[field].dtype).itemsize for field, shape in self.shapes.items()
        }


class Hdf5Reader:
    """Reads one HDF5 shard: pixels by slices of the file, the rest through h5py."""

    def __init__(self, place: Location, index: Hdf5Index, shapes: Shapes | None = None) -> None:
        self._place, self._index, self._shapes = place, index, shapes or {}
        self._name = str(place)  # a path makes its text slowly, and every sample's errors would begin with it
        for field, shape in index.shapes.items():
            declared = self._shapes.get(field)
            if declared is not None and tuple(shape[1:]) != tuple(declared):
                raise ShardError(f"{place}: its {field} is {shape[1:]}, the dataset declares {tuple(declared)}")
        try:
            self._bytes = open_bytes(place)
        except (OSError, ValueError) as error:
            raise ShardError(f"{place}: cannot be opened ({error})") from error
        self._file: Any = None
        self._pid = 0

    def read(self, place: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        where = self._where(place)
        if field == "meta":
            return parse_meta(self._stored(place, field), where, self._key(place))
        if field not in self._index.shapes:
            data = np.asarray(self._stored(place, field)).tobytes()
            return decode_field(field, data, where, self._shapes.get(field), size)
        pixels = self._pixels(place, field)
        if size is not None and not FIELDS[field].depth and pixels.shape[:2] != size:
            return resize_field(field, pixels, size)
        return pixels.copy()

    def read_file(self, place: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None where pixels are stored."""
        if field in self._index.shapes:
            return None
        value = self._stored(place, field)
        return bytes(value) if field == "meta" else np.asarray(value).tobytes()

    def picture_size(self, place: int, field: str) -> tuple[int, int]:
        """Return (height, width), by the dataset's shape or the file's header."""
        if field in self._index.shapes:
            return self._index.shapes[field][1], self._index.shapes[field][2]
        return header_size(field, np.asarray(self._stored(place, field)).tobytes(), self._where(place))

    def depth_bits(self, place: int) -> int | None:
        """The shard's attribute tells, or each sample's meta."""
        if self._index.depth_bits is not None or "meta" not in self._index.fields:
            return self._index.depth_bits
        return meta_depth_bits(self.read(place, "meta"), self._where(place))

    def _pixels(self, place: int, field: str) -> Array:
        """Return pixels, as a view of the memory map where they are contiguous."""
        if field not in self._index.offset:
            stored: Array = np.asarray(self._stored(place, field))
            return stored
        shape, dtype = self._index.shapes[field][1:], np.dtype(FIELDS[field].dtype)
        size = math.prod(shape) * dtype.itemsize
        start = self._index.offset[field] + place * size
        data = self._bytes[start : start + size]
        if len(data) < size:
            raise ShardError(f"{self._where(place)}: the file ends before its {field}; truncated?")
        return np.frombuffer(data, dtype).reshape(shape)

    def _stored(self, place: int, field: str) -> Any:
        """Return an element through h5py, whose own lock makes that safe in threads; opened anew after a fork."""
        if self._file is None or self._pid != os.getpid():
            self._file, self._pid = _open(self._place), os.getpid()
        try:
            return self._file[field][place]
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise ShardError(f"{self._where(place)}: its {field} cannot be read ({error}); damaged?") from error

    def _key(self, place: int) -> str:
        return str(self._index.keys[place], "utf-8")

    def _where(self, place: int) -> str:
        return f"{self._name}: {self._key(place)}"


def _open(place: Location) -> Any:
    try:
        if isinstance(place, Path):
            return h5py.File(place, "r", locking=False)
        return h5py.File(open_stream(place), "r")
    except (OSError, RuntimeError) as error:
        raise ShardError(f"{place}: cannot be opened as HDF5 ({error}); copy or build it again") from error


def _read_index(place: Location) -> Hdf5Index:
    """Check a file and find its pixels.

    Raises:
        ShardError: it is no HDF5, or not laid out as a shard.
    """
    with _open(place) as file:
        try:
            return _index_of(file, place)
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ShardError):
                raise
            raise ShardError(f"{place}: cannot be read as HDF5 ({error}); damaged?") from error


def _index_of(file: Any, place: Location) -> Hdf5Index:
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ShardError(f"{place}: {name!r} is a link to elsewhere; refused")
    named = [str(name) for name in file.attrs.get("fields", [])]
    for name in dict.fromkeys(["key", "image", *named]):
        if name not in file:
            reason = "which its attribute `fields` names" if name in named else "so it is no shard of a dataset"
            raise ShardError(f"{place}: has no dataset {name!r}, {reason}")
    fields = tuple(name for name in FIELDS if name in file)
    for name in ("key", *fields):
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim < 1 or dataset.is_virtual or dataset.external:
            raise ShardError(f"{place}: {name!r} is no plain dataset; refused")
        if len(dataset) != len(file["key"]):
            raise ShardError(f"{place}: holds {len(file['key'])} keys but {len(dataset)} of {name!r}")
        if name in ("key", "meta") and h5py.check_string_dtype(dataset.dtype) is None:
            raise ShardError(f"{place}: {name!r} holds {dataset.dtype}, expected text")
    keys = [bytes(key) for key in file["key"][:]]
    if not keys:
        raise ShardError(f"{place}: holds no samples")
    if len(set(keys)) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ShardError(f"{place}: {twice.decode('utf-8', 'replace')}: occurs twice; keys must be unique")
    shapes: Shapes = {}
    offset: dict[str, int] = {}
    for name in fields:
        dataset = file[name]
        if name == "meta" or h5py.check_vlen_dtype(dataset.dtype) == np.dtype(np.uint8):
            continue
        spec = FIELDS[name]
        if dataset.dtype != np.dtype(spec.dtype) or dataset.ndim != (4 if spec.channels else 3):
            raise ShardError(f"{place}: {name!r} is {dataset.dtype} of shape {dataset.shape}, expected {spec.dtype}")
        if spec.channels and dataset.shape[3] != spec.channels:
            raise ShardError(f"{place}: {name!r} has shape {dataset.shape}, expected {spec.channels} channels")
        if max(dataset.shape[1:3]) > MAX_SIDE_PX:
            raise ShardError(f"{place}: {name!r} has shape {dataset.shape}, more than {MAX_SIDE_PX} px a side; refused")
        shapes[name] = tuple(int(side) for side in dataset.shape)
        start = dataset.id.get_offset()
        if start is not None and not file.userblock_size:
            offset[name] = int(start)
    bits = file.attrs.get("depth_bits")
    if bits is not None and not 1 <= int(bits) <= 16:
        raise ShardError(f"{place}: its attribute depth_bits is {bits}, expected 1 to 16")
    return Hdf5Index(np.array(keys), fields, shapes, offset, None if bits is None else int(bits))

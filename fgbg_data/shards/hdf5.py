"""HDF5 shards: equal-length datasets that h5py alone reads, contiguous, so that they can be memory-mapped."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from fgbg_data.errors import ShardError
from fgbg_data.sample import FIELDS, PIXEL_FIELDS, Array, Meta, Sample, canonical_json, decode_pixels
from fgbg_data.shards.base import Index, ShardSpec


class Hdf5Format:
    """Datasets `key`, `meta` (UTF-8), `image`, `mask`, `depth`: pixels, or with `encoded` the tar's files."""

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
    def open_reader(path: Path, index: Index | None = None) -> "Hdf5Reader":
        """Open a file; HDF5 finds its own samples, so the index is not needed."""
        return Hdf5Reader(path)


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
            self._file.close()


class Hdf5Reader:
    """Reads one HDF5 shard."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = h5py.File(path, "r", locking=False)
        except OSError as error:
            raise ShardError(f"{path}: cannot be opened as HDF5 ({error})") from error
        for name in ("key", "image"):
            if name not in self._file:
                raise ShardError(f"{path}: has no dataset {name!r}; it is no shard of a dataset")
        self.keys: list[str] = list(self._file["key"].asstr()[:])
        self.fields = tuple(name for name in FIELDS if name in self._file)
        for name in self.fields:
            if len(self._file[name]) != len(self.keys):
                raise ShardError(f"{path}: {len(self.keys)} keys but {len(self._file[name])} of {name!r}")

    def read(self, place: int, field: str) -> Array | Meta:
        """Return one decoded field."""
        value = self._file[field][place]
        where = f"{self._path}: {self.keys[place]}"
        if field == "meta":
            try:
                meta: Meta = json.loads(value)
            except ValueError as error:
                raise ShardError(f"{where}: its meta is not JSON ({error})") from error
            return meta
        if h5py.check_vlen_dtype(self._file[field].dtype) is not None:
            return decode_pixels(field, value.tobytes(), where)
        pixels: Array = value
        return pixels

    def read_file(self, place: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None where pixels are stored."""
        if field in PIXEL_FIELDS and h5py.check_vlen_dtype(self._file[field].dtype) is None:
            return None
        value = self._file[field][place]
        return value.tobytes() if field in PIXEL_FIELDS else bytes(value)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

"""Write HDF5 shards."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from fgbg_data.fields import FIELDS
from fgbg_data.sample import Sample, canonical_json
from fgbg_data.shards.format import ShardWriter
from fgbg_data.shards.hdf5_file import NewFile
from fgbg_data.shards.spec import Index, ShardSpec

_ALIGNMENT = 4096
"""Pixels begin at multiples of it, a page of memory, so that other programs may map them."""


class Hdf5Writer(ShardWriter):
    """Writes one HDF5 shard. Pixels go straight to the space that HDF5 keeps for them; HDF5 writes the rest.

    HDF5 writes through a `NewFile`, so that it never has anything left to write after an error.
    """

    def __init__(self, path: Path, spec: ShardSpec, *, encoded: bool) -> None:
        self._out = NewFile(path)
        self._file = h5py.File(
            self._out, "w", libver="v110", alignment_threshold=_ALIGNMENT, alignment_interval=_ALIGNMENT
        )
        self._file.attrs["fields"] = _texts([name.encode() for name in ("key", *spec.suffixes)])
        if spec.depth_bits:
            self._file.attrs["depth_bits"] = spec.depth_bits
        self._files: dict[str, Any] = {}
        self._offsets: dict[str, int] = {}
        for field, shape in spec.shapes.items():
            if encoded:
                dataset = self._file.create_dataset(field, (spec.samples,), h5py.vlen_dtype(np.uint8))
                dataset.attrs["encoding"] = np.bytes_(spec.suffixes[field].rpartition(".")[2])
                self._files[field] = dataset
            else:
                self._offsets[field] = _reserve(self._file, field, (spec.samples, *shape), FIELDS[field].dtype)
        self._spec = spec
        self._keys: list[bytes] = []
        self._metas: list[bytes] = []

    def write(self, sample: Sample, files: Mapping[str, bytes]) -> None:
        """Append one sample."""
        index = len(self._keys)
        for field, start in self._offsets.items():
            pixels = np.ascontiguousarray(sample.arrays[field], FIELDS[field].dtype)
            if pixels.shape != tuple(self._spec.shapes[field]):
                raise ValueError(f"{field} is {pixels.shape}, expected {self._spec.shapes[field]}")
            self._out.put(pixels, start + index * pixels.nbytes)
        for field, dataset in self._files.items():
            dataset[index] = np.frombuffer(files[field], np.uint8)
        self._out.check()
        self._keys.append(sample.key.encode())
        self._metas.append(canonical_json(sample.meta).encode())

    def finish(self) -> Index:
        """Close the file. The index says where everything is, so that readers need no h5py."""
        for name, texts in (("key", self._keys), ("meta", self._metas)):
            self._offsets[name] = self._file.create_dataset(name, data=_texts(texts)).id.get_offset()
        self._file.close()
        self._out.check()
        self._out.close()
        if self._files:
            return {"offset": {}}
        return {
            "offset": self._offsets,
            "shape": {field: list(shape) for field, shape in self._spec.shapes.items()},
            "text_bytes": {"key": max(map(len, self._keys)), "meta": max(map(len, self._metas))},
            "depth_bits": self._spec.depth_bits or None,
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file after an error."""
        if kind is not None:
            self._out.abandon()
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self._file.close()
        self._out.close()


def _texts(texts: list[bytes]) -> Any:
    """Return UTF-8 texts as an array of strings of one fixed length, that of the longest.

    HDF5 puts strings of variable length into heaps, which a program cannot map. If a heap is damaged, HDF5 may read it
    for ever.
    """
    return np.array(texts, h5py.string_dtype("utf-8", max(map(len, texts))))


def _reserve(file: Any, name: str, shape: tuple[int, ...], dtype: str) -> int:
    """Make a contiguous dataset whose space is reserved at once and not filled; return the offset of its first byte."""
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_layout(h5py.h5d.CONTIGUOUS)
    options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    options.set_obj_track_times(False)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    dataset = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(shape), dcpl=options)
    return int(dataset.get_offset())

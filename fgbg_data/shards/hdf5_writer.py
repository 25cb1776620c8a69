"""Write HDF5 shards."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from fgbg_data.fields import FIELDS
from fgbg_data.sample import Sample, canonical_json
from fgbg_data.shards.format import ShardWriter
from fgbg_data.shards.spec import Index, ShardSpec


class Hdf5Writer(ShardWriter):
    """Writes one HDF5 shard."""

    def __init__(self, path: Path, spec: ShardSpec, *, encoded: bool) -> None:
        self._encoded = encoded
        self._file = h5py.File(path, "w", libver="v110")
        self._file.attrs["fields"] = ["key", *spec.suffixes]
        if spec.depth_bits:
            self._file.attrs["depth_bits"] = spec.depth_bits
        self._pixels: dict[str, Any] = {}
        for field, shape in spec.shapes.items():
            if encoded:
                dataset = self._file.create_dataset(field, (spec.samples,), h5py.vlen_dtype(np.uint8))
                dataset.attrs["encoding"] = spec.suffixes[field].rpartition(".")[2]
            else:
                dataset = self._file.create_dataset(field, (spec.samples, *shape), FIELDS[field].dtype)
            self._pixels[field] = dataset
        self._keys: list[str] = []
        self._metas: list[str] = []

    def write(self, sample: Sample, files: Mapping[str, bytes]) -> None:
        """Append one sample."""
        index = len(self._keys)
        for field, dataset in self._pixels.items():
            dataset[index] = np.frombuffer(files[field], np.uint8) if self._encoded else sample.arrays[field]
        self._keys.append(sample.key)
        self._metas.append(canonical_json(sample.meta))

    def finish(self) -> Index:
        """Close the file. The index holds the byte offset of each contiguous dataset."""
        text = h5py.string_dtype("utf-8")
        self._file.create_dataset("key", data=self._keys, dtype=text)
        self._file.create_dataset("meta", data=self._metas, dtype=text)
        offsets = {} if self._encoded else {field: each.id.get_offset() for field, each in self._pixels.items()}
        self._file.close()
        return {"offset": offsets}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file after an error."""
        if kind is not None:
            # On a full disk HDF5 cannot close: it still has something to write, and would crash at exit over it. The
            # file is lost anyway, so give its space back first.
            with contextlib.suppress(OSError):
                os.truncate(self._file.filename, 0)
            with contextlib.suppress(OSError, RuntimeError):
                self._file.close()

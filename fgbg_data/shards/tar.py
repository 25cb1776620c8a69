"""Tar shards, as webdataset, Hugging Face datasets and plain `tar` read them."""

import io
import json
import mmap
import tarfile
from pathlib import Path
from types import TracebackType
from typing import Self

from fgbg_data.errors import ShardError
from fgbg_data.sample import Array, Meta, Sample, decode_pixels
from fgbg_data.shards.base import Index, ShardSpec

_BLOCK = 512


class TarFormat:
    """`KEY.jpg KEY.mask.png KEY.depth.png KEY.json`, ustar, with nothing in it that changes from run to run."""

    suffix = ".tar"

    @staticmethod
    def needs_files(spec: ShardSpec) -> bool:
        """A tar holds encoded files, always."""
        return True

    @staticmethod
    def open_writer(path: Path, spec: ShardSpec) -> "TarWriter":
        """Open a new tar."""
        return TarWriter(path, spec)

    @staticmethod
    def open_reader(path: Path, index: Index | None = None) -> "TarReader":
        """Open a tar; its members are found by the index, or by a scan."""
        return TarReader(path, index)


class TarWriter:
    """Writes one tar shard."""

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._suffixes = spec.suffixes
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (finish and __exit__ close it)
        self._offsets: dict[str, list[int]] = {field: [] for field in spec.suffixes}
        self._bytes: dict[str, list[int]] = {field: [] for field in spec.suffixes}

    def write(self, sample: Sample, files: dict[str, bytes]) -> None:
        """Append the files of one sample."""
        for field, suffix in self._suffixes.items():
            member = tarfile.TarInfo(f"{sample.key}.{suffix}")
            member.size = len(files[field])
            member.mode = 0o644
            member.mtime = 0  # an integer: a float would cost a PAX header a member
            self._offsets[field].append(self._tar.offset + _BLOCK)
            self._bytes[field].append(member.size)
            self._tar.addfile(member, io.BytesIO(files[field]))

    def finish(self) -> Index:
        """Close the tar; the index holds offset and size of every member's bytes."""
        self._tar.close()
        return {"offset": self._offsets, "bytes": self._bytes}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._tar.fileobj is not None:
            self._tar.fileobj.close()  # without the end mark of a whole tar


class TarReader:
    """Reads one tar shard through a memory map."""

    def __init__(self, path: Path, index: Index | None = None) -> None:
        self._path = path
        try:
            with path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ShardError(f"{path}: cannot be opened ({error})") from error
        if index is not None:
            self.keys = index["keys"]
            self._offsets, self._bytes = index["offset"], index["bytes"]
        else:
            self.keys, self._offsets, self._bytes = _scan(path)
        self.fields = tuple(self._offsets)

    def read(self, place: int, field: str) -> Array | Meta:
        """Return one decoded field."""
        data = self.read_file(place, field)
        where = f"{self._path}: {self.keys[place]}"
        if field != "meta":
            return decode_pixels(field, data, where)
        try:
            meta: Meta = json.loads(data)
        except ValueError as error:
            raise ShardError(f"{where}: its meta is not JSON ({error})") from error
        return meta

    def read_file(self, place: int, field: str) -> bytes:
        """Return the bytes of one member."""
        start, size = self._offsets[field][place], self._bytes[field][place]
        data = self._map[start : start + size]
        if len(data) < size:
            raise ShardError(f"{self._path}: {self.keys[place]}: the file ends before its {field}; truncated?")
        return data

    def close(self) -> None:
        """Release the memory map."""
        self._map.close()


def _scan(path: Path) -> tuple[list[str], dict[str, list[int]], dict[str, list[int]]]:
    """Find keys and members of a tar that has no record."""
    names = {"mask.png": "mask", "depth.png": "depth", "json": "meta", "jpg": "image", "png": "image"}
    keys: list[str] = []
    offsets: dict[str, list[int]] = {}
    sizes: dict[str, list[int]] = {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                if not member.isfile() or suffix not in names:
                    continue
                if not keys or keys[-1] != key:
                    keys.append(key)
                offsets.setdefault(names[suffix], []).append(member.offset_data)
                sizes.setdefault(names[suffix], []).append(member.size)
    except (tarfile.TarError, EOFError) as error:
        raise ShardError(f"{path}: is no whole tar file ({error})") from error
    for field, found in offsets.items():
        if len(found) != len(keys):
            raise ShardError(f"{path}: {len(keys)} keys but {len(found)} {field} members; every sample needs all")
    if not keys:
        raise ShardError(f"{path}: holds no samples")
    return keys, offsets, sizes

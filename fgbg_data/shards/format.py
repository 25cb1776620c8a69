"""What a shard format promises: it writes shards, reads them, and answers what the rest of the package asks of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from fgbg_data.runtime.locations import Location
from fgbg_data.sample import Array, Sample
from fgbg_data.shards.meta import meta_depth_bits
from fgbg_data.shards.spec import Index, Shapes, ShardSpec

Options = Mapping[str, str]
"""Option of a format -> its value, such as {"hdf5_layout": "encoded"}; an option that is missing has its default."""


class ShardWriter(ABC):
    """Writes one shard, sample after sample, as a context manager.

    The caller gives the path of a temporary file, renames it when the shard is finished, and removes it after an error.
    """

    @abstractmethod
    def write(self, sample: Sample, files: Mapping[str, bytes]) -> None:
        """Append one sample.

        Args:
            sample: the sample, with the arrays of all its fields.
            files: field -> encoded bytes; empty if no format of the dataset holds files (see `Format.holds_files`).
        """

    @abstractmethod
    def finish(self) -> Index:
        """Close the file and return its index, which the record keeps; {} if the file itself says where samples are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open, also after an error. A writer that keeps nothing open need not have this method."""
        return


class ShardIndex(Protocol):
    """Where the samples of one shard are: small and picklable, and kept while readers come and go."""

    @property
    def keys(self) -> Array:
        """(N,) keys as UTF-8 bytes, in the order of writing."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that every sample has."""
        ...

    def stored_bytes(self) -> dict[str, int]:
        """Return field -> bytes over all samples. A field whose size is not known without reading it is left out."""
        ...


class ShardReader(ABC):
    """Reads any sample of one shard. It is safe in threads and after a fork, and closes its files when it is dropped.

    Args:
        location: the file of the shard.
        found: the index of the shard.
        shapes: pixel field -> shape that the dataset declares; a picture of another shape is refused.
    """

    def __init__(self, location: Location, found: ShardIndex, shapes: Shapes | None = None) -> None:
        self.location, self.shapes = location, shapes or {}
        self._found = found
        self._name = str(location)  # it is slow to make text of a path, and every sample may need it

    @abstractmethod
    def read(self, index: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field of one sample. The caller may change the array.

        Args:
            index: number of the sample in the shard, from 0.
            field: one of the fields of the index.
            size: (height, width) to which the field is resized; None is the stored size. Depth codes and meta are
                never resized.

        Returns:
            An array as FIELDS declares it; for meta the JSON object.

        Raises:
            ShardError: the field cannot be decoded, or belongs to another sample; the text names shard and key.
        """

    def read_file(self, index: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None if the shard holds pixels."""
        return None

    def picture_size(self, index: int, field: str) -> tuple[int, int]:
        """Return the stored (height, width) of a pixel field, if possible without decoding it."""
        height, width = self.read(index, field).shape[:2]
        return height, width

    def depth_bits(self, index: int) -> int | None:
        """Return the number of bits of the depth codes of a sample; None if the shard does not state it."""
        if "meta" not in self._found.fields:
            return None
        return meta_depth_bits(self.read(index, "meta"), self.where(index))

    def key(self, index: int) -> str:
        """Return the key of a sample."""
        return str(self._found.keys[index], "utf-8")

    def where(self, index: int) -> str:
        """Return the shard and the key of a sample, for texts of errors."""
        return f"{self._name}: {self.key(index)}"


class Format(ABC):
    """A shard format: one subclass in a module of its own, and one row in the registry.

    An object of it holds no state. Three methods must be written; the others have defaults that fit a format of one
    file per shard, which holds encoded files, and whose file says where its samples are. The test
    `tests/data/test_third_party.py` has a format that works, and `fgbg_data.testing.ShardContract` tests one.

    `register_format("zip", ZipFormat)` makes it known to the running program, and so does an entry point of an
    installed package in the group `fgbg_data.formats`.
    """

    suffix: ClassVar[str]
    """The suffix of its files, such as `.tar`. No other format has it."""
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Its own options of a build -> the values that each may have, the default first."""
    is_buildable: ClassVar[bool] = True
    """Whether `fgbg-data build` may write it. `fgbg-data convert` may write every format."""
    is_one_file: ClassVar[bool] = True
    """Whether the file of a shard holds all of it, so that its size is the size of the shard."""
    root_files: ClassVar[tuple[str, ...]] = ()
    """Names of the files that `finish_dataset` writes into the folder of the dataset."""
    split_files: ClassVar[tuple[str, ...]] = ()
    """Names of the files that `finish_dataset` writes into the folder of each split."""

    # --- writing ------------------------------------------------------------------------------------------

    @abstractmethod
    def open_writer(self, path: Path, spec: ShardSpec) -> ShardWriter:
        """Open a new file for writing."""

    def holds_files(self, options: Options) -> bool:
        """Tell whether its shards hold encoded files of the fields, rather than pixels."""
        return True

    def sample_bytes(self, spec: ShardSpec, sample: Sample, files: Mapping[str, bytes]) -> int:
        """Return about how many bytes one sample takes in a shard.

        Args:
            spec: what the samples have in common.
            sample: the sample.
            files: field -> encoded bytes, of every field.
        """
        if self.holds_files(spec.options):
            return sum(len(data) for data in files.values())
        return pixel_bytes(sample) + len(files["meta"])

    def finish_dataset(self, out: Location, shards: Iterable[tuple[str, str]]) -> None:
        """Write what the format needs once in a dataset, after all shards are finished; by default nothing.

        Args:
            out: folder of the dataset.
            shards: split and file name of every shard, in order.
        """
        return

    # --- reading ------------------------------------------------------------------------------------------

    @abstractmethod
    def read_index(self, location: Location, keys: Sequence[str] | None = None, index: Index | None = None) -> Any:
        """Return the index of a shard, a `ShardIndex`.

        Args:
            location: the file of the shard.
            keys: the keys that the record of the shard lists, or None without a record.
            index: what `ShardWriter.finish` returned, or None without a record. Without it the file is scanned.

        Raises:
            ShardError: the file is damaged or not a shard.
            ValueError: the index of the record does not fit this format; the caller then has the file scanned.
        """

    def read_damaged_index(self, location: Location, keys: Sequence[str], index: Index) -> Any:
        """Return the index of a shard whose bytes are known to be wrong, so that `verify` can name its bad samples.

        By default it is None, and the file is not opened: a library that parses damaged bytes may crash or hang.

        Args:
            location: the file of the shard.
            keys: the keys that the record of the shard lists.
            index: what `ShardWriter.finish` returned.

        Raises:
            ShardError: the file is too damaged to find its samples.
        """
        return None

    @abstractmethod
    def open_reader(self, location: Location, found: Any, shapes: Shapes | None = None) -> ShardReader:
        """Open a shard for reading.

        Args:
            location: the file of the shard.
            found: what `read_index` returned for it.
            shapes: pixel field -> shape that the dataset declares; a picture of another shape is refused.

        Raises:
            ShardError: the file is damaged or not a shard.
        """

    def same_index(self, found: Any, index: Index) -> bool:
        """Tell whether the index that a scan found says the same as the one in a record."""
        return index == {}

    def reading_cost(self, options: Options) -> int:
        """Return a number that is larger, the longer a sample takes to read: 10 for HDF5 of pixels, 20 for a tar.

        If a dataset holds several formats, the one with the lowest number is read.
        """
        return 50

    def index_to_arrays(self, found: Any) -> dict[str, Array] | None:
        """Return the index of a scanned shard as arrays, which are kept in the user's cache; None is not kept."""
        return None

    def index_from_arrays(self, arrays: Mapping[str, Array]) -> Any:
        """Return the index that `index_to_arrays` made arrays of; any other arrays raise ValueError or KeyError."""
        raise ValueError(f"indexes of *{self.suffix} are not kept")

    # --- files beside the shards --------------------------------------------------------------------------

    def files_of(self, location: Location) -> list[str]:
        """Return the files that belong to a shard beside its own file; none if that cannot be read.

        Args:
            location: the shard's own file.

        Returns:
            Their names relative to its folder, with `/`.
        """
        return []

    def folders(self, fields: Iterable[str]) -> list[str]:
        """Return the names of the folders that it makes in the folder of a split, for a dataset of these fields."""
        return []

    # --- for people ---------------------------------------------------------------------------------------

    def data_files(self, split: str, fields: Iterable[str]) -> list[str]:
        """Return patterns of the files of a split, as the card names them for Hugging Face `datasets`."""
        return [f"{split}/*{self.suffix}"]

    def sample_file(self, field: str, suffix: str) -> str:
        """Return what the card calls the file of a field.

        Args:
            field: name of the field.
            suffix: suffix of its encoded file.
        """
        return f"KEY.{suffix}"

    def snippet(self, suffixes: Mapping[str, str]) -> list[str]:
        """Return lines of Python for the card of a dataset, which show how to read it; by default with this package.

        Args:
            suffixes: field -> suffix of its encoded file, of the fields of the dataset.
        """
        return ["import fgbg_data", 'sample = fgbg_data.open_dataset(".")[0]']

    def advice(self, options: Options) -> str:
        """Return a sentence for the dry run of a build about these options, or ""."""
        return ""


def pixel_bytes(sample: Sample) -> int:
    """Return the size of the arrays of a sample."""
    return sum(array.nbytes for array in sample.arrays.values())

"""HDF5 shards: datasets of equal length that h5py alone reads, contiguous, so that they can be memory-mapped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fgbg_data.runtime.locations import Location
from fgbg_data.shards.format import Format, Options
from fgbg_data.shards.spec import Index, Shapes, ShardSpec

if TYPE_CHECKING:
    from fgbg_data.shards.hdf5_index import Hdf5Index
    from fgbg_data.shards.hdf5_reader import Hdf5Reader
    from fgbg_data.shards.hdf5_writer import Hdf5Writer

LAYOUT = "hdf5_layout"
"""The option: `pixels`, or `encoded` for the files that a tar holds."""


class Hdf5Format(Format):
    """Datasets `key` and `meta` of text, and `image`, `mask`, `depth` ... of pixels, or of files (layout `encoded`)."""

    suffix = ".h5"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {LAYOUT: ("pixels", "encoded")}

    def open_writer(self, path: Path, spec: ShardSpec) -> "Hdf5Writer":
        """Open a new file."""
        from fgbg_data.shards.hdf5_writer import Hdf5Writer

        return Hdf5Writer(path, spec, encoded=self.holds_files(spec.options))

    def holds_files(self, options: Options) -> bool:
        """Only the layout `encoded` holds files."""
        return options.get(LAYOUT) == "encoded"

    def read_index(
        self, location: Location, keys: Sequence[str] | None = None, index: Index | None = None
    ) -> "Hdf5Index":
        """Take the index from the record, or read it from the file itself, which needs no scan."""
        from fgbg_data.shards.hdf5_index import index_of_file, index_of_record

        recorded = None if keys is None or index is None else index_of_record(keys, index)
        return recorded or index_of_file(location)

    def read_damaged_index(self, location: Location, keys: Sequence[str], index: Index) -> "Hdf5Index | None":
        """Take the index from the record, if everything can then be read without h5py."""
        from fgbg_data.shards.hdf5_index import index_of_record

        try:
            return index_of_record(keys, index)
        except ValueError:
            return None

    def open_reader(self, location: Location, found: "Hdf5Index", shapes: Shapes | None = None) -> "Hdf5Reader":
        """Open a file."""
        from fgbg_data.shards.hdf5_reader import Hdf5Reader

        return Hdf5Reader(location, found, shapes)

    def same_index(self, found: "Hdf5Index", index: Index) -> bool:
        """Compare what the record holds: in format version 2 the offsets of pixels, in version 3 all that is needed."""
        if "shape" in index:
            return index == found.of_record()
        return index == {"offset": {name: start for name, start in found.offset.items() if name in found.shapes}}

    def reading_cost(self, options: Options) -> int:
        """Pixels are read as they are; encoded files are found by h5py more slowly than in a tar."""
        return 30 if self.holds_files(options) else 10

    def sample_file(self, field: str, suffix: str) -> str:
        """Return the dataset of HDF5 that holds a field."""
        return f"{field}[INDEX]"

    def snippet(self, suffixes: Mapping[str, str]) -> list[str]:
        """Show how h5py reads it."""
        return [
            "import h5py",
            'with h5py.File("train/fgbg-train-000000.h5") as shard:',
            '    image, mask = shard["image"][0], shard["mask"][0]',
        ]

    def advice(self, options: Options) -> str:
        """Name the smaller layout."""
        if self.holds_files(options):
            return ""
        return "HDF5 holds decoded pixels, fast to read; --hdf5-layout encoded would be smaller"

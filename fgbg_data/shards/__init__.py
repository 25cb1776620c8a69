"""Shard formats. A format is one row here and one module beside this file."""

from fgbg_data.shards.base import Format, ShardReader, ShardSpec, ShardWriter, load_format

__all__ = ["BUILT", "FORMATS", "Format", "ShardReader", "ShardSpec", "ShardWriter", "load_format"]

FORMATS: dict[str, str] = {
    "tar": "fgbg_data.shards.tar:TarFormat",
    "hdf5": "fgbg_data.shards.hdf5:Hdf5Format",
    "folder": "fgbg_data.shards.folder:FolderFormat",
}
"""Name -> where the format is. Loaded only when it is used."""

BUILT = ("tar", "hdf5")
"""Formats that a build writes; loose files are made of them by convert."""

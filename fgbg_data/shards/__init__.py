"""Shard formats. A format is one row here and one module beside this file."""

from fgbg_data.shards.base import Format, ShardReader, ShardSpec, ShardWriter, load_format

__all__ = ["FORMATS", "Format", "ShardReader", "ShardSpec", "ShardWriter", "load_format"]

FORMATS: dict[str, str] = {
    "tar": "fgbg_data.shards.tar:TarFormat",
    "hdf5": "fgbg_data.shards.hdf5:Hdf5Format",
}
"""Name -> where the format is. Loaded only when it is used."""

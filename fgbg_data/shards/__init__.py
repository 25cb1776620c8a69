"""Shard formats: how the samples of one shard become one file, or some, and are read again.

In: samples, or the location of a shard. Out: the files of a shard and its index, or decoded fields of any sample.
"""

from fgbg_data.shards.format import Format, ShardIndex, ShardReader, ShardWriter
from fgbg_data.shards.registry import FORMATS, load_format, register_format
from fgbg_data.shards.spec import Index, Shapes, ShardSpec

__all__ = [
    "FORMATS",
    "Format",
    "Index",
    "Shapes",
    "ShardIndex",
    "ShardReader",
    "ShardSpec",
    "ShardWriter",
    "load_format",
    "register_format",
]

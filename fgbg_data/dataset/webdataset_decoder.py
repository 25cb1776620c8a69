"""A decoder for stock webdataset that keeps what the tars hold: 16-bit depth, binary masks.

    import fgbg_data, webdataset
    dataset = webdataset.WebDataset("train/fgbg-train-000000.tar", shardshuffle=False).decode(fgbg_data.decode)

webdataset's own decoders turn 16-bit PNGs into 8 bits: of 4096 levels of depth, 17 remain.
"""

from typing import Any

from fgbg_data.codecs.fields import decode_field
from fgbg_data.shards.base import parse_meta
from fgbg_data.shards.tar import FIELD_OF


def decode(name: str, data: bytes) -> Any:
    """Decode one file of a sample, as `WebDataset.decode` hands it over.

    Args:
        name: its suffix, with or without a dot before it, such as `.mask.png`.
        data: the file.

    Returns:
        image: (H, W, 3) uint8 RGB; mask: (H, W) uint8, 0 or 255; depths: (h, w) uint16 codes, which
        `fgbg_data.dequantise_depth(codes, meta["depth_bits"])` maps to [0, 1]; meta: a dictionary; and None for
        any other file, which leaves it to webdataset.

    Raises:
        ShardError: it is one of ours and damaged.
    """
    field = FIELD_OF.get(name.removeprefix("."))
    if field is None:
        return None
    if field == "meta":
        return parse_meta(data, name)
    return decode_field(field, data, name)

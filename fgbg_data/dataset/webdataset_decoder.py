"""`webdataset_decoder`: decodes our tars in stock webdataset without loss, with 16-bit depth and binary masks.

webdataset's own decoders turn 16-bit PNGs into 8 bits: of 4096 levels of depth, 17 remain.
"""

from typing import Any

from fgbg_data.fields import FIELDS, field_of_suffix
from fgbg_data.shards.meta import parse_meta


def webdataset_decoder(name: str, data: bytes) -> Any:
    """Decode one file of a sample; give this function to `WebDataset.decode`.

        tars = sorted(glob.glob("shards/train/*.tar"))
        dataset = webdataset.WebDataset(tars, shardshuffle=False).decode(fgbg_data.webdataset_decoder)

    Args:
        name: suffix of the file, such as `.mask.png`, with or without the first dot.
        data: content of the file.

    Returns:
        For an image, (H, W, 3) uint8 RGB; for a mask, (H, W) uint8, 0 or 255; for depth, (h, w) uint16 codes, which
        `dequantise_depth(codes, meta["depth_bits"])` maps to [0, 1]; for meta, a dictionary; for any other file,
        None, which leaves it to webdataset.

    Raises:
        ShardError: the file is damaged.
    """
    field = field_of_suffix(name.removeprefix("."))
    if field is None:
        return None
    if field == "meta":
        return parse_meta(data, name)
    return FIELDS[field].decode(data, name)

"""What can be wrong with the pixels of a mask or of depth, beside the meta of its sample."""

import math
from collections.abc import Iterator

import numpy as np

from fgbg_data.fields.boxes import tight_box
from fgbg_data.sample import Array, Meta


def mask_problems(name: str, mask: Array, meta: Meta) -> Iterator[str]:
    """Check that a mask is binary and has the area and the box of its meta.

    Only a picture without objects may have an empty mask.
    """
    area = int(np.count_nonzero(mask))
    if int(np.count_nonzero(mask == 255)) != area:
        yield f"its mask is not binary: it holds {', '.join(str(value) for value in np.unique(mask)[:5])}"
    if area != meta["mask_area_px"]:
        yield f"its mask covers {area} px, but its meta says {meta['mask_area_px']}"
    if not area:
        if meta.get("objects") != []:
            yield "its mask is empty"
        return
    if "bbox_xywh" in meta and meta["bbox_xywh"] != (tight := tight_box(mask)):
        yield f"its meta has the bbox_xywh {meta['bbox_xywh']}, but its mask has {tight}"
    if len(meta["box"]) != 4 or not all(isinstance(side, int) for side in meta["box"]):
        yield f"its meta has the box {meta['box']}, expected [top, left, height, width]"
        return
    if "objects" in meta:
        return  # each object has a box of its own, which the check of meta compares
    top, left, height, width = meta["box"]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = top <= rows[0] and rows[-1] < top + height and left <= columns[0] and columns[-1] < left + width
    if not inside:
        yield (
            f"its mask covers rows {rows[0]} to {rows[-1]} and columns {columns[0]} to {columns[-1]}, which is outside "
            f"of the box {meta['box']} of its meta"
        )


def depth_problems(name: str, codes: Array, meta: Meta) -> Iterator[str]:
    """Check that depth codes have the bits and the range that their meta says."""
    bits, low, high = meta["depth_bits"], meta[f"{name}_min"], meta[f"{name}_max"]
    if not 1 <= bits <= 16 or not (math.isfinite(low) and math.isfinite(high) and low <= high):
        yield f"its meta gives the {name} {bits} bits from {low} to {high}"
        return
    if np.any(codes & np.uint16((1 << (16 - bits)) - 1)):
        yield f"its {name} holds codes that do not fit into {bits} bits"
        return
    levels = codes >> np.uint16(16 - bits)
    span = (0, 2**bits - 1 if high > low else 0)
    if (int(levels.min()), int(levels.max())) != span:
        yield f"its {name} spans levels {levels.min()} to {levels.max()}, expected {span[0]} to {span[1]}"

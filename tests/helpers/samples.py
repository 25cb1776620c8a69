"""Samples and placements that are made without a build."""

from typing import Any

import numpy as np

from fgbg_data.codecs.encode import decode_pixels, encode_image
from fgbg_data.compositing.plan import Placement
from fgbg_data.sample import Array, Sample


def make_sample(
    key: str,
    image: Array,
    mask: Array,
    depth: Array | None,
    meta: dict[str, Any],
    suffix: str,
    depth_composed: Array | None = None,
) -> Sample:
    data = encode_image(image, suffix, 95)
    return Sample(
        key=key,
        image=decode_pixels("image", data, key),
        mask=mask,
        depth=depth,
        depth_composed=depth_composed,
        meta=meta | {"key": key},
        image_file=data,
    )


def some_samples(count: int = 5, *, depth: bool = True, height: int = 20, width: int = 24) -> list[Sample]:
    rng = np.random.default_rng(3)
    samples = []
    for number in range(count):
        mask = np.zeros((height, width), np.uint8)
        mask[4 : 8 + number, 5:20] = 255
        codes = rng.integers(0, 4096, (height, width)).astype(np.uint16) << np.uint16(4)
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        meta = {"depth_bits": 12} if depth else {}
        both = (codes, codes[::-1].copy()) if depth else (None, None)
        samples.append(make_sample(f"key-{number}", image, mask, both[0], meta, "jpg", both[1]))
    return samples


def placement_at(top: int, left: int, height: int, width: int, *, mirrored: bool = False) -> Placement:
    """A placement of which only the box matters."""
    return Placement(
        key="k",
        background="b",
        foreground="f",
        position=0,
        mirrored=mirrored,
        top=top,
        left=left,
        height=height,
        width=width,
    )

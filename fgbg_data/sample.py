"""`Sample`, the FIELDS table, and how each field becomes bytes and pixels again.

A new field is one row of FIELDS: every writer, every reader, verify and preview go by it.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Meta = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One part of a sample: what its array is, and the suffix of its file in a tar."""

    name: str
    suffix: str
    """Follows `KEY.`; `{image}` stands for the image format of the dataset, jpg or png."""
    dtype: str
    channels: int
    """3 for (H, W, 3), 0 for (H, W); meta has no array."""
    optional: bool = False
    depth: bool = False
    """Codes of relative inverse depth; meta holds their range, `NAME_min` and `NAME_max`."""


FIELDS: dict[str, Field] = {
    "image": Field(name="image", suffix="{image}", dtype="uint8", channels=3),
    "mask": Field(name="mask", suffix="mask.png", dtype="uint8", channels=0),
    "depth": Field(name="depth", suffix="depth.png", dtype="uint16", channels=0, optional=True, depth=True),
    "depth_composed": Field(
        name="depth_composed", suffix="depth_composed.png", dtype="uint16", channels=0, optional=True, depth=True
    ),
    "meta": Field(name="meta", suffix="json", dtype="object", channels=0),
}
PIXEL_FIELDS = tuple(name for name in FIELDS if name != "meta")
DEPTH_FIELDS = tuple(name for name, field in FIELDS.items() if field.depth)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One finished sample, as every shard format stores it.

    Attributes:
        key: unique in the dataset, `[a-z0-9_-]+`.
        image: (H, W, 3) uint8 RGB, exactly what a reader decodes.
        mask: (H, W) uint8, 255 where the foreground covers at least half of the pixel, else 0.
        meta: what `design.md` lists: enough to render the sample again.
        image_file: the encoded image that `image` was decoded from.
        depth: (h, w) uint16 codes of relative inverse depth, larger = nearer; None without depth.
        depth_composed: likewise, composed of the depth of the sources, beside a `depth` that an estimator inferred.
    """

    key: str
    image: Array
    mask: Array
    meta: Meta
    image_file: bytes
    depth: Array | None = None
    depth_composed: Array | None = None

    def array(self, field: str) -> Array | None:
        """Return the pixels of `field`."""
        value: Array | None = getattr(self, field)
        return value


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, UTF-8 kept.

    >>> canonical_json({"b": 1, "a": [1.5, "é"]})
    '{"a":[1.5,"é"],"b":1}'
    """
    return _CANONICAL.encode(value)


def sample_digest(sample: Sample) -> str:
    """Return 32 hex digits of BLAKE2b over key, meta and pixels, a mask's as bits; equal for tar and hdf5 twins."""
    digest = hashlib.blake2b(f"{sample.key}\n{canonical_json(sample.meta)}".encode(), digest_size=16)
    for name in PIXEL_FIELDS:
        array = sample.array(name)
        if array is not None:
            digest.update(f"\n{name} {FIELDS[name].dtype} {array.shape}\n".encode())
            digest.update((np.packbits(array) if name == "mask" else np.ascontiguousarray(array)).data)
    return digest.hexdigest()


def suffixes(image_format: str, fields: Collection[str]) -> dict[str, str]:
    """Return field name -> file suffix, in the order in which a tar holds them.

    Args:
        image_format: jpg or png.
        fields: the optional fields that there are; others may be among them.

    >>> suffixes("jpg", ["depth"])
    {'image': 'jpg', 'mask': 'mask.png', 'depth': 'depth.png', 'meta': 'json'}
    """
    return {
        name: field.suffix.format(image=image_format)
        for name, field in FIELDS.items()
        if name in fields or not field.optional
    }


# --- bytes <-> pixels -------------------------------------------------------------------------------------
# cv2 is imported where it is used: `import fgbg_data` and `--help` must not pay for it.

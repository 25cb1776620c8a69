"""`Sample`, the FIELDS table, and how each field becomes bytes and pixels again.

A new field is one row of FIELDS: every writer, every reader, verify and preview go by it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgbg_data import jpeg, png
from fgbg_data.errors import ShardError

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
DEPTH_LEVEL = 3
"""Of zlib-ng. It and the options of other PNGs were chosen by size and by both speeds, in `benchmarks/png.py`."""


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


def max_key_bytes(suffixes: Iterable[str]) -> int:
    """Return how long a key may be: with its suffixes it stays under 100 bytes, which is what ustar holds.

    >>> max_key_bytes(["jpg", "mask.png"])
    90
    """
    return 98 - max(len(suffix) for suffix in suffixes)


# --- bytes <-> pixels -------------------------------------------------------------------------------------
# cv2 is imported where it is used: `import fgbg_data` and `--help` must not pay for it.


def encode_image(image: Array, image_format: str, quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG (4:2:0, said explicitly: libraries differ in it) or PNG."""
    import cv2

    if image_format == "jpg":
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]
        return _imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return _imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _png_options())


def encode_mask(mask: Array) -> bytes:
    """Encode (H, W) uint8 as PNG."""
    return png.encode_runs(mask)


def encode_depth(codes: Array) -> bytes:
    """Encode (h, w) uint16 codes as 16-bit PNG."""
    return png.encode_grey(codes, DEPTH_LEVEL)


def decode_pixels(field: str, data: Any, where: str, divisor: int = 1) -> Array:
    """Decode the file of one pixel field into the array that FIELDS declares.

    Args:
        field: one of PIXEL_FIELDS.
        data: the encoded file, as bytes or a view of them.
        where: shard and key, for the error text.
        divisor: of the size of a JPEG: 1, 2, 4 or 8. libjpeg then does so much less work.

    Raises:
        ShardError: the bytes do not decode, or to another type or number of channels.
    """
    if field == "image" and jpeg.is_plain(data):
        try:
            return jpeg.decode_rgb(data, divisor)
        except ValueError as error:
            raise ShardError(f"{where}: the image cannot be decoded ({error})") from error
    import cv2

    spec = FIELDS[field]
    flag = cv2.IMREAD_COLOR_RGB if field == "image" else cv2.IMREAD_UNCHANGED
    if divisor > 1:
        reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
        flag |= reduced[divisor] & ~cv2.IMREAD_COLOR_BGR  # the two orders of colour exclude each other
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise ShardError(f"{where}: the {field} cannot be decoded ({error.err})") from error
    if array is None:
        raise ShardError(f"{where}: the {field} cannot be decoded ({len(data)} bytes, damaged or no picture)")
    if array.dtype != np.dtype(spec.dtype) or array.ndim != (3 if spec.channels else 2):
        raise ShardError(
            f"{where}: the {field} decodes to {array.dtype} of shape {array.shape}, expected {spec.dtype} "
            f"with {spec.channels or 'no'} channels"
        )
    return array


def quantise_depth(depth: Array, bits: int) -> tuple[Array, float, float]:
    """Map an estimator's output to codes by the sample's own range.

    Source: `code = round(v * (2**b - 1)) << (16 - b)` with `v = (depth - min) / (max - min)`; the code sits
    in the high bits, so that a 16-bit viewer shows it right whatever `bits` is.

    Args:
        depth: (h, w) float32, relative inverse depth, larger = nearer, finite.
        bits: 1 to 16.

    Returns:
        (h, w) uint16 codes, and the minimum and maximum of `depth`. A constant map gives codes of 0.
    """
    low, high = float(depth.min()), float(depth.max())
    if high <= low:
        return np.zeros(depth.shape, np.uint16), low, high
    value = (depth.astype(np.float64) - low) / (high - low)
    codes = np.rint(value * (2**bits - 1)).astype(np.uint16)
    return codes << np.uint16(16 - bits), low, high


def dequantise_depth(codes: Array, bits: int) -> Array:
    """Map codes back to v: (h, w) uint16 -> (h, w) float32 in [0, 1]."""
    return (codes >> np.uint16(16 - bits)).astype(np.float32) / np.float32(2**bits - 1)


def _imencode(suffix: str, array: Array, options: list[int]) -> bytes:
    import cv2

    done, data = cv2.imencode(suffix, array, options)
    if not done:  # cv2 reports a full memory this way
        raise MemoryError(f"cv2 could not encode a {array.shape} {array.dtype} array as {suffix}")
    return data.tobytes()


def _png_options() -> list[int]:
    """Return level, strategy and filter of images; how they were chosen stands at `DEPTH_LEVEL`."""
    import cv2

    return [
        cv2.IMWRITE_PNG_COMPRESSION,
        3,
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_SUB,
    ]

"""The files of fields: pixels to bytes, and back."""

from typing import Any

import numpy as np

from fgbg_data.codecs import jpeg, png
from fgbg_data.errors import ShardError
from fgbg_data.sample import DEPTH_FIELDS, FIELDS, Array, Sample, canonical_json

DEPTH_LEVEL = 3
"""Of zlib-ng. It and the options of other PNGs were chosen by size and by both speeds, in `benchmarks/png.py`."""


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


def encode_files(sample: Sample) -> dict[str, bytes]:
    """Return the encoded bytes of every field."""
    files = {"image": sample.image_file, "mask": encode_mask(sample.mask)}
    for name in DEPTH_FIELDS:
        codes = sample.array(name)
        if codes is not None:
            files[name] = encode_depth(codes)
    files["meta"] = canonical_json(sample.meta).encode()
    return files


def codec(data: bytes) -> str:
    """Return the image format of a file that a reader has checked: jpg or png."""
    return "jpg" if data[:2] == b"\xff\xd8" else "png"

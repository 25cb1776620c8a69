"""Stored pixels -> pixels of the size asked for: header checks before decoding, scaled decoding, resizing."""

import struct
from typing import Any

import numpy as np

from fgbg_data.codecs import png
from fgbg_data.codecs.encode import decode_pixels
from fgbg_data.errors import ShardError
from fgbg_data.sample import FIELDS, Array

MAX_SIDE_PX = 8192
"""Where no size is declared, a larger picture is taken for a decompression bomb."""

_PNG_CHANNELS = {png.GREY: 0, png.RGB: 3}
"""PNG colour type -> channels as in FIELDS; palettes and alpha are no field of ours."""


def decode_field(
    field: str, data: Any, where: str, shape: tuple[int, ...] | None = None, size: tuple[int, int] | None = None
) -> Array:
    """Decode the file of one pixel field, checked before and after.

    Args:
        field: one of PIXEL_FIELDS.
        data: the encoded file, as bytes or a view of them.
        where: shard and key, for the error text.
        shape: of the array, as the dataset declares it; None where nothing does.
        size: (height, width) wanted of image or mask, None for as stored. A JPEG is decoded at 1/2, 1/4 or 1/8
            where that is still no smaller. Depth codes are never resized.

    Raises:
        ShardError: the file is damaged, or not what the dataset declares.
    """
    found, parts = _look(field, data, where)
    if shape is not None and found != tuple(shape[:2]):
        raise ShardError(f"{where}: the {field} is {_by(found)} px, the dataset declares {_by(shape)}; refused")
    if max(found) > MAX_SIDE_PX:
        raise ShardError(f"{where}: the {field} is {_by(found)} px, more than {MAX_SIDE_PX} a side; refused as a bomb")
    if field == "image" and parts is None and size is not None:
        array = decode_pixels(field, data, where, _divisor(found, size))
    else:
        array = _decode_whole(field, data, where, parts)
    if FIELDS[field].depth or size is None:
        return array
    return resize_field(field, array, size, halved=array.shape[:2] != found)


def _decode_whole(field: str, data: Any, where: str, parts: png.Png | None) -> Array:
    """Decode all pixels: grey PNGs the fast way, if they are as the package writes them."""
    if parts is not None and parts.bits == 8 * np.dtype(FIELDS[field].dtype).itemsize:
        array = png.decode_grey(parts)
        if array is not None:
            return array
    return decode_pixels(field, data, where)


def resize_field(field: str, array: Array, size: tuple[int, int], *, halved: bool = False) -> Array:
    """Resize pixels to (height, width): by area where they shrink, linearly where they grow.

    A mask is averaged too and then cut at one half, so that 255 keeps its meaning at any size: the foreground
    covers at least half of the pixel. Nearest neighbours would drop what is thinner than a pixel and shift edges.
    An image is first halved as often as that goes, which is what the scaled decoding of a JPEG does, and the rest,
    less than a factor of two, is interpolated linearly: three times as fast as areas, and as near to them as the
    halving leaves it.

    Args:
        field: one of PIXEL_FIELDS.
        array: (H, W, 3) uint8, (H, W) uint8, or for depth (H, W) float32.
        size: (height, width).
        halved: this is an image that was decoded at a smaller scale.
    """
    if array.shape[:2] == size:
        return array
    if field == "mask":
        return (mask_coverage(array, size) >= 128) * np.uint8(255)
    import cv2

    if field == "image" and not halved:
        for divisor in (8, 4, 2):
            height, width = array.shape[0] // divisor, array.shape[1] // divisor
            if height >= size[0] and width >= size[1] and array.shape[:2] == (height * divisor, width * divisor):
                array, halved = cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA), True
                break
    if halved and array.shape[0] < 2 * size[0] and array.shape[1] < 2 * size[1]:
        return cv2.resize(array, size[::-1], interpolation=cv2.INTER_LINEAR)
    return _averaged(array, size)


def mask_coverage(mask: Array, size: tuple[int, int]) -> Array:
    """Resize a mask, (H, W) uint8 of 0 and 255, to the share that it covers of each pixel: (h, w) uint8, 255 is all."""
    return mask if mask.shape == size else _averaged(mask, size)


def _averaged(array: Array, size: tuple[int, int]) -> Array:
    """Resize by area where pixels shrink, linearly where they grow."""
    import cv2

    shrinks = size[0] <= array.shape[0] and size[1] <= array.shape[1]
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _divisor(found: tuple[int, int], size: tuple[int, int]) -> int:
    """Return by how much a JPEG can be decoded smaller, and be no smaller than `size`."""
    fits = (d for d in (8, 4, 2) if -(-found[0] // d) >= size[0] and -(-found[1] // d) >= size[1])
    return next(fits, 1)


def header_size(field: str, data: Any, where: str) -> tuple[int, int]:
    """Return (height, width) by the file's header, before anything is decoded; checks a PNG's type and CRCs."""
    return _look(field, data, where)[0]


def _look(field: str, data: Any, where: str) -> tuple[tuple[int, int], png.Png | None]:
    """Return (height, width) by the file's header, and its parts if it is a PNG."""
    start = bytes(data[:8])
    if start == png.SIGNATURE:
        found = png.parse(data)
        if found is None:
            raise ShardError(f"{where}: the {field} is a damaged PNG ({len(data)} bytes)")
        spec = FIELDS[field]
        if found.bits > 8 * np.dtype(spec.dtype).itemsize or _PNG_CHANNELS.get(found.colour) != spec.channels:
            raise ShardError(
                f"{where}: the {field} is a PNG of {found.bits} bits and colour type {found.colour}, expected "
                f"{spec.dtype} with {spec.channels or 'no'} channels"
            )
        return (found.height, found.width), found
    if field == "image" and start[:2] == b"\xff\xd8":
        size = _jpeg_size(data)
        if size is not None and bytes(data).rfind(b"\xff\xd9") > 0:  # cut short, it would decode to grey below
            return size, None
    kinds = "JPEG or PNG" if field == "image" else "PNG"
    raise ShardError(f"{where}: the {field} cannot be decoded ({len(data)} bytes, no {kinds} or damaged)")


def _jpeg_size(data: Any) -> tuple[int, int] | None:
    """Return (height, width) by the first frame header (SOFn) of a JPEG, or None."""
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return None
        kind = data[place + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, place + 5)
            return height, width
        place += 2 + int.from_bytes(bytes(data[place + 2 : place + 4]), "big")
    return None


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"

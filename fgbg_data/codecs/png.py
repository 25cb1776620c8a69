"""The grey PNGs of masks and depth, encoded and decoded faster than by libpng.

The package stores their rows either unchanged or as differences from the row above. This module encodes and decodes
these two kinds with a fast zlib. OpenCV decodes all other PNGs.

Source: W3C, "Portable Network Graphics (PNG) Specification", chunks (5) and filters (9).
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from zlib_ng import zlib_ng

from fgbg_data.sample import Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
"""Colour types."""
_UNCHANGED, _FROM_ABOVE = 0, 2
"""Filters of a row."""


@dataclass(frozen=True)
class Png:
    """A PNG whose chunks are undamaged."""

    height: int
    """Height in pixels."""
    width: int
    """Width in pixels."""
    bits: int
    """Bits of a channel."""
    colour: int
    """Colour type."""
    plain: bool
    """Whether it is not interlaced and has only the chunks IHDR, IDAT and IEND."""
    pixels: bytes
    """Its compressed pixels."""


def encode_grey(pixels: Array, level: int) -> bytes:
    """Encode (H, W) uint8 or uint16 as a grey PNG, whose rows are differences from the row above.

    Args:
        pixels: the pixels, at least one row.
        level: level of zlib-ng, 1 to 9.
    """
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8)
    table = _table(rows, _FROM_ABOVE)
    np.subtract(rows[1:], rows[:-1], out=table[1:, 1:])  # the row above the first one is zero
    return _file(pixels, zlib_ng.compress(table, level))


def encode_runs(pixels: Array) -> bytes:
    """Encode (H, W) uint8 as a grey PNG, whose unchanged rows are compressed only by their runs of equal bytes."""
    compressing = zlib_ng.compressobj(1, strategy=zlib_ng.Z_RLE)
    return _file(pixels, compressing.compress(_table(pixels, _UNCHANGED)) + compressing.flush())


def _table(rows: Array, kind: int) -> Array:
    """Return rows of bytes, each after a byte that names its filter."""
    table = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    table[:, 0] = kind
    table[:, 1:] = rows
    return table


def _file(pixels: Array, compressed: bytes) -> bytes:
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, GREY, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", compressed), (b"IEND", b"")
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib_ng.crc32(data, zlib_ng.crc32(kind)))
        for kind, data in chunks
    )


def parse(data: Any) -> Png | None:
    """Read the chunks of a PNG without decompressing the pixels; return None if a chunk is damaged.

    libpng would find the same damage, but prints it to the terminal.
    """
    view, offset, kind, header = memoryview(data), len(SIGNATURE), b"", b""
    parts, plain = [], True
    while kind != b"IEND":
        if offset + 12 > len(view):
            return None
        length, kind = struct.unpack_from(">I4s", view, offset)
        end = offset + 8 + length
        if end + 4 > len(view) or zlib_ng.crc32(view[offset + 4 : end]) != struct.unpack_from(">I", view, end)[0]:
            return None
        if not header:
            if kind != b"IHDR" or length != 13:
                return None
            header = bytes(view[offset + 8 : end])
        elif kind == b"IDAT":
            parts.append(view[offset + 8 : end])
        else:
            plain &= kind == b"IEND"
        offset = end + 4
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    return Png(height, width, bits, colour, plain and not interlaced, b"".join(parts))


def decode_grey(png: Png) -> Array | None:
    """Decode a grey PNG that is like those of the package.

    Returns:
        (H, W) uint8 or uint16; None if the PNG needs another decoder, or if its pixels are damaged.
    """
    if png.colour != GREY or png.bits not in (8, 16) or not png.plain:
        return None
    row_bytes = png.width * png.bits // 8
    size = png.height * (1 + row_bytes)
    inflating = zlib_ng.decompressobj()
    try:
        data = inflating.decompress(png.pixels, size + 1)  # no more, because it may be a decompression bomb
    except zlib_ng.error:  # type: ignore[misc]  # the stub of the library does not declare it as a class
        return None
    if len(data) != size or not inflating.eof:
        return None
    table = np.frombuffer(data, np.uint8).reshape(png.height, 1 + row_bytes)
    filters = table[:, 0].tolist()
    if not {_UNCHANGED, _FROM_ABOVE}.issuperset(filters):
        return None
    rows = table[:, 1:].copy()
    if _FROM_ABOVE in filters:
        for above, row, kind in zip(rows, rows[1:], filters[1:], strict=False):  # the first row has none above it
            if kind == _FROM_ABOVE:
                np.add(row, above, out=row)
    return rows if png.bits == 8 else rows.view(">u2").astype(np.uint16)

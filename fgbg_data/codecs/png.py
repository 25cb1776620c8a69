"""The grey PNGs of masks and depth, encoded and decoded faster than by libpng.

The package writes them with rows as they are or as differences from the row above. Those two are done and undone here,
with a fast zlib; any other PNG is left to OpenCV.

Source: W3C, "Portable Network Graphics (PNG) Specification", chunks (5) and filters (9).
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

Array = NDArray[Any]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
"""Colour types."""
_AS_IT_IS, _FROM_ABOVE = 0, 2
"""Filters of a row."""


@dataclass(frozen=True)
class Png:
    """A PNG whose chunks are whole.

    Attributes:
        height, width: in pixels.
        bits: of a channel.
        colour: its colour type.
        plain: not interlaced, and with no other chunks than those of pixels.
        pixels: its pixels, compressed.
    """

    height: int
    width: int
    bits: int
    colour: int
    plain: bool
    pixels: bytes


def encode_grey(pixels: Array, level: int) -> bytes:
    """Encode (H, W) uint8 or uint16 as a grey PNG, rows as differences from the row above.

    Args:
        pixels: at least one row.
        level: of zlib-ng, 1 to 9.
    """
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8)
    table = _table(rows, _FROM_ABOVE)
    np.subtract(rows[1:], rows[:-1], out=table[1:, 1:])  # above the first row all is zero
    return _file(pixels, zlib_ng.compress(table, level))


def encode_runs(pixels: Array) -> bytes:
    """Encode (H, W) uint8 as a grey PNG, rows as they are, compressed by their runs of equal bytes alone."""
    compressing = zlib_ng.compressobj(1, strategy=zlib_ng.Z_RLE)
    return _file(pixels, compressing.compress(_table(pixels, _AS_IT_IS)) + compressing.flush())


def _table(rows: Array, kind: int) -> Array:
    """Return rows of bytes, each behind the byte that says its filter."""
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
    """Return what the chunks of a PNG say, None where one is damaged; nothing is decompressed.

    libpng would find the same faults, but tells them to the terminal.
    """
    view, place, kind, header = memoryview(data), len(SIGNATURE), b"", b""
    parts, plain = [], True
    while kind != b"IEND":
        if place + 12 > len(view):
            return None
        length, kind = struct.unpack_from(">I4s", view, place)
        end = place + 8 + length
        if end + 4 > len(view) or zlib_ng.crc32(view[place + 4 : end]) != struct.unpack_from(">I", view, end)[0]:
            return None
        if not header:
            if kind != b"IHDR" or length != 13:
                return None
            header = bytes(view[place + 8 : end])
        elif kind == b"IDAT":
            parts.append(view[place + 8 : end])
        else:
            plain &= kind == b"IEND"
        place = end + 4
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    return Png(height, width, bits, colour, plain and not interlaced, b"".join(parts))


def decode_grey(png: Png) -> Array | None:
    """Decode a grey PNG as the package writes it.

    Returns:
        (H, W) uint8 or uint16; None where another decoder is needed, or its pixels are damaged.
    """
    if png.colour != GREY or png.bits not in (8, 16) or not png.plain:
        return None
    row_bytes = png.width * png.bits // 8
    size = png.height * (1 + row_bytes)
    inflating = zlib_ng.decompressobj()
    try:
        data = inflating.decompress(png.pixels, size + 1)  # no more, for it may be a bomb
    except zlib_ng.error:  # type: ignore[misc]  # its stub says that this is no class
        return None
    if len(data) != size or not inflating.eof:
        return None
    table = np.frombuffer(data, np.uint8).reshape(png.height, 1 + row_bytes)
    filters = table[:, 0].tolist()
    if not {_AS_IT_IS, _FROM_ABOVE}.issuperset(filters):
        return None
    rows = table[:, 1:].copy()
    if _FROM_ABOVE in filters:
        for above, row, kind in zip(rows, rows[1:], filters[1:], strict=False):  # the first has none above it
            if kind == _FROM_ABOVE:
                np.add(row, above, out=row)
    return rows if png.bits == 8 else rows.view(">u2").astype(np.uint16)

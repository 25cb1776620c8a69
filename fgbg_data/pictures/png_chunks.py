"""PNG files without their metadata: damaged or oversized metadata must not decide whether a picture can be read."""

import struct
import zlib
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE = 16 * 2**20
"""Bytes of a colour profile that are unpacked; a larger one is ignored."""
MAX_TEXT = 2**20
"""Bytes of text that Pillow unpacks; larger text is left out."""

_WITH_PIXELS = {b"tRNS", b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_XMP = b"XML:com.adobe.xmp\0"


class PlainPng(NamedTuple):
    """A PNG without its metadata."""

    data: bytes
    """The file with its pixels, and with EXIF and XMP as far as these are whole."""
    profile: bytes
    """The colour profile; empty if there is none that can be used."""


def plain_png(data: bytes) -> PlainPng:
    """Return a PNG without its metadata, except EXIF and XMP that are whole; its colour profile is returned beside it.

    An animated picture keeps its first frame. A chunk with pixels that is cut off stays as it is.

    Raises:
        ValueError: a chunk that holds pixels is damaged.

    Source: the PNG specification (third edition), sections 5.3 and 11: length, type, data, CRC-32 of type and data.
    """
    kept, profile, position = [SIGNATURE], b"", len(SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        chunk = data[position:end]
        is_whole = len(chunk) == 12 + length and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind in _WITH_PIXELS or not kind[0] & 32:  # a capital first letter marks a chunk that decoding needs
            if len(chunk) == 12 + length and not is_whole and kind != b"IEND":
                raise ValueError(f"the checksum of its part {kind.decode('latin-1')} is wrong, so it is damaged")
            kept.append(chunk)
        elif is_whole:
            body = chunk[8:-4]
            if kind == b"iCCP":
                profile = profile or _unpacked(body.partition(b"\0")[2][1:], MAX_PROFILE)
            elif kind == b"eXIf" or (kind == b"iTXt" and body.startswith(_XMP) and _is_short(body)):
                kept.append(chunk)
        if kind == b"IEND":
            break
        position = end
    return PlainPng(b"".join(kept), profile)


def _is_short(text: bytes) -> bool:
    """Return whether the XMP in a chunk iTXt is no larger than Pillow allows."""
    flags, rest = text[len(_XMP) : len(_XMP) + 2], text[len(_XMP) + 2 :]
    body = rest.partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
    return bool(_unpacked(body, MAX_TEXT)) if flags[:1] == b"\1" else len(body) <= MAX_TEXT


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Return data unpacked by zlib; empty if it is damaged or larger than the limit."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, limit)
    except zlib.error:
        return b""
    return unpacked if unpacker.eof else b""

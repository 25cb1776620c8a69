"""TIFF files that Pillow decodes wrongly, or refuses for a reason that does not help."""

import contextlib
import io
import itertools
import struct
from typing import Any

from PIL import Image, TiffImagePlugin

_SUBFILE, _BITS, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA = 254, 258, 262, 277, 284, 338
_REDUCED_OR_MASK = 0b101
"""Bits of NewSubfileType that say that a page is a smaller copy of another page, or its mask."""
_KINDS = {0: "grey (0 is white)", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}


def is_inverted(tags: Any) -> bool:
    """Return whether 0 is white (PhotometricInterpretation 0). Pillow inverts up to 8 bits a channel, but not 16."""
    return bool(tags.get(_PHOTOMETRIC) == 0)


def grey_bits(tags: Any) -> int:
    """Return the bits of a grey value; Pillow gives 12 bits as they are, in words of 16."""
    bits = tags.get(_BITS, (16,))
    return int(bits[0]) if bits[0] == 12 else 16


def problem_of(tags: Any) -> str:
    """Return why Pillow would decode a TIFF wrongly; "" if it decodes it right.

    Args:
        tags: the tags of its first picture: number -> value.
    """
    if tags.get(_PLANAR, 1) == 2 and tags.get(_SAMPLES, 1) > 1 and max(tags.get(_BITS, (8,))) > 8:
        return (
            "keeps its colours in separate planes of more than 8 bits, which cannot be read; save it with interleaved "
            "channels (PlanarConfiguration 1), or as PNG"
        )
    return ""


def has_unmarked_channel(picture: Image.Image, tags: Any) -> bool:
    """Return whether a TIFF has one channel more than its colours, and does not say that this is alpha."""
    return tags.get(_SAMPLES, 1) == len(picture.getbands()) + 1 and tuple(tags.get(_EXTRA, ()))[:1] == (0,)


def has_more_pages(data: bytes) -> bool:
    """Return whether a TIFF holds another page after its first; smaller copies and masks of a page are no pages."""
    # EOFError after the last page. What is wrong with later pages does not matter: the pixels of the first are there.
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=["TIFF"]) as file:
        for page in itertools.count(1):
            file.seek(page)
            if not file.tag_v2.get(_SUBFILE, 0) & _REDUCED_OR_MASK:  # type: ignore[attr-defined]
                return True
    return False


def describe(data: bytes) -> str:
    """Describe a TIFF that Pillow does not know; "" if the data are no TIFF, or a damaged one.

    >>> describe(b"GIF89a")
    ''
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return ""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])
        stream = io.BytesIO(data)
        stream.seek(directory.next)
        directory.load(stream)
        if 256 not in directory or _PHOTOMETRIC not in directory:  # cut off
            return ""
        bits = directory.get(_BITS, (1,))
        layout = "separate planes" if directory.get(_PLANAR, 1) == 2 else "interleaved"
        order = "big-endian" if data[:2] == b"MM" else "little-endian"
        number = len(bits)
        kind = _KINDS.get(directory[_PHOTOMETRIC], "an unknown colour space")
        many = f"{number} channels of {max(bits)} bits, {layout}" if number > 1 else f"{max(bits)} bits"
        return f"a TIFF of a kind that cannot be read ({kind}, {many}, {order})"
    except (struct.error, SyntaxError, OSError, ValueError, TypeError, KeyError, IndexError):
        return ""

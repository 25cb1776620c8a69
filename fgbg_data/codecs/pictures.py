"""Encode pictures as JPEG and PNG files, and decode them after a check of their headers."""

import struct
from typing import Any, NamedTuple

import numpy as np

from fgbg_data.codecs import jpeg, png
from fgbg_data.errors import ShardError
from fgbg_data.options import MAX_SIDE_PX
from fgbg_data.sample import Array

MAX_SCANS = 50
"""A JPEG with more scans is refused: each goes over all pixels again, and encoders make up to about 20."""
DEPTH_LEVEL = 3
"""Level of zlib-ng for depth PNGs. It and the options of other PNGs are a compromise between the size of the file and
the times to encode and decode it; `benchmarks/png.py` measures them."""
_PNG_CHANNELS = {png.GREY: 0, png.RGB: 3}
"""Colour type of a PNG -> number of channels, 0 for (H, W); pictures with a palette or alpha are refused."""


class PictureType(NamedTuple):
    """What the pixels of a picture file must be."""

    noun: str
    """What the picture is, for the texts of errors, such as `mask`."""
    dtype: str
    """uint8 or uint16."""
    channels: int
    """3 for (H, W, 3), 0 for (H, W)."""
    may_be_jpeg: bool = False
    """Whether the file may be a JPEG; otherwise only a PNG is accepted."""

    @property
    def bits(self) -> int:
        """Bits of a channel."""
        return 8 * np.dtype(self.dtype).itemsize


class Header(NamedTuple):
    """What the header of a picture file says."""

    size: tuple[int, int]
    """(height, width) in pixels."""
    png: png.Png | None
    """The parts of a PNG; None for a JPEG."""


# --- encoding ---------------------------------------------------------------------------------------------


def encode_image(image: Array, image_format: str, quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG or PNG.

    A JPEG is written with 4:2:0 subsampling. That is set explicitly, because the defaults of libraries differ.

    Args:
        image: the pixels.
        image_format: jpg or png.
        quality: quality of a JPEG, 1 to 100.
    """
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
    """Encode (H, W) uint8 as PNG, compressed by its runs of equal bytes."""
    return png.encode_runs(mask)


def encode_depth(codes: Array) -> bytes:
    """Encode (h, w) uint16 depth codes as 16-bit PNG."""
    return png.encode_grey(codes, DEPTH_LEVEL)


def encode_png(pixels: Array) -> bytes:
    """Encode (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB, as PNG."""
    return png.encode_grey(pixels, DEPTH_LEVEL) if pixels.ndim == 2 else encode_image(pixels, "png", 0)


def image_format_of(data: bytes) -> str:
    """Return the format of an image file that a reader has checked: jpg or png."""
    return "jpg" if data[:2] == b"\xff\xd8" else "png"


# --- decoding ---------------------------------------------------------------------------------------------


def read_header(data: Any, wanted: PictureType, where: str) -> Header:
    """Read the header of a picture file, before anything is decoded. Type and checksums of a PNG are checked too.

    Args:
        data: the file, as bytes or a view of them.
        wanted: what the pixels must be.
        where: shard and key, for the text of an error.

    Raises:
        ShardError: the file is damaged, or its pixels are of another type.
    """
    start = bytes(data[:8])
    if start == png.SIGNATURE:
        found = png.parse(data)
        if found is None:
            raise ShardError(f"the {wanted.noun} is a damaged PNG ({len(data)} bytes)", where)
        if found.bits > wanted.bits or _PNG_CHANNELS.get(found.colour) != wanted.channels:
            raise ShardError(
                f"the {wanted.noun} is a PNG of {found.bits} bits and colour type {found.colour}, expected "
                f"{wanted.dtype} with {wanted.channels or 'no'} channels",
                where,
            )
        return Header(_checked_size((found.height, found.width), wanted, where), found)
    if wanted.may_be_jpeg and start[:2] == b"\xff\xd8":
        frame = _jpeg_frame(data)
        if frame is not None and bytes(data).rfind(b"\xff\xd9") > 0:  # without its end mark it would decode to grey
            size, has_one_scan = frame
            scans = 1 if has_one_scan else bytes(data).count(b"\xff\xda")
            if scans > MAX_SCANS:
                raise ShardError(
                    f"the {wanted.noun} has {scans} scans, more than {MAX_SCANS}; refused as a bomb", where
                )
            return Header(_checked_size(size, wanted, where), None)
    kinds = "JPEG or PNG" if wanted.may_be_jpeg else "PNG"
    raise ShardError(f"the {wanted.noun} cannot be decoded ({len(data)} bytes, no {kinds} or damaged)", where)


def decode_picture(
    data: Any, wanted: PictureType, where: str, shape: tuple[int, ...] | None, size: tuple[int, int] | None
) -> tuple[Array, bool]:
    """Decode a picture file, checked before and after.

    Args:
        data: the file, as bytes or a view of them.
        wanted: what the pixels must be.
        where: shard and key, for the text of an error.
        shape: shape of the array that the dataset declares, or None.
        size: (height, width) that the caller needs, or None. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that
            is still no smaller than `size`.

    Returns:
        The pixels, and whether they were decoded at a smaller scale.

    Raises:
        ShardError: the file is damaged, or not what the dataset declares.
    """
    header = read_header(data, wanted, where)
    found = header.size
    if shape is not None and found != tuple(shape[:2]):
        raise ShardError(f"the {wanted.noun} is {_by(found)} px, but the dataset declares {_by(shape)}; refused", where)
    if max(found) > MAX_SIDE_PX:
        text = f"the {wanted.noun} is {_by(found)} px, more than {MAX_SIDE_PX} a side; refused as a bomb"
        raise ShardError(text, where)
    if header.png is None:
        array = decode_pixels(data, wanted, where, 1 if size is None else _divisor(found, size))
        return array, array.shape[:2] != found
    if header.png.bits == wanted.bits:
        grey = png.decode_grey(header.png)
        if grey is not None:
            return grey, False
    return decode_pixels(data, wanted, where), False


def decode_pixels(data: Any, wanted: PictureType, where: str, divisor: int = 1) -> Array:
    """Decode a picture file whose header has been read.

    Args:
        data: the file, as bytes or a view of them.
        wanted: what the pixels must be.
        where: shard and key, for the text of an error.
        divisor: 1, 2, 4 or 8: a JPEG is decoded at this part of its size, with so much less work.

    Raises:
        ShardError: the bytes cannot be decoded, or give another type or number of channels.
    """
    if wanted.may_be_jpeg and jpeg.is_plain(data):
        try:
            return jpeg.decode_rgb(data, divisor)
        except ValueError as error:
            raise ShardError(f"the {wanted.noun} cannot be decoded ({error})", where) from error
    import cv2

    flag = cv2.IMREAD_COLOR_RGB if wanted.channels else cv2.IMREAD_UNCHANGED
    if divisor > 1:
        reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
        flag |= reduced[divisor] & ~cv2.IMREAD_COLOR_BGR  # the two orders of colour exclude each other
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise ShardError(f"the {wanted.noun} cannot be decoded ({error.err})", where) from error
    if array is None:
        raise ShardError(f"the {wanted.noun} cannot be decoded ({len(data)} bytes, damaged or not a picture)", where)
    if array.dtype != np.dtype(wanted.dtype) or array.ndim != (3 if wanted.channels else 2):
        raise ShardError(
            f"the {wanted.noun} decodes to {array.dtype} of shape {array.shape}, expected {wanted.dtype} "
            f"with {wanted.channels or 'no'} channels",
            where,
        )
    return array


# --- parts of it ------------------------------------------------------------------------------------------


def _imencode(suffix: str, array: Array, options: list[int]) -> bytes:
    import cv2

    done, data = cv2.imencode(suffix, array, options)
    if not done:  # this is how cv2 reports that memory is full
        raise MemoryError(f"cv2 could not encode a {array.shape} {array.dtype} array as {suffix}")
    return data.tobytes()


def _png_options() -> list[int]:
    """Return level, strategy and filter of PNG images; see `DEPTH_LEVEL`."""
    import cv2

    return [
        cv2.IMWRITE_PNG_COMPRESSION,
        3,
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_SUB,
    ]


def _divisor(found: tuple[int, int], size: tuple[int, int]) -> int:
    """Return by how much a JPEG can be decoded smaller without becoming smaller than `size`."""
    fits = (d for d in (8, 4, 2) if -(-found[0] // d) >= size[0] and -(-found[1] // d) >= size[1])
    return next(fits, 1)


def _checked_size(size: tuple[int, int], wanted: PictureType, where: str) -> tuple[int, int]:
    """Return a size that has pixels."""
    if min(size) < 1:
        raise ShardError(f"the {wanted.noun} is {_by(size)} px; damaged?", where)
    return size


def _jpeg_frame(data: Any) -> tuple[tuple[int, int], bool] | None:
    """Return (height, width) and whether there is one scan, by the frame header (SOFn) of a JPEG; None without one."""
    offset, components = 2, -1
    size: tuple[int, int] | None = None
    while offset + 9 < len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xDA:
            return None if size is None else (size, data[offset + 4] == components)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, offset + 5)
            size = height, width
            components = data[offset + 9] if marker in (0xC0, 0xC1) else -1  # others have several scans
        offset += 2 + int.from_bytes(bytes(data[offset + 2 : offset + 4]), "big")
    return None if size is None else (size, False)


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"

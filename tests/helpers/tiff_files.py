"""TIFF files written by hand, with tags that Pillow and OpenCV cannot write."""

import struct

import numpy as np


def tiff(
    pixels: np.ndarray,
    photometric: int,
    extra: tuple[int, ...] = (),
    *,
    planar: bool = False,
    big: bool = False,
    tags: tuple[tuple[int, int, tuple[int, ...]], ...] = (),
) -> bytes:
    """One strip (or one a plane) without compression, of (H, W) or (H, W, C) uint8 or uint16."""
    order = ">" if big else "<"
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order))
    raw = np.ascontiguousarray(data.transpose(2, 0, 1)).tobytes() if planar else data.tobytes()
    strips = channels if planar else 1
    size = len(raw) // strips
    entries = [
        (256, 4, (width,)),
        (257, 4, (height,)),
        (258, 3, (pixels.dtype.itemsize * 8,) * channels),
        (259, 3, (1,)),
        (262, 3, (photometric,)),
        (273, 4, tuple(8 + index * size for index in range(strips))),
        (277, 3, (channels,)),
        (278, 4, (height,)),
        (279, 4, (size,) * strips),
        (284, 3, (2 if planar else 1,)),
        *(((338, 3, extra),) if extra else ()),
        *tags,
    ]
    start = 8 + len(raw)
    offset, directory, tail = start + 2 + 12 * len(entries) + 4, struct.pack(f"{order}H", len(entries)), b""
    for tag, kind, values in sorted(entries):
        code = {1: "B", 3: "H", 4: "I"}[kind]
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        head = struct.pack(f"{order}HHI", tag, kind, len(values))
        if len(packed) <= 4:
            directory += head + packed.ljust(4, b"\0")
        else:
            directory += head + struct.pack(f"{order}I", offset + len(tail))
            tail += packed
    mark = b"MM\0*" if big else b"II*\0"
    return mark + struct.pack(f"{order}I", start) + raw + directory + struct.pack(f"{order}I", 0) + tail

"""JPEGs as the package writes them, decoded without the detours of OpenCV, and refused where they are damaged.

The pixels are those of OpenCV, for both are libjpeg-turbo. Any other JPEG is left to OpenCV, which turns pictures by
their EXIF and knows CMYK.

Source: ITU-T T.871, "JPEG File Interchange Format", 10.1; ITU-T T.81, table B.1 (markers).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_JFIF = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
"""Start of the image, and an APP0 of 16 bytes: colours are grey or YCbCr."""
_TABLES = b"\xff\xdb"
"""Quantisation tables follow at once, so there is no EXIF."""


def is_plain(data: Any) -> bool:
    """Tell whether a file, as bytes or a view of them, begins like a JPEG of the package."""
    return bytes(data[:11]) == _JFIF and bytes(data[20:22]) == _TABLES


def decode_rgb(data: Any, divisor: int = 1) -> NDArray[np.uint8]:
    """Decode a plain JPEG.

    Args:
        data: the file, as bytes or a view of them.
        divisor: 1, or 2, 4 or 8 for a picture that is so much smaller, sides rounded up.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: it is damaged. OpenCV would make up what is missing.
    """
    import simplejpeg

    height, width = 0, 0  # as it is
    if divisor > 1:
        height, width = (-(-side // divisor) for side in simplejpeg.decode_jpeg_header(data)[:2])
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
    return pixels

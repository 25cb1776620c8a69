"""Decode JPEGs like those of the package faster than OpenCV does, and refuse damaged ones.

The pixels are those of OpenCV, because both use libjpeg-turbo. OpenCV decodes all other JPEGs: it rotates pictures by
their EXIF data and can read CMYK.

Source: ITU-T T.871, "JPEG File Interchange Format", 10.1; ITU-T T.81, table B.1 (markers).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_JFIF = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
"""Start of a JPEG whose first segment is a JFIF header of 16 bytes, so that its colours are grey or YCbCr."""
_TABLES = b"\xff\xdb"
"""Marker of quantisation tables. They follow the JFIF header directly if there is no EXIF data."""


def is_plain(data: Any) -> bool:
    """Return whether a file, given as bytes or a view of them, begins like a JPEG of the package."""
    return bytes(data[:11]) == _JFIF and bytes(data[20:22]) == _TABLES


def decode_rgb(data: Any, divisor: int = 1) -> NDArray[np.uint8]:
    """Decode a plain JPEG.

    Args:
        data: the file, as bytes or a view of them.
        divisor: 1, 2, 4 or 8: the sides of the result are those of the picture divided by it, rounded up.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the file is damaged. OpenCV would fill the missing part with grey.
    """
    import simplejpeg

    height, width = 0, 0  # the size of the picture
    if divisor > 1:
        height, width = (-(-side // divisor) for side in simplejpeg.decode_jpeg_header(data)[:2])
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
    return pixels

"""Files of measured depth: 16-bit PNG or .npy."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.errors import SourceError
from fgbg_data.exam.protocol import PNG_SCALE, ExamProtocol
from fgbg_data.pictures import read_picture
from fgbg_data.sample import Array

UNKNOWN = 65535
"""Code of a PNG of metric depth that stands for "out of range"."""
RATIO_TOLERANCE = 0.02
"""Largest relative difference between the ratios of the sides of a picture and of its depth."""


def read_depth(path: Path, size: tuple[int, int], protocol: ExamProtocol) -> Array:
    """Read a depth file as depth that is larger where it is farther.

    Args:
        path: a 16-bit grey PNG, or a .npy file of numbers.
        size: (height, width) of the picture; depth may have another size of the same ratio.
        protocol: tells the unit and kind of the depth.

    Returns:
        (h, w) float32; 0 where depth is not known: where the file holds 0, less, or no finite number, and in metric
        PNG files also 65535. In inverse depth and disparity, 0 would be infinitely far and is not known either.

    Raises:
        SourceError: the file cannot be used, or its ratio is not that of the picture.
    """
    is_png = path.suffix.lower() == ".png"
    values = _png_codes(path) if is_png else _npy_values(path)
    height, width = values.shape
    if abs(height * size[1] / (width * size[0]) - 1) > RATIO_TOLERANCE:
        raise SourceError(
            f"is {width}x{height}, and its picture is {size[1]}x{size[0]} px: the ratios differ", where=path
        )
    known = np.isfinite(values) & (values > 0)
    if is_png and protocol.depth_kind == "metric":
        known &= values != UNKNOWN
    if not known.any():
        raise SourceError("holds no known depth: no finite number above 0", where=path)
    scaled = np.where(known, values, 1) / (protocol.depth_scale or (PNG_SCALE if is_png else 1.0))
    depth = scaled if protocol.depth_kind == "metric" else 1 / scaled
    return np.where(known, depth, 0).astype(np.float32)


def _png_codes(path: Path) -> Array:
    """Return the codes of a 16-bit PNG as (h, w) float64."""
    data = read_picture(path)
    try:
        with Image.open(io.BytesIO(data)) as file:
            if file.format != "PNG" or not file.mode.startswith("I"):
                found = "8 bits" if file.mode == "L" else f"mode {file.mode}"
                raise SourceError(
                    f"is a {file.format} of {found}; expected a grey PNG of 16 bits, or a .npy file", where=path
                )
            return np.asarray(file).astype(np.float64)
    except SourceError:
        raise
    except Exception as error:  # Pillow's decoders raise what their format makes them raise
        raise SourceError(f"cannot be read as a depth PNG ({error})", where=path) from error


def _npy_values(path: Path) -> Array:
    """Return the numbers of a .npy file as (h, w) float64."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"cannot be read as a .npy file ({error})", where=path) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        found = getattr(values, "dtype", type(values).__name__)
        raise SourceError(f"holds {found}; expected real numbers, such as float32", where=path)
    if values.ndim != 2 or 0 in values.shape:
        raise SourceError(f"has the shape {values.shape}; expected (height, width)", where=path)
    return values.astype(np.float64)

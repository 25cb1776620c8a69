"""Pictures that tests draw: small, of known pixels, in every kind of file that people have."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fgbg_data.compositing.cutouts import decode_foreground
from fgbg_data.pictures import read_picture
from fgbg_data.versions import FORMAT_VERSION

ORIENTATION = 0x0112


def load_foreground(path: Path, version: int = FORMAT_VERSION) -> Image.Image:
    """Read a file and decode it as a foreground."""
    return decode_foreground(read_picture(path), path, version)


def photo(height: int = 16, width: int = 24) -> np.ndarray:
    """A smooth picture that looks different under any turn or flip."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10 + 20, columns * 9 + 10, 250 - 5 * rows - 5 * columns], -1).astype(np.uint8)


def posterised() -> np.ndarray:
    """A picture of few colours, which a palette holds exactly."""
    return photo() // 64 * 64


def grey() -> np.ndarray:
    return photo()[..., 1]


def cutout() -> np.ndarray:
    """A cut-out with four levels of alpha and a clear border of 2 px, which cropping removes."""
    pixels = np.dstack([posterised(), np.zeros((16, 24), np.uint8)])
    pixels[2:-2, 2:-2, 3] = 255
    pixels[2:-2, 4:8, 3] = 85
    pixels[4:8, 10:14, 3] = 0
    return pixels


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, bits: int, colour: int, pixels: bytes, clear: tuple[int, ...] = (), exif: bytes = b""
) -> bytes:
    """A PNG written by hand, for what Pillow cannot write; `pixels` are packed rows without filter bytes."""
    size = len(pixels) // height
    rows = b"".join(b"\0" + pixels[row * size : (row + 1) * size] for row in range(height))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))]
    if exif:
        parts.append(chunk(b"eXIf", exif))
    if clear:
        parts.append(chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def opencv(path: Path, pixels: np.ndarray) -> None:
    """Write 16-bit colour, which Pillow cannot."""
    channels = [2, 1, 0, 3][: pixels.shape[2]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., channels]))


def wide(pixels: np.ndarray) -> np.ndarray:
    """8 to 16 bits, 255 to 65535."""
    return pixels.astype(np.uint16) * 257


def saved(pixels: np.ndarray, mode: str = "", **options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        picture = Image.fromarray(pixels)
        (picture.convert(mode) if mode else picture).save(path, **options)

    return save


def animated(pixels: np.ndarray, **options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        later = [Image.fromarray(np.roll(pixels, step, 1)) for step in (5, 9)]
        Image.fromarray(pixels).save(path, save_all=True, append_images=later, **options)

    return save


def rgb(values: np.ndarray) -> np.ndarray:
    return np.dstack([values] * 3)

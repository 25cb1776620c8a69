"""Masks of an exam that are picture files."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fgbg_data.errors import SourceError
from fgbg_data.pictures import decode_file, read_picture
from fgbg_data.sample import Array

HALF = 128
"""Grey values from this one on are an object."""


@dataclass(frozen=True)
class MaskFile:
    """A mask in a grey picture file of 8 bits or 1 bit.

    Grey values of 128 and more are an object. A mask that holds only 0 and 1 is taken to mean 0 and 255.
    """

    path: Path
    """The file."""

    def read(self, size: tuple[int, int]) -> Array:
        """Return the mask as (H, W) bool; see `MaskSource`.

        Raises:
            SourceError: it cannot be used, or is of another size.
        """
        return self.alpha(size) >= HALF

    def alpha(self, size: tuple[int, int]) -> Array:
        """Return the mask with its soft edges as (H, W) uint8: 0 is outside, and 255 is the object.

        Args:
            size: (height, width) of its picture.

        Raises:
            SourceError: it cannot be used, or is of another size.
        """
        grey = self.grey()
        if grey.shape != size:
            found, expected = (f"{width}x{height}" for height, width in (grey.shape, size))
            raise SourceError(f"is {found} px, but its picture is {expected} px", where=self.path)
        return grey if grey.max() > 1 else grey * np.uint8(255)

    def grey(self) -> Array:
        """Return the grey values as (H, W) uint8.

        Raises:
            SourceError: the file is no grey picture of 8 bits or 1 bit, or holds only dark values.
        """
        data = read_picture(self.path)
        try:
            with Image.open(io.BytesIO(data)) as file:
                mode = file.mode
        except (OSError, UnidentifiedImageError, ValueError):
            mode = ""  # decode_file says what is wrong
        if mode.startswith(("I", "F")):
            raise SourceError("has more than 8 bits; expected a mask of 0 (outside) and 255 (object)", where=self.path)
        picture = np.asarray(decode_file(data, self.path))
        if picture.shape[2] == 4:
            if (picture[..., 3] < 255).any():
                raise SourceError("is transparent; expected a mask of 0 (outside) and 255 (object)", where=self.path)
            picture = picture[..., :3]
        if (picture != picture[..., :1]).any():
            raise SourceError("has colours; expected a grey mask of 0 (outside) and 255 (object)", where=self.path)
        grey: Array = np.ascontiguousarray(picture[..., 0])
        if 1 < grey.max() < HALF:
            raise SourceError(
                f"holds no value above {grey.max()}, but objects begin at {HALF}; expected 0 outside and 255 inside",
                where=self.path,
            )
        return grey


def oddity(grey: Array) -> str:
    """Return in words how a mask is read that holds other values than 0 and 255; "" for those two.

    >>> oddity(np.array([[0, 1]], np.uint8)), oddity(np.array([[0, 255]], np.uint8))
    ('masks of 0 and 1, where 1 is an object', '')
    """
    if ((grey == 0) | (grey == 255)).all():
        return ""
    if grey.max() == 1:
        return "masks of 0 and 1, where 1 is an object"
    return f"masks with values between 0 and 255, where {HALF} and more are an object"

"""One picture of an exam: where its files are, and how they are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from fgbg_data.exam.depth_file import read_depth
from fgbg_data.exam.protocol import ExamProtocol
from fgbg_data.pictures import load_rgb
from fgbg_data.sample import Array


class MaskSource(Protocol):
    """Where the mask of a picture comes from."""

    def read(self, size: tuple[int, int]) -> Array:
        """Return the mask as (H, W) bool, for a picture of `size` = (height, width).

        Raises:
            SourceError: it cannot be used, or is of another size.
        """
        ...


class ExamPicture(NamedTuple):
    """What is known about a picture."""

    image: Array
    """(H, W, 3) uint8 RGB."""
    mask: Array | None
    """(H, W) bool: True on an object; None if it is not known."""
    depth: Array | None
    """(h, w) float32, larger is farther, 0 where it is not known; None if there is none. It may be smaller or larger
    than the image, but has its shape."""


@dataclass(frozen=True, kw_only=True)
class ExamEntry:
    """One picture of an exam and the files that tell what is true of it."""

    name: str
    """Path of the picture in the exam, without suffix, such as `street/0007`."""
    set_name: str
    """The set to which it belongs."""
    image: Path
    """The picture."""
    mask: MaskSource | None
    """Its mask, or None."""
    depth: Path | None
    """The file of its depth, or None."""

    def read(self, protocol: ExamProtocol) -> ExamPicture:
        """Read the picture, its mask and its depth.

        Args:
            protocol: tells the unit and kind of the depth.

        Raises:
            SourceError: a file cannot be used, or the mask or the depth does not fit the picture.
        """
        image = np.asarray(load_rgb(self.image))
        size = image.shape[0], image.shape[1]
        mask = None if self.mask is None else self.mask.read(size)
        depth = None if self.depth is None else read_depth(self.depth, size, protocol)
        return ExamPicture(image, mask, depth)

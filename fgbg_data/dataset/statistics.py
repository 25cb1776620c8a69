"""Integer sums over the pixels of samples: exact, and the same in whatever order they are added."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from fgbg_data.sample import DEPTH_FIELDS, Array, Sample


@dataclass
class FieldSums:
    """Sums over one field; one entry a channel.

    Attributes:
        top: the value that counts as 1.0 in mean and standard deviation.
        values: pixels added, in each channel.
        total: sum of the values.
        squares: sum of their squares.
    """

    top: int
    values: int
    total: list[int]
    squares: list[int]

    @property
    def mean(self) -> list[float]:
        """Mean of each channel, in [0, 1]."""
        return [total / self.values / self.top for total in self.total]

    @property
    def std(self) -> list[float]:
        """Standard deviation (of the population) of each channel, in [0, 1]."""
        return [
            (squares * self.values - total * total) ** 0.5 / self.values / self.top
            for total, squares in zip(self.total, self.squares, strict=True)
        ]

    def add(self, other: Self) -> None:
        """Add the sums of other samples."""
        self.values += other.values
        self.total = [a + b for a, b in zip(self.total, other.total, strict=True)]
        self.squares = [a + b for a, b in zip(self.squares, other.squares, strict=True)]


class Sums:
    """Sums over all pixel fields of some samples."""

    def __init__(self) -> None:
        self.fields: dict[str, FieldSums] = {}

    def add_sample(self, sample: Sample, depth_bits: int) -> None:
        """Add the pixels of one sample; depth counts as b-bit levels."""
        self._add("image", _image_sums(sample.image))
        area = int(np.count_nonzero(sample.mask))
        self._add("mask", FieldSums(255, sample.mask.size, [255 * area], [255 * 255 * area]))
        for name in DEPTH_FIELDS:
            codes = sample.array(name)
            if codes is not None:
                levels = (codes >> np.uint16(16 - depth_bits)).astype(np.uint64)
                squares = int((levels * levels).sum())
                self._add(name, FieldSums(2**depth_bits - 1, levels.size, [int(levels.sum())], [squares]))

    def add(self, other: "Sums") -> None:
        """Add the sums of other samples."""
        for name, field in other.fields.items():
            self._add(name, field)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form that records keep."""
        return {name: dict(vars(field)) for name, field in self.fields.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the sums of a record."""
        sums = cls()
        sums.fields = {name: FieldSums(**field) for name, field in value.items()}
        return sums

    def _add(self, name: str, field: FieldSums) -> None:
        if name in self.fields:
            self.fields[name].add(field)
        else:
            self.fields[name] = FieldSums(field.top, field.values, field.total, field.squares)


def _image_sums(image: Array) -> FieldSums:
    """Sums of (H, W, 3) uint8. OpenCV gives them as float64, which holds every integer that a picture can reach."""
    import cv2

    planes = cv2.split(image)
    total = [round(cv2.sumElems(plane)[0]) for plane in planes]
    squares = [round(cv2.norm(plane, cv2.NORM_L2SQR)) for plane in planes]
    return FieldSums(255, image.shape[0] * image.shape[1], total, squares)

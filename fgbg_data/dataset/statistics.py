"""Sums over the pixels of samples: whole numbers, so they are exact and the same in whatever order they are added."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

from fgbg_data.dataset.json_types import JsonError, Within
from fgbg_data.dataset.json_values import from_json, to_json
from fgbg_data.errors import ManifestError
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Sample

Natural = Annotated[int, Within(0, 2**128)]


@dataclass
class FieldSums:
    """Sums over the pixels of one field."""

    top: Annotated[int, Within(1, 2**16)]
    """The value that counts as 1.0 in mean and standard deviation: 255, or 2**bits - 1 for depth."""
    values: Annotated[int, Within(1, 2**53)]
    """Number of pixels that were added."""
    total: list[Natural]
    """Sum of the values of each channel."""
    squares: list[Natural]
    """Sum of the squares of the values of each channel."""

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


@dataclass
class Sums:
    """Sums over all pixel fields of some samples."""

    fields: dict[str, FieldSums] = field(default_factory=dict)
    """Pixel field -> its sums."""

    def add_sample(self, sample: Sample, depth_bits: int) -> None:
        """Add the pixels of one sample; depth counts as b-bit levels."""
        for name, array in sample.arrays.items():
            sums = FIELDS[name].sums(array, depth_bits)
            if sums is not None:
                self._add(name, FieldSums(*sums))

    def add(self, other: "Sums") -> None:
        """Add the sums of other samples.

        Raises:
            ManifestError: a field has another number of channels in `other`.
        """
        for name, sums in other.fields.items():
            self._add(name, sums)

    def to_json(self) -> Any:
        """Return the JSON value that records hold."""
        return to_json(self.fields)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the sums that a record holds.

        Raises:
            JsonError: they cannot be sums of pixels.
        """
        found = cls(from_json(dict[str, FieldSums], value))
        for name, sums in found.fields.items():
            if not _is_possible(name, sums):
                raise JsonError("these are no sums of pixels; the record was edited").inside(name)
        return found

    def _add(self, name: str, sums: FieldSums) -> None:
        found = self.fields.get(name)
        if found is None:
            self.fields[name] = replace(sums)
        elif len(found.total) != len(sums.total):
            raise ManifestError(f"records differ in the number of channels of {name}; run fgbg-data verify")
        else:
            found.add(sums)


def _is_possible(name: str, sums: FieldSums) -> bool:
    """Return whether there can be pixels with these sums: a mean in [0, 1] and a variance that is not negative."""
    channels = (FIELDS[name].channels or 1) if name in FIELDS else len(sums.total)
    return len(sums.total) == len(sums.squares) == channels and all(
        total <= sums.values * sums.top and total * total <= squares * sums.values <= (sums.values * sums.top) ** 2
        for total, squares in zip(sums.total, sums.squares, strict=True)
    )

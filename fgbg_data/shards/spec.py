"""What all samples of a shard have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fgbg_data.fields import suffixes

Index = dict[str, Any]
"""JSON object, kept in the record, by which a reader reaches any sample of a shard without a scan of the file."""
Shapes = Mapping[str, tuple[int, ...]]
"""Pixel field -> shape of its array."""


@dataclass(frozen=True, kw_only=True)
class ShardSpec:
    """What all samples of a shard have in common."""

    samples: int
    """The number of samples that the shard will hold."""
    image_format: str
    """The codec of encoded images: jpg or png."""
    shapes: Shapes
    """The shape of each pixel field. An optional field that is not listed is not in the dataset."""
    depth_bits: int
    """The number of bits of the depth codes; 0 without depth."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of formats, such as `hdf5_layout`. An option that is not listed has its default."""

    @cached_property
    def suffixes(self) -> dict[str, str]:
        """Field -> suffix of its encoded file, in the order in which a tar holds them."""
        return suffixes(self.image_format, self.shapes)

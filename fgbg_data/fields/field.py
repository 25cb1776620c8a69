"""What a field is: its type, its file, and how it is resized, summed, checked and shown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fgbg_data.codecs.pictures import PictureType, decode_picture, encode_png, read_header
from fgbg_data.codecs.resize import resize_by_area, resize_scaled_image
from fgbg_data.errors import ShardError
from fgbg_data.fields.sums import PixelSums, sum_values
from fgbg_data.sample import Array, Meta, Sample

Resize = Callable[[Array, tuple[int, int]], Array]
MetaTypes = Mapping[str, type | tuple[type, ...]]


def no_problems(name: str, array: Array, meta: Meta) -> Iterator[str]:
    """Find nothing wrong."""
    return iter(())


@dataclass(frozen=True, kw_only=True)
class Field:
    """One part of a sample: a row of FIELDS.

    Only the first four must be given for a field of pictures, (H, W) or (H, W, 3), that are stored as PNG:

    >>> edges = Field(name="edges", suffix="edges.png", dtype="uint8", meaning="255 at edges of the image, else 0")
    >>> edges.decode(edges.encode(np.eye(2, dtype=np.uint8)), "here").tolist()
    [[1, 0], [0, 1]]

    A build makes the field if it has `make`, and the option `extra_fields` names it. `register_field(edges)` makes it
    known to the running program, and so does an entry point of an installed package in the group `fgbg_data.fields`.
    """

    name: str
    """Name of the field: a-z, 0-9 and _."""
    suffix: str
    """Suffix of its file in a tar, `KEY.SUFFIX`; `{image}` stands for the image format of the dataset, jpg or png."""
    dtype: str
    """Type of its array; `object` for meta, which has no array."""
    meaning: str
    """What it is, for the card of a dataset: a few words without a full stop."""
    channels: int = 0
    """3 for (H, W, 3), 0 for (H, W)."""
    optional: bool = True
    """Whether there are datasets without it."""
    depth: bool = False
    """Whether it holds codes of relative inverse depth. Meta then holds their range, `NAME_min` and `NAME_max`."""
    may_be_jpeg: bool = False
    """Whether its file may be a JPEG."""
    encode: Callable[[Array], bytes] = encode_png
    """Array -> bytes of its file."""
    decode_file: Callable[[Any], Array] | None = None
    """Bytes of its file, or a view of them -> array, if the file is not a picture. It raises ValueError for damage."""
    resize: Resize | None = resize_by_area
    """(array, (height, width)) -> array of that size; None if the array must never be resized."""
    sums: Callable[[Array, int], PixelSums | None] = sum_values
    """(array, bits of depth codes) -> its sums, for mean and standard deviation; None if they say nothing."""
    digested: Callable[[Array], Array] = np.ascontiguousarray
    """Array -> the contiguous array that enters the digest of a sample."""
    meta_types: MetaTypes = field(default_factory=dict)
    """Entries that meta must have in a dataset with this field -> their type."""
    problems: Callable[[str, Array, Meta], Iterator[str]] = no_problems
    """(name of the field, array, meta) -> what is wrong with it, in words; meta has entries of the right types."""
    picture: Callable[[Array], Array] | None = None
    """Array -> (H, W, 3) uint8 RGB, as people look at it; None shows grey, RGB, or depth in colours."""
    make: Callable[[Sample, Any], Array] | None = None
    """(sample as made so far, BuildConfig) -> its array; called in the workers of a build. None for fields of this
    package, and for fields that a build cannot make."""
    shape: Callable[[tuple[int, int]], tuple[int, ...]] | None = None
    """(height, width) of the image -> shape of the array that `make` returns; None is the size of the image."""
    version: int = 1
    """Raise it when `make` returns other values than before: it enters the fingerprint of a dataset."""

    @cached_property
    def file_type(self) -> PictureType:
        """What its picture files must be."""
        return PictureType(self.name, self.dtype, self.channels, self.may_be_jpeg)

    @property
    def file_suffixes(self) -> tuple[str, ...]:
        """Every suffix that its file may have."""
        if "{image}" not in self.suffix:
            return (self.suffix,)
        return tuple(self.suffix.format(image=image) for image in ("jpg", "png", "jpeg"))

    def decode(
        self, data: Any, where: str, shape: tuple[int, ...] | None = None, size: tuple[int, int] | None = None
    ) -> Array:
        """Decode its file, checked before and after.

        Args:
            data: the file, as bytes or a view of them.
            where: shard and key, for the text of an error.
            shape: shape of the array that the dataset declares; None if nothing declares it.
            size: (height, width) of the result; None is the stored size. Some fields are never resized. A JPEG is
                decoded at 1/2, 1/4 or 1/8 if that is still no smaller.

        Raises:
            ShardError: the file is damaged, or not what the dataset declares.
        """
        size = size if self.resize else None
        if self.decode_file is not None:
            array, is_scaled = self._decode_other(data, where, shape), False
        else:
            array, is_scaled = decode_picture(data, self.file_type, where, shape, size)
        if size is None or self.resize is None:
            return array
        return resize_scaled_image(array, size) if is_scaled else self.resize(array, size)

    def picture_size(self, data: Any, where: str) -> tuple[int, int]:
        """Return (height, width) by the header of its file, if possible before anything is decoded.

        Raises:
            ShardError: the file is damaged, or holds pixels of another type.
        """
        if self.decode_file is None:
            return read_header(data, self.file_type, where).size
        height, width = self._decode_other(data, where, None).shape[:2]
        return height, width

    def _decode_other(self, data: Any, where: str, shape: tuple[int, ...] | None) -> Array:
        """Decode a file that is not a picture."""
        if self.decode_file is None:
            raise TypeError(f"{self.name} is stored as a picture")
        try:
            array = self.decode_file(data)
        except ValueError as error:
            raise ShardError(f"the {self.name} cannot be decoded ({error})", where) from error
        if array.dtype != np.dtype(self.dtype) or (shape is not None and array.shape != tuple(shape)):
            raise ShardError(
                f"the {self.name} decodes to {array.dtype} of shape {array.shape}, but the dataset declares "
                f"{self.dtype} of shape {shape or 'any'}",
                where,
            )
        return array

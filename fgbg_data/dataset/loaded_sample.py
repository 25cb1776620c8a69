"""`LoadedSample`: one sample as it was read, a mapping of its fields that has them as attributes too."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, overload

import numpy as np

from fgbg_data.fields import FIELDS
from fgbg_data.options import nearest
from fgbg_data.sample import Array, Meta


class LoadedSample(Mapping[str, Any]):
    """One sample as it was read: `sample["image"]` and `sample.image` are the same array.

    It holds `key` and the fields that were read, in the order asked for. A field that the dataset does not have is
    absent: `"depth" in sample` is False, and `sample.depth` raises an error that lists the fields of the sample.

        image, mask = sample.image, sample["mask"]
        arrays = dict(sample)
        changed = {**sample, "image": 255 - sample.image}

    PyTorch makes a batch of samples a LoadedSample too: every field then is a tensor with a first axis of B, and `key`
    a list of B strings.

    Args:
        fields: `key` and the fields.
        requested: names of the fields that were asked for, for the text of an error; None if that is unknown.
    """

    __slots__ = ("_fields", "_requested")

    key: str
    """Name of the sample, unique in its dataset."""
    image: Array
    """(H, W, 3) uint8 RGB."""
    mask: Array
    """(H, W) uint8, 0 or 255; with `mask_as="coverage"` 255 times the share of the pixel that the foreground covers."""
    depth: Array
    """(H, W) float32 in [0, 1], larger is nearer; `depth_as` of `open_dataset` gives codes or the estimator's units."""
    depth_composed: Array
    """Like `depth`, but composed from the depth of the sources."""
    instances: Array
    """(H, W) uint8, the id of the object that is seen, from 1 in the order of painting; 0 for none."""
    amodal: Array
    """(H, W) uint16, the whole area of each object: bit i - 1 is set where the object i is."""
    meta: Meta
    """JSON object that says how the sample was made."""

    def __init__(self, fields: Mapping[str, Any], requested: tuple[str, ...] | None = None) -> None:
        self._fields = dict(fields)
        self._requested = requested

    @overload
    def __getitem__(self, name: Literal["key"]) -> str: ...

    @overload
    def __getitem__(
        self, name: Literal["image", "mask", "depth", "depth_composed", "instances", "amodal"]
    ) -> Array: ...

    @overload
    def __getitem__(self, name: Literal["meta"]) -> Meta: ...

    @overload
    def __getitem__(self, name: str) -> Any: ...

    def __getitem__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise KeyError(self._why_absent(name)) from None

    def __getattr__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(self._why_absent(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(np.array_equal(value, other[name]) for name, value in self.items())

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._fields, self._requested)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        shown = [f"{name}={_shown(value)}" for name, value in self.items() if name != "key"]
        return f"LoadedSample({', '.join([repr(self._fields.get('key')), *shown])})"

    def _repr_html_(self) -> str:
        """Return thumbnails of the fields, as Jupyter shows them."""
        from fgbg_data.drawing.html import sample_html

        return sample_html(self)

    def _why_absent(self, name: str) -> str:
        """Return the text of the error for a field that the sample does not have."""
        holds = f"it holds {', '.join(map(str, self))}"
        if name not in FIELDS:
            return f"a sample has no {name!r}, {holds}{nearest(name, self._fields)}"
        if self._requested is None:
            return f"this sample has no {name!r}, {holds}"
        if name in self._requested:
            return f"this sample has no {name!r}, because its dataset stores none; {holds}"
        return f"this sample has no {name!r}, because open_dataset was not asked for that field; {holds}"


def _shown(value: Any) -> str:
    """Return a value in short: type and shape of arrays and tensors, the type of everything else."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, dict | list) else type(value).__name__

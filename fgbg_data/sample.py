"""`Sample`: a key, the pixels of each field, and meta. Also the canonical JSON text of meta, and its strict reading."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Self

from numpy.typing import NDArray

Array = NDArray[Any]
Meta = dict[str, Any]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits:.40} is too large a number")
    return value


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One finished sample, as every shard format stores it.

    >>> import numpy as np
    >>> image, mask = np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8)
    >>> sample = Sample(key="hall_cat_007", meta={"position": 7}, arrays={"image": image, "mask": mask})
    >>> sample.image.shape, sample.array("depth")
    ((2, 3, 3), None)
    """

    key: str
    """Name of the sample, unique in its dataset."""
    meta: Meta
    """JSON object that says how the sample was made, enough to render it again."""
    arrays: Mapping[str, Array]
    """Field -> its pixels, exactly as a reader decodes them. `image` and `mask` are always there."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Field -> its encoded file, for the fields whose pixels were decoded from a file."""

    @property
    def image(self) -> Array:
        """(H, W, 3) uint8 RGB."""
        return self.arrays["image"]

    @property
    def mask(self) -> Array:
        """(H, W) uint8, 255 where the foreground covers at least half of the pixel, else 0."""
        return self.arrays["mask"]

    def array(self, name: str) -> Array | None:
        """Return the pixels of a field, or None if the sample does not have it."""
        return self.arrays.get(name)

    def with_field(self, name: str, array: Array, meta: Mapping[str, Any] | None = None) -> Self:
        """Return the sample with another field, and with more entries in its meta."""
        return replace(self, arrays={**self.arrays, name: array}, meta={**self.meta, **(meta or {})})


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of `value`: sorted keys, no spaces, and other alphabets without escapes.

    >>> canonical_json({"b": 1, "a": [1.5, "é"]})
    '{"a":[1.5,"é"],"b":1}'

    Raises:
        ValueError: it holds NaN or infinity, which JSON cannot express.
    """
    return _CANONICAL.encode(value)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, strictly.

    >>> parse_json('{"box": [1, 2]}')
    {'box': [1, 2]}

    Raises:
        ValueError: it is not JSON, in which NaN and Infinity do not exist; a number is too large for a float; or it is
            nested too deep.
    """
    try:
        return _STRICT.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error

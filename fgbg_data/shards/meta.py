"""The meta of a sample: a JSON object, checked when it is read."""

import json
import re
from typing import Any

from fgbg_data.errors import ShardError
from fgbg_data.sample import Meta, parse_json

_HUGE = re.compile(r"\d{300}")
"""Digits of a number that no float can hold."""


def parse_meta(data: Any, where: str, key: str | None = None) -> Meta:
    """Return the meta of a sample.

    Args:
        data: the JSON, as bytes.
        where: shard and key, for the text of an error.
        key: the key of the sample, if it is known.

    Raises:
        ShardError: it is not a JSON object, holds what JSON or UTF-8 cannot express, or belongs to another sample.
    """
    try:
        text = str(data, "utf-8").removeprefix("\ufeff")
        meta = parse_json(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(meta, ensure_ascii=False).encode()  # raises for half of a surrogate pair
        if _HUGE.search(text) and isinstance(meta, dict) and any(map(_is_huge, meta.values())):
            raise ValueError("a number is too large")
    except ValueError as error:
        raise ShardError(f"its meta is not JSON ({error})", where) from error
    if not isinstance(meta, dict):
        raise ShardError(f"its meta is a JSON {type(meta).__name__}, expected an object", where)
    if key is not None and meta.get("key", key) != key:
        raise ShardError(f"its meta is that of {meta['key']!r}; the shard is damaged", where)
    return meta


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > 2**1000


def meta_depth_bits(meta: Meta, where: str) -> int | None:
    """Return the number of bits of the depth codes that a meta names, checked; None if it names none.

    Raises:
        ShardError: it is not a number from 1 to 16.
    """
    bits = meta.get("depth_bits")
    if bits is None or (type(bits) is int and 1 <= bits <= 16):
        return bits
    raise ShardError(f"its meta says depth_bits {bits!r}, expected 1 to 16", where)

"""Samples by their fields: their files, and their digest."""

import hashlib
from collections.abc import Callable
from typing import Any

import xxhash

from fgbg_data.fields.table import FIELDS, fields_in_order
from fgbg_data.sample import Sample, canonical_json
from fgbg_data.versions import FORMAT_VERSION, rules_of

_HASHES: dict[str, Callable[[], Any]] = {
    "blake2b": lambda: hashlib.blake2b(digest_size=16),
    "xxh3_128": xxhash.xxh3_128,
}


def encode_files(sample: Sample) -> dict[str, bytes]:
    """Return field -> bytes of its file, of every field of a sample. Files that the sample carries stay as they are."""
    files = {
        name: sample.files[name] if name in sample.files else FIELDS[name].encode(sample.arrays[name])
        for name in fields_in_order(sample.arrays)
    }
    return files | {"meta": canonical_json(sample.meta).encode()}


def sample_digest(sample: Sample, version: int = FORMAT_VERSION) -> str:
    """Return 32 hex digits over key, meta and pixels of a sample; the same in every shard format.

    Args:
        sample: the sample.
        version: format version of the record that holds the digest: 2 takes BLAKE2b, 3 takes XXH3, which is many times
            faster. Both find damage; only the sha256 of a shard says whether it is the file that was published.
    """
    digest = _HASHES[rules_of(version).digest]()
    digest.update(f"{sample.key}\n{canonical_json(sample.meta)}".encode())
    for name in fields_in_order(sample.arrays):
        array, field = sample.arrays[name], FIELDS[name]
        digest.update(f"\n{name} {field.dtype} {array.shape}\n".encode())
        digest.update(field.digested(array).data)
    return str(digest.hexdigest())

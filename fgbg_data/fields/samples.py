"""Samples by their fields: their files, and their digest."""

import hashlib

from fgbg_data.fields.table import FIELDS, fields_in_order
from fgbg_data.sample import Sample, canonical_json


def encode_files(sample: Sample) -> dict[str, bytes]:
    """Return field -> bytes of its file, of every field of a sample. Files that the sample carries stay as they are."""
    files = {
        name: sample.files[name] if name in sample.files else FIELDS[name].encode(sample.arrays[name])
        for name in fields_in_order(sample.arrays)
    }
    return files | {"meta": canonical_json(sample.meta).encode()}


def sample_digest(sample: Sample) -> str:
    """Return 32 hex digits of BLAKE2b over key, meta and pixels; the same in every shard format."""
    digest = hashlib.blake2b(f"{sample.key}\n{canonical_json(sample.meta)}".encode(), digest_size=16)
    for name in fields_in_order(sample.arrays):
        array, field = sample.arrays[name], FIELDS[name]
        digest.update(f"\n{name} {field.dtype} {array.shape}\n".encode())
        digest.update(field.digested(array).data)
    return digest.hexdigest()

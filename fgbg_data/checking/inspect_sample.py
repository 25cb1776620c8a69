"""The checks of one sample by itself: its meta, and each of its fields. All functions are pure."""

from collections.abc import Iterator

from fgbg_data.fields import FIELDS
from fgbg_data.fields.objects import conflicts, object_problems
from fgbg_data.key import SampleKey
from fgbg_data.sample import Meta, Sample
from fgbg_data.versions import FORMAT_VERSION, rules_of

META_TYPES: dict[str, type | tuple[type, ...]] = {
    "key": str,
    "background": str,
    "foreground": str,
    "position": int,
    "mirrored": bool,
    "box": list,
    "scale": (int, float),
    "attempt": int,
    "mask_area_px": int,
}
"""Field of meta that every sample has -> its type."""


def inspect_sample(sample: Sample, version: int = FORMAT_VERSION) -> Iterator[str]:
    """Yield what is wrong with a decoded sample: first its meta, and if that is complete, its fields.

    Args:
        sample: the sample.
        version: format version by which its pixels were made; meta holds `bbox_xywh` from version 3 on.
    """
    meta, types = sample.meta, dict(META_TYPES)
    if "twin" in meta:
        types["twin"] = int
    if rules_of(version).tight_box:
        types["bbox_xywh"] = list
    for name in sample.arrays:
        types |= FIELDS[name].meta_types
    wrong = [name for name, kind in types.items() if not isinstance(meta.get(name), kind)]
    if wrong:
        yield f"meta fields missing or of the wrong type: {', '.join(wrong)}"
        return
    expected = str(key_of(meta))
    if not sample.key.endswith(expected):  # merged datasets put a prefix before it
        yield f"its meta is that of {expected}"
    yield from object_problems(meta)
    for name, array in sample.arrays.items():
        yield from FIELDS[name].problems(name, array, meta)
    yield from conflicts(sample.arrays)


def key_of(meta: Meta) -> SampleKey:
    """Return the key that a sample with this meta has, without the prefix of a merged dataset."""
    parts = meta["background"], meta["foreground"], meta["position"], meta["mirrored"]
    return SampleKey(*parts, twin=meta.get("twin", 0))

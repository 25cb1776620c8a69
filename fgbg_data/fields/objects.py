"""The fields that tell the objects of a picture apart: ids of what is seen, and whole areas as bits."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fgbg_data.fields.boxes import tight_box
from fgbg_data.key import Kind
from fgbg_data.sample import Array, Meta

MAX_OBJECTS = 255
"""Most objects that the field `instances`, of uint8, can tell apart."""
MAX_AMODAL = 16
"""Most objects for which the field `amodal`, of uint16, has a bit."""

_ENTRIES: dict[str, Any] = {
    "id": int,
    "number": int,
    "foreground": str,
    "class": str,
    "mirrored": bool,
    "box": list,
    "bbox_xywh": list,
    "visible_px": int,
    "full_px": int,
    "z": (int, float),
    "angle": (int, float),
    "blend": str,
    "attempt": int,
}
"""Entry of an object in meta -> its type."""
_DECOY_ENTRIES: dict[str, Any] = {
    "number": int,
    "foreground": str,
    "background": str,
    "mirrored": bool,
    "box": list,
    "visible_px": int,
    "angle": (int, float),
    "blend": str,
}
"""Entry of a decoy in meta -> its type."""


def object_problems(meta: Meta) -> Iterator[str]:
    """Check the lists `objects` and `decoys` of meta by themselves, if there are any.

    Ids are 1, 2 and so on in the order of painting, from far to near. Number 1 is the primary object.
    """
    if "objects" not in meta:
        return
    objects = meta["objects"]
    wrong = _wrong_entries(objects) or _wrong_entries(meta.get("decoys", []), "decoy", _DECOY_ENTRIES)
    if wrong:
        yield wrong
        return
    ids = [found["id"] for found in objects]
    if ids != list(range(1, len(objects) + 1)):
        yield f"its meta has objects with the ids {ids}, expected 1 to {len(objects)} in order"
    if [found["z"] for found in objects] != sorted(found["z"] for found in objects):
        yield "the objects of its meta are not in order from far to near, by z"
    primary = [found["foreground"] for found in objects if found["number"] == 1]
    if objects and primary != [meta["foreground"]]:
        yield f"its meta has {primary or 'no object'} as object number 1, expected the foreground {meta['foreground']}"
    for found in objects:
        if not 0 <= found["visible_px"] <= found["full_px"]:
            yield f"object {found['id']} shows {found['visible_px']} of {found['full_px']} px by its meta"
        if not found["angle"] and found["visible_px"] and not _inside(found["bbox_xywh"], found["box"]):
            yield f"object {found['id']} has the bbox_xywh {found['bbox_xywh']}, outside of its box {found['box']}"
    total = sum(found["visible_px"] for found in objects)
    if total != meta["mask_area_px"]:
        yield f"its objects show {total} px by its meta, but its mask covers {meta['mask_area_px']}"


def further_sources(kind: Kind, meta: Meta) -> set[str]:
    """Return the ids of the sources of a kind that a sample shows beside those of its key."""
    lists = (meta.get("objects"), meta.get("decoys"))
    entries = [each for found in lists if isinstance(found, list) for each in found if isinstance(each, dict)]
    named = (each.get(kind) for each in entries)
    return {name for name in named if isinstance(name, str) and name != meta.get(kind)}


def _wrong_entries(listed: Any, noun: str = "object", kinds: Mapping[str, Any] = _ENTRIES) -> str:
    """Return what is wrong with the types of the objects or decoys in meta, or an empty text."""
    if not isinstance(listed, list):
        return f"its meta has {type(listed).__name__} as {noun}s, expected a list"
    for number, found in enumerate(listed, 1):
        entries = found if isinstance(found, dict) else {}
        wrong = [name for name, kind in kinds.items() if not isinstance(entries.get(name), kind)]
        boxes = {"box", "bbox_xywh"} & kinds.keys() - set(wrong)
        wrong += sorted(name for name in boxes if not _is_box(entries[name]))
        if wrong:
            return f"entries of {noun} {number} in its meta are missing or of the wrong type: {', '.join(wrong)}"
    return ""


def _is_box(value: list[Any]) -> bool:
    return len(value) == 4 and all(isinstance(side, int) for side in value)


def _inside(bbox: list[int], box: list[int]) -> bool:
    """Return whether [left, top, width, height] lies in [top, left, height, width]."""
    left, top, width, height = bbox
    inside_rows = box[0] <= top and top + height <= box[0] + box[2]
    return inside_rows and box[1] <= left and left + width <= box[1] + box[3]


def conflicts(arrays: Mapping[str, Array]) -> Iterator[str]:
    """Check that the fields of objects agree with the mask and with each other.

    Args:
        arrays: field -> its pixels, of one size.
    """
    mask, instances, amodal = (arrays.get(name) for name in ("mask", "instances", "amodal"))
    if mask is None or instances is None:
        return
    if instances.shape != mask.shape:
        yield f"its instances are {instances.shape} and its mask {mask.shape}"
        return
    off = int(np.count_nonzero((instances > 0) != (mask > 0)))
    if off:
        yield f"its instances and its mask disagree at {off} px about where an object is"
    if amodal is not None and amodal.shape == mask.shape:
        there = instances[seen := instances > 0].astype(np.uint16)
        hidden = int(np.count_nonzero((amodal[seen] >> (there - np.uint16(1)).clip(0, 15)) & np.uint16(1) == 0))
        if hidden:
            yield f"its amodal lacks {hidden} px of objects that its instances show"


def instance_problems(name: str, instances: Array, meta: Meta) -> Iterator[str]:
    """Check that the ids in the field are those of meta, each with its area and its box."""
    objects = meta["objects"]
    if _wrong_entries(objects):
        return  # the check of meta says so
    areas = np.bincount(instances.ravel(), minlength=len(objects) + 1)
    strange = np.flatnonzero(areas[len(objects) + 1 :]) + len(objects) + 1
    if len(strange):
        yield f"its {name} hold the ids {', '.join(map(str, strange[:5]))}, but its meta has {len(objects)} objects"
    for number, found in enumerate(objects, 1):
        if areas[number] != found["visible_px"]:
            yield f"object {number} shows {areas[number]} px in its {name}, but its meta says {found['visible_px']}"
        tight = tight_box((instances == number).astype(np.uint8))
        if found["bbox_xywh"] != tight:
            yield f"object {number} has the bbox_xywh {found['bbox_xywh']} in its meta, but {tight} in its {name}"


def amodal_problems(name: str, bits: Array, meta: Meta) -> Iterator[str]:
    """Check that every object of meta has its whole area in the field, and that no other bit is set."""
    objects = meta["objects"]
    if _wrong_entries(objects):
        return  # the check of meta says so
    if len(objects) > MAX_AMODAL:
        yield f"its meta has {len(objects)} objects, but its {name} holds at most {MAX_AMODAL}"
        return
    if np.any(bits.astype(np.uint32) >> np.uint32(len(objects))):
        yield f"its {name} has bits of objects that its meta does not have"
    for number, found in enumerate(objects, 1):
        area = int(np.count_nonzero(bits & np.uint16(1 << (number - 1))))
        if area != found["full_px"]:
            yield f"object {number} covers {area} px in its {name}, but its meta says {found['full_px']}"


def colour_ids(instances: Array) -> Array:
    """Show ids in colours that differ clearly: (H, W) uint8 -> (H, W, 3) uint8 RGB, black for none."""
    colours: Array = _PALETTE[instances]
    return colours


def colour_bits(bits: Array) -> Array:
    """Show whole areas in the mean colour of the objects that are there: (H, W) uint16 -> (H, W, 3) uint8 RGB."""
    total, count = np.zeros((*bits.shape, 3), np.uint32), np.zeros((*bits.shape, 1), np.uint32)
    for number in range(1, MAX_AMODAL + 1):
        there = ((bits >> np.uint16(number - 1)) & np.uint16(1)).astype(np.uint32)[..., None]
        total += there * _PALETTE[number]
        count += there
    mean: Array = (total // np.maximum(count, 1)).astype(np.uint8)
    return mean


def _palette() -> Array:
    """Return a colour for each id, (256, 3) uint8 RGB: hues in steps of the golden angle, at two levels of light."""
    numbers = np.arange(256)
    hues = (numbers * 0.618034 + 0.3) % 1
    channels: Array = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    light = np.where(numbers % 2, 255, 190)[:, None]
    colours: Array = np.rint(channels.clip(0, 1) * light * 0.85 + light * 0.15).astype(np.uint8)
    colours[0] = 0
    return colours


_PALETTE = _palette()

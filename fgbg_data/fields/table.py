"""FIELDS: the table of fields, one row each."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from fgbg_data.codecs.pictures import encode_depth, encode_mask
from fgbg_data.codecs.resize import resize_ids, resize_image, resize_mask
from fgbg_data.errors import ConfigError
from fgbg_data.fields.field import Field
from fgbg_data.fields.objects import amodal_problems, colour_bits, colour_ids, instance_problems
from fgbg_data.fields.problems import depth_problems, mask_problems
from fgbg_data.fields.sums import no_sums, sum_depth, sum_image, sum_mask
from fgbg_data.registry import Registry

_NUMBER = (int, float)
_DEPTH: dict[str, Any] = {
    "dtype": "uint16",
    "depth": True,
    "encode": encode_depth,
    "resize": None,  # codes are resized after they are decoded to depth, at the size of the image
    "sums": sum_depth,
    "problems": depth_problems,
}

FIELDS: Registry[Field] = Registry(
    "field",
    "fgbg_data.fields",
    {
        "image": Field(
            name="image",
            suffix="{image}",
            dtype="uint8",
            channels=3,
            optional=False,
            may_be_jpeg=True,
            meaning="the composite, RGB",
            resize=resize_image,
            sums=sum_image,
        ),
        "mask": Field(
            name="mask",
            suffix="mask.png",
            dtype="uint8",
            optional=False,
            meaning="255 where the foreground covers at least half of the pixel, else 0; lossless",
            encode=encode_mask,
            resize=resize_mask,
            sums=sum_mask,
            digested=np.packbits,
            meta_types={"box": list, "mask_area_px": int},
            problems=mask_problems,
        ),
        "depth": Field(
            name="depth",
            suffix="depth.png",
            meaning="relative inverse depth, larger = nearer, unitless, by each sample's own range",
            meta_types={"depth_min": _NUMBER, "depth_max": _NUMBER, "depth_bits": int},
            **_DEPTH,
        ),
        "depth_composed": Field(
            name="depth_composed",
            suffix="depth_composed.png",
            meaning="relative inverse depth, composed of the depth of the sources; larger = nearer",
            meta_types={"depth_composed_min": _NUMBER, "depth_composed_max": _NUMBER, "depth_bits": int},
            **_DEPTH,
        ),
        "instances": Field(
            name="instances",
            suffix="instances.png",
            dtype="uint8",
            meaning="id of the object that is seen, from 1 in the order of painting; 0 for none; `objects` in meta",
            encode=encode_mask,
            resize=resize_ids,
            sums=no_sums,
            meta_types={"objects": list},
            problems=instance_problems,
            picture=colour_ids,
        ),
        "amodal": Field(
            name="amodal",
            suffix="amodal.png",
            dtype="uint16",
            meaning="whole area of each object with what others hide: bit i - 1 is set where the object i is",
            resize=resize_ids,
            sums=no_sums,
            meta_types={"objects": list},
            problems=amodal_problems,
            picture=colour_bits,
        ),
        "meta": Field(
            name="meta",
            suffix="json",
            dtype="object",
            optional=False,
            meaning="JSON: sources, boxes, scale, mask area, range of the depth",
        ),
    },
)
"""Name -> field. `FIELDS[name]` and `name in FIELDS` also find those of installed packages."""

_OWN_ORDER = {name: number for number, name in enumerate(FIELDS.own)}
_OWN_SUFFIXES = {suffix: name for name in FIELDS.own for suffix in FIELDS[name].file_suffixes}


def register_field(field: Field) -> None:
    """Make a field known to the running program and its worker processes.

    Args:
        field: its name, and the suffix of its file, must not be those of a field of this package.

    Raises:
        ConfigError: the name or the suffix cannot be used.
    """
    if field.suffix in _OWN_SUFFIXES or "/" in field.suffix or not field.suffix:
        raise ConfigError(f"the suffix {field.suffix!r} of the field {field.name!r} cannot be used; choose another")
    FIELDS[field.name] = field


def fields_in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of known fields in the order in which a tar holds them; unknown names are left out.

    >>> fields_in_order(["meta", "mask", "image"])
    ('image', 'mask', 'meta')
    """
    last = len(_OWN_ORDER)
    known = [name for name in names if name in FIELDS]
    return tuple(sorted(known, key=lambda name: (name == "meta", _OWN_ORDER.get(name, last), name)))


def pixel_fields(names: Iterable[str]) -> tuple[str, ...]:
    """Return the known fields among some names that have pixels, which are all but meta, in the order of a tar.

    >>> pixel_fields(["meta", "depth", "image", "something"])
    ('image', 'depth')
    """
    return tuple(name for name in fields_in_order(names) if name != "meta")


def depth_fields(names: Iterable[str]) -> tuple[str, ...]:
    """Return the known fields among some names that hold codes of depth, in the order of a tar."""
    return tuple(name for name in fields_in_order(names) if FIELDS[name].depth)


def suffixes(image_format: str, fields: Collection[str]) -> dict[str, str]:
    """Return field -> suffix of its file, in the order in which a tar holds them.

    Args:
        image_format: jpg or png.
        fields: the fields of the dataset; those that are not optional need not be listed.

    >>> suffixes("jpg", ["depth"])
    {'image': 'jpg', 'mask': 'mask.png', 'depth': 'depth.png', 'meta': 'json'}
    """
    always = (name for name in FIELDS.own if not FIELDS[name].optional)
    return {name: FIELDS[name].suffix.format(image=image_format) for name in fields_in_order({*always, *fields})}


def field_of_suffix(suffix: str) -> str | None:
    """Return the field whose file has this suffix, or None.

    >>> field_of_suffix("mask.png"), field_of_suffix("jpeg"), field_of_suffix("txt")
    ('mask', 'image', None)
    """
    if suffix in _OWN_SUFFIXES:
        return _OWN_SUFFIXES[suffix]
    others = (name for name in FIELDS if name not in _OWN_ORDER)
    return next((name for name in others if suffix in FIELDS[name].file_suffixes), None)

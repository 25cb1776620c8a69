"""Our own fields keep the contract of fields, and so does a field that is not stored as a picture."""

import math
import struct

import numpy as np

from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.fields import FIELDS, Field
from fgbg_data.fields.boxes import tight_box
from fgbg_data.sample import Array, Meta
from fgbg_data.testing import FieldContract


class TestImage(FieldContract):
    field = FIELDS["image"]


class TestMask(FieldContract):
    field = FIELDS["mask"]

    def array(self, rng: np.random.Generator, size: tuple[int, int]) -> Array:
        mask = rng.integers(0, 2, size).astype(np.uint8) * np.uint8(255)
        mask[tuple(rng.integers(0, size))] = 255  # an empty mask is not healthy
        return mask

    def meta(self, array: Array) -> Meta:
        left, top, width, height = tight_box(array)
        return {
            "box": [top, left, height, width],
            "bbox_xywh": [left, top, width, height],
            "mask_area_px": int(np.count_nonzero(array)),
        }


class TestDepth(FieldContract):
    field = FIELDS["depth"]

    def array(self, rng: np.random.Generator, size: tuple[int, int]) -> Array:
        return quantise_depth(rng.random(size).astype(np.float32), self.depth_bits)[0]

    def meta(self, array: Array) -> Meta:
        return {f"{self.field.name}_min": 0.0, f"{self.field.name}_max": 1.0, "depth_bits": self.depth_bits}


class TestDepthComposed(TestDepth):
    field = FIELDS["depth_composed"]


class TestInstances(FieldContract):
    field = FIELDS["instances"]

    def array(self, rng: np.random.Generator, size: tuple[int, int]) -> Array:
        return rng.integers(0, 4, size).astype(np.uint8)

    def meta(self, array: Array) -> Meta:
        return {"objects": [described(number, array == number, array == number) for number in (1, 2, 3)]}


class TestAmodal(FieldContract):
    field = FIELDS["amodal"]

    def array(self, rng: np.random.Generator, size: tuple[int, int]) -> Array:
        return rng.integers(0, 1 << 3, size).astype(np.uint16)

    def meta(self, array: Array) -> Meta:
        areas = [array & (1 << number) > 0 for number in range(3)]
        return {"objects": [described(number, area, area) for number, area in enumerate(areas, 1)]}


def described(number: int, seen: Array, area: Array) -> Meta:
    """What meta says about an object, as a build writes it."""
    return {
        "id": number,
        "number": number,
        "foreground": f"thing{number}",
        "class": "",
        "mirrored": False,
        "box": [0, 0, *area.shape],
        "bbox_xywh": tight_box(seen.astype(np.uint8)),
        "visible_px": int(np.count_nonzero(seen)),
        "full_px": int(np.count_nonzero(area)),
        "z": 0.1 * number,
        "angle": 0.0,
        "blend": "over",
        "attempt": 0,
    }


def encode_floats(array: Array) -> bytes:
    return struct.pack("<HH", *array.shape) + array.astype("<f4").tobytes()


def decode_floats(data: bytes) -> Array:
    if len(data) < 4 or len(data) != 4 + 4 * math.prod(struct.unpack_from("<HH", data)):
        raise ValueError("of another length than its header says")
    return np.frombuffer(data, "<f4", offset=4).reshape(struct.unpack_from("<HH", data)).astype(np.float32)


class TestAFieldOfFloats(FieldContract):
    field = Field(
        name="shade",
        suffix="shade.bin",
        dtype="float32",
        meaning="brightness of the image",
        encode=encode_floats,
        decode_file=decode_floats,
        make=lambda sample, config: sample.image.mean(2).astype(np.float32)[::2, ::2],
        shape=lambda size: (math.ceil(size[0] / 2), math.ceil(size[1] / 2)),
    )

"""Samples that are made without a build, for tests of shard formats."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fgbg_data.codecs.pictures import decode_pixels, encode_image
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Array, Meta, Sample

KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=60)
SIDES = st.integers(8, 24)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def make_sample(
    key: str,
    image: Array,
    mask: Array,
    depth: Array | None,
    meta: Meta,
    image_format: str,
    depth_composed: Array | None = None,
    instances: Array | None = None,
    amodal: Array | None = None,
) -> Sample:
    """Return a sample whose image is encoded and decoded again, as that of a build is.

    Args:
        key: key of the sample; it is added to `meta`.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 0 or 255.
        depth: (h, w) uint16 codes, or None for a sample without depth.
        meta: other entries of the meta.
        image_format: jpg or png.
        depth_composed: (h, w) uint16 codes, or None.
        instances: (H, W) uint8 ids of objects, or None.
        amodal: (H, W) uint16 bits of objects, or None.
    """
    data = encode_image(image, image_format, 95)
    arrays = {
        "image": decode_pixels(data, FIELDS["image"].file_type, key),
        "mask": mask,
        "depth": depth,
        "depth_composed": depth_composed,
        "instances": instances,
        "amodal": amodal,
    }
    there = {name: array for name, array in arrays.items() if array is not None}
    return Sample(key=key, meta=meta | {"key": key}, arrays=there, files={"image": data})


def some_samples(count: int = 5, *, depth: bool = True, height: int = 20, width: int = 24) -> list[Sample]:
    """Return a few samples, always the same ones: JPEG images, ids and whole areas of two objects.

    Args:
        count: number of samples.
        depth: whether they have both fields of depth, of 12 bits.
        height: height in pixels.
        width: width in pixels.
    """
    rng = np.random.default_rng(3)
    samples = []
    for number in range(count):
        mask = np.zeros((height, width), np.uint8)
        mask[4 : 8 + number, 5:20] = 255
        codes = rng.integers(0, 4096, (height, width)).astype(np.uint16) << np.uint16(4)
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        meta: Meta = {"depth_bits": 12} if depth else {}
        both = (codes, codes[::-1].copy()) if depth else (None, None)
        instances = (mask > 0).astype(np.uint8)
        instances[:, 12:] *= 2
        amodal = instances.astype(np.uint16)
        samples.append(make_sample(f"key-{number}", image, mask, both[0], meta, "jpg", both[1], instances, amodal))
    return samples


@st.composite
def drawn_samples(draw: st.DrawFn) -> tuple[list[Sample], str]:
    """Draw some samples of one shape with any content, and the format of their images."""
    height, width = draw(SIDES), draw(SIDES)
    image_format = draw(st.sampled_from(["jpg", "png"]))
    has_depth, has_composed, has_instances, has_amodal = (draw(st.booleans()) for _ in range(4))
    samples = []
    for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
        samples.append(
            make_sample(
                key,
                draw(hnp.arrays(np.uint8, (height, width, 3))),
                draw(hnp.arrays(np.bool_, (height, width))) * np.uint8(255),
                draw(hnp.arrays(np.uint16, (height, width))) if has_depth else None,
                draw(st.dictionaries(st.text().filter(lambda name: name != "depth_bits"), JSON, max_size=4)),
                image_format,
                draw(hnp.arrays(np.uint16, (height, width))) if has_composed else None,
                draw(hnp.arrays(np.uint8, (height, width))) if has_instances else None,
                draw(hnp.arrays(np.uint16, (height, width))) if has_amodal else None,
            )
        )
    return samples, image_format

"""Fields: bytes and back, digests, depth codes."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fgbg_data.codecs.depth_codes import dequantise_depth, quantise_depth
from fgbg_data.codecs.pictures import decode_pixels, encode_depth, encode_image, encode_mask
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.fields.samples import sample_digest
from fgbg_data.sample import Sample

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(mask=shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 255]))))
def test_mask_is_lossless_for_us_and_for_pillow(mask: np.ndarray) -> None:
    data = encode_mask(mask)
    np.testing.assert_array_equal(FIELDS["mask"].decode(data, "here"), mask)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), mask)


@settings(max_examples=40, deadline=None)
@given(codes=shapes.flatmap(lambda shape: arrays(np.uint16, shape)))
def test_depth_is_lossless_for_us_and_for_pillow(codes: np.ndarray) -> None:
    data = encode_depth(codes)
    np.testing.assert_array_equal(FIELDS["depth"].decode(data, "here"), codes)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(np.asarray(picture).astype(np.uint16), codes)


@settings(max_examples=20, deadline=None)
@given(image=shapes.flatmap(lambda shape: arrays(np.uint8, (*shape, 3))))
def test_png_image_is_lossless(image: np.ndarray) -> None:
    np.testing.assert_array_equal(FIELDS["image"].decode(encode_image(image, "png", 95), "here"), image)


@pytest.mark.parametrize("shape", [(224, 224), (31, 47), (240, 320)])
def test_jpeg_is_420_and_decodes_alike_in_pillow(shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.stack([rows, columns, rows + columns], -1).astype(np.uint8)
    data = encode_image(image, "jpg", 95)
    decoded = FIELDS["image"].decode(data, "here")
    with Image.open(io.BytesIO(data)) as picture:
        assert [component[1:3] for component in picture.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(np.asarray(picture), decoded)
    assert np.abs(decoded[..., 0].astype(int) - image[..., 0]).mean() < 8


@settings(max_examples=60, deadline=None)
@given(
    depth=arrays(np.float32, (5, 7), elements=st.floats(-1000, 1000, width=32)),
    bits=st.integers(1, 16),
)
def test_depth_codes_are_within_half_a_level(depth: np.ndarray, bits: int) -> None:
    codes, low, high = quantise_depth(depth, bits)
    assert (low, high) == (depth.min(), depth.max())
    assert not (codes & np.uint16(2 ** (16 - bits) - 1)).any()
    value = dequantise_depth(codes, bits)
    assert value.min() >= 0
    assert value.max() <= 1
    if high > low:
        expected = (depth.astype(np.float64) - low) / (high - low)
        assert np.abs(value - expected).max() <= 0.5 / (2**bits - 1) + 1e-6
        assert value.max() == 1


def test_constant_depth_is_zero() -> None:
    codes, low, high = quantise_depth(np.full((2, 2), 3.5, np.float32), 12)
    assert (codes.tolist(), low, high) == ([[0, 0], [0, 0]], 3.5, 3.5)


def make_sample() -> Sample:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    arrays = {"image": pixels, "mask": pixels[..., 0], "depth": pixels[..., 1].astype(np.uint16)}
    return Sample(key="a_b_000", meta={"x": 1}, arrays=arrays)


def test_digest_sees_every_part() -> None:
    sample = make_sample()
    changed = [
        replace(sample, key="a_b_001"),
        replace(sample, meta={"x": 2}),
        sample.with_field("image", sample.image + 1),
        sample.with_field("mask", sample.mask[::-1]),
        replace(sample, arrays={"image": sample.image, "mask": sample.mask}),
        sample.with_field("depth", sample.arrays["depth"].astype(np.uint8)),
        sample.with_field("mask", sample.mask.reshape(2, 8)),
    ]
    digests = [sample_digest(each) for each in [sample, *changed]]
    assert len(set(digests)) == len(digests)
    same = replace(sample.with_field("image", np.asfortranarray(sample.image)), files={"image": b"x"})
    assert sample_digest(same) == digests[0]


@pytest.mark.parametrize(
    ("field", "data", "message"),
    [
        ("mask", b"no picture", r"here: the mask cannot be decoded \(10 bytes"),
        ("mask", encode_depth(np.zeros((2, 2), np.uint16)), "the mask decodes to uint16 of shape .*expected uint8"),
        ("depth", encode_mask(np.zeros((2, 2), np.uint8)), "the depth decodes to uint8 .*expected uint16"),
        ("mask", encode_image(np.zeros((2, 2, 3), np.uint8), "png", 1), "with no channels"),
        ("image", b"", "the image cannot be decoded"),
    ],
)
def test_wrong_bytes_are_named(field: str, data: bytes, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        decode_pixels(data, FIELDS[field].file_type, "here")

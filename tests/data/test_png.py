"""The fast encoder and decoder of grey PNGs against OpenCV and Pillow."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from fgbg_data.codecs import png
from fgbg_data.codecs.pictures import encode_depth, encode_image, encode_mask
from fgbg_data.codecs.resize import resize_image
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Array

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def rows_png(rows: bytes, *, width: int, height: int, bits: int = 8) -> bytes:
    """A grey PNG of filtered rows."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return png.SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def decoded(data: bytes) -> Array | None:
    parts = png.parse(data)
    assert parts is not None
    return png.decode_grey(parts)


def by_opencv(data: bytes) -> Array:
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert array is not None
    return array


@given(arrays.arrays(np.uint16, SHAPES), st.booleans())
def test_what_the_package_writes_is_decoded_here(codes: Array, as_mask: bool) -> None:
    written = (codes >> 15).astype(np.uint8) * np.uint8(255) if as_mask else codes
    found = decoded(encode_mask(written) if as_mask else encode_depth(written))
    assert found is not None
    assert found.dtype == written.dtype
    assert np.array_equal(found, written)


@given(st.lists(st.sampled_from([0, 2]), min_size=1, max_size=12), st.sampled_from([8, 16]), st.integers(0, 99))
def test_any_mixture_of_its_two_filters(filters: list[int], bits: int, seed: int) -> None:
    width = 7
    rows = np.random.default_rng(seed).integers(0, 256, (len(filters), 1 + width * bits // 8), dtype=np.uint8)
    rows[:, 0] = filters
    data = rows_png(rows.tobytes(), width=width, height=len(filters), bits=bits)
    assert np.array_equal(decoded(data), by_opencv(data))  # type: ignore[arg-type]


@pytest.mark.parametrize("row_filter", [1, 3, 4])
def test_other_filters_are_left_to_opencv(row_filter: int) -> None:
    data = rows_png(bytes([row_filter, 1, 2, 3]) * 2, width=3, height=2)
    assert decoded(data) is None
    assert np.array_equal(FIELDS["mask"].decode(data, "here"), by_opencv(data))


def test_other_kinds_are_left_to_opencv() -> None:
    colour = encode_image(np.zeros((4, 4, 3), np.uint8), "png", 95)
    assert decoded(colour) is None
    grey = encode_mask(np.zeros((4, 4), np.uint8))
    text = b"tEXt" + b"a\0b"
    chunk = struct.pack(">I", 3) + text + struct.pack(">I", zlib.crc32(text))
    assert decoded(grey[:33] + chunk + grey[33:]) is None


def test_pixels_that_are_too_few_too_many_or_cut_off() -> None:
    assert decoded(rows_png(bytes(4), width=3, height=2)) is None
    assert decoded(rows_png(bytes(10**6), width=3, height=2)) is None  # a bomb, inflated no further than it should be
    whole = rows_png(bytes(8), width=3, height=2)
    parts = png.parse(whole)
    assert parts is not None
    for cut in (parts.pixels[:-4], b"", b"nonsense"):
        assert png.decode_grey(png.Png(2, 3, 8, png.GREY, plain=True, pixels=cut)) is None


def test_a_smaller_image_is_near_to_the_mean_of_its_areas() -> None:
    """Whether a JPEG was decoded at a smaller scale or its pixels are shrunk."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8), (224, 224), interpolation=cv2.INTER_CUBIC)
    jpeg = encode_image(image, "jpg", 100)
    for side in (38, 48, 64, 80, 112, 150):
        exact = cv2.resize(image.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        for found in (resize_image(image, (side, side)), FIELDS["image"].decode(jpeg, "", None, (side, side))):
            assert np.abs(found - exact).mean() < 2


@given(pixels=arrays.arrays(np.uint16, SHAPES) | arrays.arrays(np.uint8, SHAPES), level=st.integers(1, 9))
def test_encoded_pixels_come_back_from_every_decoder(pixels: Array, level: int) -> None:
    data = png.encode_grey(pixels, level)
    for found in (by_opencv(data), decoded(data), np.asarray(Image.open(io.BytesIO(data)))):
        assert found is not None
        np.testing.assert_array_equal(found, pixels)
        assert found.dtype == pixels.dtype


@given(mask=arrays.arrays(np.bool_, SHAPES))
def test_encoded_runs_come_back_from_every_decoder(mask: Array) -> None:
    pixels = mask * np.uint8(255)
    data = png.encode_runs(pixels)
    for found in (by_opencv(data), decoded(data), np.asarray(Image.open(io.BytesIO(data)))):
        np.testing.assert_array_equal(found, pixels)  # type: ignore[arg-type]

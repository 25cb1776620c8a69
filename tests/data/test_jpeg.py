"""The decoder of plain JPEGs against OpenCV and Pillow, and what it leaves to OpenCV."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fgbg_data.codecs import jpeg
from fgbg_data.codecs.pictures import encode_image
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Array

SAMPLINGS = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def scene(height: int, width: int, seed: int = 0) -> Array:
    """Smooth colours with noise and a hard edge, as in a photo."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows * 3, columns * 2, rows + columns], -1) + rng.integers(0, 40, (height, width, 3))
    image[height // 3 :, width // 2 :] += 90
    return (image % 256).astype(np.uint8)


def by_opencv(data: bytes, flag: int = cv2.IMREAD_COLOR_RGB) -> Array:
    array = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    assert array is not None
    return array


def by_pillow(image: Array, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).convert(options.pop("mode", "RGB")).save(file, "JPEG", **options)
    return file.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([1, 30, 75, 95, 100]),
    st.sampled_from(SAMPLINGS),
    st.booleans(),
    st.booleans(),
)
def test_the_pixels_are_those_of_opencv(
    height: int, width: int, quality: int, sampling: int, progressive: bool, grey: bool
) -> None:
    image = scene(height, width)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    options += [] if grey else [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    done, file = cv2.imencode(".jpg", image[..., 0] if grey else image, options)
    assert done
    assert jpeg.is_plain(file.tobytes())
    assert np.array_equal(jpeg.decode_rgb(memoryview(file.tobytes())), by_opencv(file.tobytes()))


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 90), st.integers(16, 90), st.sampled_from([2, 4, 8]))
def test_smaller_pictures_are_those_of_opencv(height: int, width: int, divisor: int) -> None:
    data = encode_image(scene(height, width), "jpg", 95)
    reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}[divisor]
    found = jpeg.decode_rgb(data, divisor)
    assert found.shape == (-(-height // divisor), -(-width // divisor), 3)
    assert np.array_equal(found, by_opencv(data, reduced)[..., ::-1])


def test_what_the_package_and_pillow_write_is_plain() -> None:
    image = scene(40, 56)
    for data in (encode_image(image, "jpg", 95), by_pillow(image), by_pillow(image, mode="L", optimize=True)):
        assert jpeg.is_plain(data)
        assert np.array_equal(FIELDS["image"].decode(data, "here"), by_opencv(data))


def test_what_is_turned_by_its_exif_is_left_to_opencv() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = by_pillow(scene(40, 56), exif=exif)
    assert not jpeg.is_plain(data)
    assert FIELDS["image"].decode(data, "here").shape == (56, 40, 3)


def test_other_colours_and_files_are_left_to_opencv() -> None:
    image = scene(40, 56)
    for data in (by_pillow(image, mode="CMYK"), encode_image(image, "png", 0)):
        assert not jpeg.is_plain(data)
        assert np.array_equal(FIELDS["image"].decode(data, "here"), by_opencv(data))
    assert not jpeg.is_plain(b"")


@pytest.mark.parametrize("size", [None, (64, 64)])
def test_what_is_lost_inside_is_an_error(size: tuple[int, int] | None) -> None:
    """OpenCV fills up with grey."""
    data = encode_image(scene(160, 160), "jpg", 95)
    broken = data[: len(data) // 2] + data[-2:]
    assert by_opencv(broken).shape == (160, 160, 3)
    with pytest.raises(ShardError, match="here: the image cannot be decoded"):
        FIELDS["image"].decode(broken, "here", size=size)

"""Pictures: files of every kind are decoded the right way up, and cut-outs are cropped."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from helpers.picture_files import (
    ORIENTATION,
    animated,
    cutout,
    grey,
    load_foreground,
    opencv,
    photo,
    png,
    posterised,
    rgb,
    saved,
    wide,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fgbg_data.compositing.sources import find_pictures, scan
from fgbg_data.pictures import load_rgb

# --- backgrounds: file name, how it is written, what it must decode to, how far off it may be --------------

BACKGROUNDS: dict[str, tuple[str, Callable[[Path], Any], np.ndarray, int]] = {
    "png": ("a.png", saved(photo()), photo(), 0),
    "png-interlaced-name-in-upper-case": ("A.PNG", saved(photo()), photo(), 0),
    "bmp": ("a.bmp", saved(photo()), photo(), 0),
    "tiff": ("a.tif", saved(photo()), photo(), 0),
    "tiff-lzw": ("a.tiff", saved(photo(), compression="tiff_lzw"), photo(), 0),
    "tiff-pages": ("a.tiff", animated(photo()), photo(), 0),
    "webp-lossless": ("a.webp", saved(photo(), lossless=True), photo(), 0),
    "webp": ("a.webp", saved(photo(), quality=100), photo(), 16),
    "webp-animated": ("a.webp", animated(photo(), lossless=True), photo(), 0),
    "jpeg": ("a.jpg", saved(photo(), quality=100, subsampling=0), photo(), 4),
    "jpeg-progressive": ("a.JPEG", saved(photo(), quality=100, subsampling=0, progressive=True), photo(), 4),
    "jpeg-grey": ("a.jpg", saved(grey(), quality=100), rgb(grey()), 4),
    "jpeg-cmyk": ("a.jpg", saved(photo(), "CMYK", quality=100, subsampling=0), photo(), 6),
    "tiff-cmyk": ("a.tiff", saved(photo(), "CMYK"), photo(), 0),
    "tiff-ycbcr": ("a.tiff", saved(photo(), "YCbCr"), photo(), 4),
    "tiff-lab": (
        "a.tiff",
        lambda path: Image.fromarray(photo()[..., :1].repeat(3, 2) * 0 + 128).convert("LAB").save(path),
        np.full((16, 24, 3), 128, np.uint8),
        4,
    ),
    "gif": ("a.gif", saved(posterised()), posterised(), 0),
    "gif-animated": ("a.gif", animated(posterised()), posterised(), 0),
    "palette": ("a.png", lambda path: Image.fromarray(posterised()).quantize().save(path), posterised(), 0),
    "grey": ("a.png", saved(grey()), rgb(grey()), 0),
    "grey-alpha": ("a.png", saved(np.dstack([grey(), np.full_like(grey(), 255)])), rgb(grey()), 0),
    "one-bit": ("a.png", saved(grey() > 100), rgb((grey() > 100) * np.uint8(255)), 0),
    "one-bit-tiff": ("a.tiff", saved(grey() > 100), rgb((grey() > 100) * np.uint8(255)), 0),
    "grey-16-png": ("a.png", saved(wide(grey())), rgb(grey()), 0),
    "grey-16-tiff": ("a.tiff", saved(wide(grey())), rgb(grey()), 0),
    "grey-16-tiff-big-endian": (
        "a.tiff",
        lambda path: Image.frombytes("I;16B", (24, 16), wide(grey()).astype(">u2").tobytes()).save(path),
        rgb(grey()),
        0,
    ),
    "grey-32-tiff-of-16-bit-values": ("a.tiff", saved(wide(grey()).astype(np.int32)), rgb(grey()), 0),
    "rgb-16-png": ("a.png", lambda path: opencv(path, wide(photo())), photo(), 0),
    "rgb-16-tiff": ("a.tiff", lambda path: opencv(path, wide(photo())), photo(), 0),
    "rgba-16-png": (
        "a.png",
        lambda path: opencv(path, wide(np.dstack([photo(), np.full((16, 24), 255, np.uint8)]))),
        photo(),
        0,
    ),
    "spaces-and-other-scripts": ("Ein Zimmer · 部屋 é.png", saved(photo()), photo(), 0),
    "folders": ("deep/er/still more/a.png", saved(photo()), photo(), 0),
    "wrong-suffix": ("really-a-png.jpg", lambda path: saved(photo(), format="PNG")(path), photo(), 0),
}


@pytest.mark.parametrize("case", BACKGROUNDS)
def test_backgrounds_of_every_kind(case: str, tmp_path: Path) -> None:
    if case == "tiff-ycbcr" and int(PIL.__version__.partition(".")[0]) < 13:
        pytest.skip("Pillow reads these from version 13 on; before, they are refused as truncated")
    name, write, expected, tolerance = BACKGROUNDS[case]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    assert find_pictures(tmp_path, "background").files == [name]
    picture = load_rgb(path)
    assert picture.mode == "RGB"
    np.testing.assert_allclose(np.asarray(picture).astype(int), expected.astype(int), atol=tolerance, rtol=0)


def test_transparent_parts_of_a_background_become_white(tmp_path: Path) -> None:
    pixels = cutout()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = np.asarray(load_rgb(tmp_path / "a.png")).astype(int)
    alpha = pixels[..., 3:].astype(float) / 255
    np.testing.assert_allclose(found, pixels[..., :3] * alpha + 255 * (1 - alpha), atol=1)
    assert found[0, 0].tolist() == [255, 255, 255]


def test_16_bit_is_scaled_not_clipped(tmp_path: Path) -> None:
    """Both ends and the middle of the range; Pillow alone makes 255 of everything above 255."""
    values = np.array([[0, 128, 129, 255, 256, 32767, 32896, 65278, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    found = np.asarray(load_rgb(tmp_path / "a.png"))[0, :, 0]
    np.testing.assert_array_equal(found, np.floor(values[0] / 257 + 0.5))
    opencv(tmp_path / "rgb.png", np.dstack([values] * 3))
    found = np.asarray(load_rgb(tmp_path / "rgb.png"))[0].astype(float)
    np.testing.assert_allclose(found, np.dstack([values] * 3)[0] / 257, atol=1)


# --- foregrounds -------------------------------------------------------------------------------------------


def with_palette(pixels: np.ndarray) -> Image.Image:
    """Mode P whose entries have alpha of their own."""
    entries, index = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    picture = Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8)).convert("P")
    picture.putpalette(entries[:, :3].tobytes())
    picture.info["transparency"] = entries[:, 3].tobytes()
    return picture


def clear_or_opaque() -> np.ndarray:
    pixels = cutout()
    pixels[..., 3] = (pixels[..., 3] >= 128) * np.uint8(255)
    return pixels


def palette_with_clear_entry(path: Path) -> None:
    pixels = clear_or_opaque()
    pixels[pixels[..., 3] == 0, :3] = (1, 2, 3)
    picture = with_palette(pixels)
    picture.save(path, transparency=picture.info["transparency"].index(0))


def grey_cutout() -> np.ndarray:
    pixels = cutout()
    pixels[..., 1] = pixels[..., 2] = pixels[..., 0]
    return pixels


FOREGROUNDS: dict[str, tuple[str, Callable[[Path], Any], np.ndarray, int]] = {
    "png": ("a.png", saved(cutout()), cutout(), 0),
    "apng": ("a.png", animated(cutout()), cutout(), 0),
    "webp": ("a.webp", saved(cutout(), lossless=True, exact=True), cutout(), 0),
    "webp-animated": ("a.webp", animated(cutout(), lossless=True, exact=True), cutout(), 0),
    "tiff": ("a.tiff", saved(cutout()), cutout(), 0),
    "palette-with-alphas": (
        "a.png",
        lambda path: (picture := with_palette(cutout())).save(path, transparency=picture.info["transparency"]),
        cutout(),
        0,
    ),
    "palette-with-clear-entry": ("a.png", palette_with_clear_entry, clear_or_opaque(), 0),
    "gif": ("a.gif", palette_with_clear_entry, clear_or_opaque(), 0),
    "grey-alpha": ("a.png", saved(grey_cutout()[..., [0, 3]]), grey_cutout(), 0),
    "grey-alpha-16": (
        "a.png",
        lambda path: path.write_bytes(
            png(24, 16, 16, 4, wide(grey_cutout()[..., [0, 3]]).astype(">u2").tobytes()),
        ),
        grey_cutout(),
        0,
    ),
    "rgba-16": ("a.png", lambda path: opencv(path, wide(cutout())), cutout(), 0),
    "rgba-16-tiff": ("a.tiff", lambda path: opencv(path, wide(cutout())), cutout(), 0),
}


@pytest.mark.parametrize("case", FOREGROUNDS)
def test_foregrounds_of_every_kind(case: str, tmp_path: Path) -> None:
    name, write, expected, tolerance = FOREGROUNDS[case]
    write(tmp_path / name)
    picture = load_foreground(tmp_path / name)
    assert picture.mode == "RGBA"
    found, expected = np.asarray(picture).astype(int), expected[2:-2, 2:-2].astype(int)
    np.testing.assert_array_equal(found[..., 3], expected[..., 3])
    seen = expected[..., 3] > 0  # the colour of clear pixels is nobody's business
    np.testing.assert_allclose(found[seen], expected[seen], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("bits", "colour", "pixels", "clear", "expected"),
    [
        (1, 0, bytes([0b10110000]), (0,), [(255, 255), (0, 0), (255, 255), (255, 255)]),
        (1, 0, bytes([0b01100000]), (0,), [(255, 255), (255, 255)]),
        (2, 0, bytes([0b00011011]), (0,), [(85, 255), (170, 255), (255, 255)]),
        (2, 0, bytes([0b01001011]), (1,), [(0, 255), (170, 255), (255, 255)]),
        (4, 0, bytes([0x3A, 0x3F]), (3,), [(170, 255), (51, 0), (255, 255)]),
        (8, 0, bytes([10, 7, 10, 255]), (10,), [(7, 255), (10, 0), (255, 255)]),
        (16, 0, struct.pack(">4H", 2570, 0, 2570, 2571), (2570,), [(0, 255), (10, 0), (10, 255)]),
    ],
    ids=["1-bit", "1-bit-cropped", "2-bit", "2-bit-middle", "4-bit", "8-bit", "16-bit"],
)
def test_grey_with_a_transparent_value(
    bits: int, colour: int, pixels: bytes, clear: tuple[int], expected: list[tuple[int, int]], tmp_path: Path
) -> None:
    """The transparent value of a PNG counts in the file's own depth."""
    (tmp_path / "a.png").write_bytes(png(4, 1, bits, colour, pixels, clear))
    found = np.asarray(load_foreground(tmp_path / "a.png"))[0]
    assert [(int(pixel[0]), int(pixel[3])) for pixel in found] == expected


@pytest.mark.parametrize("bits", [8, 16])
def test_colour_with_a_transparent_value(bits: int, tmp_path: Path) -> None:
    values = [(9, 20, 30), (200, 100, 50), (9, 20, 31)]
    layout = ">9H" if bits == 16 else ">9B"

    def deep(value: int) -> int:
        return value * 256 + 200 if bits == 16 else value

    pixels = struct.pack(layout, *(deep(value) for pixel in values for value in pixel))
    clear = tuple(deep(value) for value in values[0])
    (tmp_path / "a.png").write_bytes(png(3, 1, bits, 2, pixels, clear))
    found = np.asarray(load_foreground(tmp_path / "a.png"))
    assert found[0].tolist() == [[200, 100, 50, 255], [9, 20, 31, 255]]


@settings(max_examples=40, deadline=None)
@given(
    left=st.integers(0, 6), top=st.integers(0, 5), right=st.integers(0, 6), bottom=st.integers(0, 5),
    alpha=st.integers(1, 255),
)  # fmt: skip
def test_foregrounds_are_cropped_to_what_is_visible(
    left: int, top: int, right: int, bottom: int, alpha: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "crop.png"
    pixels = np.full((12, 14, 4), 77, np.uint8)  # clear pixels have a colour, which must not count
    pixels[..., 3] = 0
    pixels[top : 12 - bottom, left : 14 - right, 3] = alpha
    Image.fromarray(pixels).save(path)
    assert load_foreground(path).size == (14 - left - right, 12 - top - bottom)


def stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The array that a camera stores, by the table of the EXIF standard (where row 0 and column 0 are seen)."""
    swapped = (1, 0, *range(2, upright.ndim))
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(swapped),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(swapped),
        8: np.rot90(upright, -1),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind",
    ["jpg", "png", "tiff", "webp", "16.png", "16.tiff", "grey.tiff", "cmyk.tiff", "rgba.png", "rgba.tiff"],
)
def test_exif_orientation(kind: str, orientation: int, tmp_path: Path) -> None:
    what, _, suffix = kind.rpartition(".")
    upright = {"16": wide(grey()), "grey": grey(), "rgba": cutout()}.get(what, photo())
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    picture = Image.fromarray(np.ascontiguousarray(stored_as(upright, orientation)))
    options: dict[str, Any] = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    (picture.convert("CMYK") if what == "cmyk" else picture).save(path, exif=exif, **options)
    if what == "rgba":
        found, expected = np.asarray(load_foreground(path)), cutout()[2:-2, 2:-2]
        np.testing.assert_array_equal(found, expected)
    else:
        found = np.asarray(load_rgb(path)).astype(int)
        expected = rgb(grey()) if what in ("16", "grey") else photo()
        np.testing.assert_allclose(found, expected.astype(int), atol=4 if suffix == "jpg" else 0, rtol=0)
    sources, bad = scan(tmp_path, "background")
    assert (bad, sources[0].height, sources[0].width) == ([], *upright.shape[:2])


def test_exif_turns_a_transparent_colour_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    pixels = struct.pack(">6H", 0, 0, 65535, 0, 257, 514)
    (tmp_path / "a.png").write_bytes(png(3, 2, 16, 0, pixels, (0,), exif.tobytes().removeprefix(b"Exif\0\0")))
    assert np.asarray(load_foreground(tmp_path / "a.png"))[..., [0, 3]].tolist() == [
        [[1, 255], [0, 0]],
        [[2, 255], [255, 255]],
    ]

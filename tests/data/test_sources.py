"""Sources: every kind of picture people have, ids, cropping, fitting, the cache, and what cannot be used."""

import gc
import itertools
import os
import re
import struct
import unicodedata
import warnings
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support import config_for

from fgbg_data.compose import paste, resize_premultiplied
from fgbg_data.errors import SourceError
from fgbg_data.pictures import fit_background, load_background, load_foreground, shrink_foreground
from fgbg_data.sources import (
    BadSource,
    SourceCache,
    bad_sources_text,
    check_ids,
    find_pictures,
    scan,
    source_id,
)

ORIENTATION = 0x0112


def photo(height: int = 16, width: int = 24) -> np.ndarray:
    """A smooth picture that looks different under any turn or flip."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10 + 20, columns * 9 + 10, 250 - 5 * rows - 5 * columns], -1).astype(np.uint8)


def posterised() -> np.ndarray:
    """A picture of few colours, which a palette holds exactly."""
    return photo() // 64 * 64


def grey() -> np.ndarray:
    return photo()[..., 1]


def cutout() -> np.ndarray:
    """A cut-out with four levels of alpha and a clear border of 2 px, which cropping removes."""
    pixels = np.dstack([posterised(), np.zeros((16, 24), np.uint8)])
    pixels[2:-2, 2:-2, 3] = 255
    pixels[2:-2, 4:8, 3] = 85
    pixels[4:8, 10:14, 3] = 0
    return pixels


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, bits: int, colour: int, pixels: bytes, clear: tuple[int, ...] = (), exif: bytes = b""
) -> bytes:
    """A PNG written by hand, for what Pillow cannot write; `pixels` are packed rows without filter bytes."""
    size = len(pixels) // height
    rows = b"".join(b"\0" + pixels[row * size : (row + 1) * size] for row in range(height))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))]
    if exif:
        parts.append(chunk(b"eXIf", exif))
    if clear:
        parts.append(chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def opencv(path: Path, pixels: np.ndarray) -> None:
    """Write 16-bit colour, which Pillow cannot."""
    channels = [2, 1, 0, 3][: pixels.shape[2]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., channels]))


def wide(pixels: np.ndarray) -> np.ndarray:
    """8 to 16 bits, 255 to 65535."""
    return pixels.astype(np.uint16) * 257


def saved(pixels: np.ndarray, mode: str = "", **options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        picture = Image.fromarray(pixels)
        (picture.convert(mode) if mode else picture).save(path, **options)

    return save


def animated(pixels: np.ndarray, **options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        later = [Image.fromarray(np.roll(pixels, step, 1)) for step in (5, 9)]
        Image.fromarray(pixels).save(path, save_all=True, append_images=later, **options)

    return save


def rgb(values: np.ndarray) -> np.ndarray:
    return np.dstack([values] * 3)


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
    name, write, expected, tolerance = BACKGROUNDS[case]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    assert find_pictures(tmp_path, "background") == [name]
    picture = load_background(path)
    assert picture.mode == "RGB"
    np.testing.assert_allclose(np.asarray(picture).astype(int), expected.astype(int), atol=tolerance, rtol=0)


def test_transparent_parts_of_a_background_become_white(tmp_path: Path) -> None:
    pixels = cutout()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = np.asarray(load_background(tmp_path / "a.png")).astype(int)
    alpha = pixels[..., 3:].astype(float) / 255
    np.testing.assert_allclose(found, pixels[..., :3] * alpha + 255 * (1 - alpha), atol=1)
    assert found[0, 0].tolist() == [255, 255, 255]


def test_16_bit_is_scaled_not_clipped(tmp_path: Path) -> None:
    """Both ends and the middle of the range; Pillow alone makes 255 of everything above 255."""
    values = np.array([[0, 128, 129, 255, 256, 32767, 32896, 65278, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    found = np.asarray(load_background(tmp_path / "a.png"))[0, :, 0]
    np.testing.assert_array_equal(found, np.floor(values[0] / 257 + 0.5))
    opencv(tmp_path / "rgb.png", np.dstack([values] * 3))
    found = np.asarray(load_background(tmp_path / "rgb.png"))[0].astype(float)
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
    form = ">9H" if bits == 16 else ">9B"

    def deep(value: int) -> int:
        return value * 256 + 200 if bits == 16 else value

    pixels = struct.pack(form, *(deep(value) for pixel in values for value in pixel))
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
        found = np.asarray(load_background(path)).astype(int)
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


# --- finding -----------------------------------------------------------------------------------------------


def test_finds_pictures_in_folders_and_ignores_the_rest(tmp_path: Path) -> None:
    names = ["b.PNG", "a.jpg", "sub/x.webp", "sub/deeper/Y.Tif", "with space/é.bmp", "s.gif", "t.jpeg", "u.tiff"]
    ignored = [
        ".hidden.png",
        "._b.png",
        ".cache/z.png",
        "sub/.thumbs/x.jpg",
        "notes.txt",
        "sources.csv",
        "png",
        "a.psd",
    ]
    for name in [*names, *ignored]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert find_pictures(tmp_path, "background") == sorted(names)


def test_follows_links_once(tmp_path: Path) -> None:
    (tmp_path / "bg" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    saved(photo())(tmp_path / "elsewhere" / "far.png")
    (tmp_path / "bg" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "bg" / "file.png").symlink_to(tmp_path / "elsewhere" / "far.png")
    (tmp_path / "bg" / "sub" / "round").symlink_to(tmp_path / "bg")  # must not go round for ever
    (tmp_path / "bg" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    assert find_pictures(tmp_path / "bg", "background") == ["broken.png", "file.png", "linked/far.png"]
    sources, bad = scan(tmp_path / "bg", "background")
    assert [source.file for source in sources] == ["file.png", "linked/far.png"]
    assert bad == [BadSource("broken.png", "cannot be read (No such file or directory)")]


@pytest.mark.parametrize(("kind", "option"), [("background", "--bg"), ("foreground", "--fg")])
def test_folders_without_pictures(kind: Any, option: str, tmp_path: Path) -> None:
    for folder, found in ((tmp_path / "none", "there is no such folder"), (tmp_path / "file", "is a file")):
        (tmp_path / "file").write_text("")
        with pytest.raises(
            SourceError, match=f"^{folder}: {found}; {option} expects the folder of the {kind} pictures"
        ):
            find_pictures(folder, kind)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=rf"holds no picture \(found nothing\); {option} expects files .bmp, .gif"):
        find_pictures(tmp_path / "empty", kind)
    for name in ("a.heic", "b.HEIC", "notes"):
        (tmp_path / "empty" / name).write_text("")
    with pytest.raises(SourceError, match=r"\(found 2 .heic, 1 without suffix\)"):
        find_pictures(tmp_path / "empty", kind)


# --- ids ---------------------------------------------------------------------------------------------------

SEGMENT = st.text(
    st.one_of(st.sampled_from("abcxyzABC019 -_.()éßÄ部屋🎈"), st.characters(exclude_characters="/\0", codec="utf-8")),
    min_size=1,
    max_size=60,
)
FILE = st.builds(
    lambda parts, suffix: "/".join(parts) + suffix,
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from([".png", ".jpg", ".PNG", ".jpeg", ".webp"]),
)
KIND: Any = st.sampled_from(["background", "foreground"])


@settings(max_examples=120, deadline=None)
@given(file=FILE, kind=KIND)
def test_id_alphabet_length_and_purity(file: str, kind: Any) -> None:
    found = source_id(file, kind)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", found)
    assert len(found) <= 40
    assert source_id(file, kind) == found
    for form in ("NFC", "NFD"):  # two systems write one name in two ways
        assert source_id(unicodedata.normalize(form, file), kind) == found


@settings(max_examples=50, deadline=None)
@given(files=st.sets(FILE.map(lambda name: unicodedata.normalize("NFC", name)), max_size=30), kind=KIND)
def test_distinct_paths_have_distinct_ids(files: set[str], kind: Any) -> None:
    assert len({source_id(file, kind) for file in files}) == len(files)


@settings(max_examples=120, deadline=None)
@given(file=FILE | st.from_regex(r"[a-z0-9-]{1,45}\.(png|jpg|webp)", fullmatch=True), kind=KIND)
@example(file="a" * 40 + ".png", kind="foreground")
@example(file="a" * 41 + ".png", kind="foreground")
@example(file="-a.jpg", kind="background")
@example(file="a--b.jpg", kind="background")
def test_bare_slug_only_for_exact_names(file: str, kind: Any) -> None:
    suffix = "png" if kind == "foreground" else "jpg"
    slug = re.fullmatch(rf"([a-z0-9]+(?:-[a-z0-9]+)*)\.{suffix}", file)
    if slug and len(slug[1]) <= 40:
        assert source_id(file, kind) == slug[1]
    else:
        assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{6}", source_id(file, kind))


def test_ids_of_like_names_differ() -> None:
    names = [
        "hall.jpg",
        "Hall.jpg",
        "hall.JPG",
        "hall.jpeg",
        "hall.png",
        "a/hall.jpg",
        "hall .jpg",
        "háll.jpg",
        "ha-ll.jpg",
    ]
    assert len({source_id(name, "background") for name in names}) == len(names)
    cases = itertools.product(*((letter, letter.upper()) for letter in "abcdefghij"))
    assert len({source_id("".join(name) + ".jpg", "background") for name in cases}) == 1024  # all slug alike
    assert source_id("hall.jpg", "background") == "hall"
    assert source_id("hall.png", "foreground") == "hall"
    assert source_id("部屋.png", "foreground").startswith("x-")
    assert source_id("Äpfel & Birnen.png", "foreground").startswith("apfel-birnen-")


def test_ids_are_stable() -> None:
    """Keys of existing datasets hang on these."""
    assert source_id("sub/Big Room (2).jpeg", "background") == "sub-big-room-2-130180"
    assert source_id("部屋.png", "foreground") == "x-89285c"


def test_two_spellings_of_one_name_are_an_error(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        saved(photo())(tmp_path / unicodedata.normalize(form, "é.png"))
    sources, bad = scan(tmp_path, "background")
    if len(sources) == 1:
        pytest.skip("this file system takes both for one name")
    assert not bad
    with pytest.raises(SourceError, match=r"\.png and .*\.png both get the id 'e-[0-9a-f]{6}'; rename one"):
        check_ids(sources)


# --- halos -------------------------------------------------------------------------------------------------


def disc(colour: tuple[int, int, int], unseen: str, soft: bool) -> np.ndarray:
    """An anti-aliased disc whose clear pixels hold any colour, as cut-outs from image editors do."""
    large = Image.new("L", (400, 400))
    ImageDraw.Draw(large).ellipse((40, 40, 360, 360), fill=255)
    alpha = np.asarray(large.resize((100, 100), Image.Resampling.BOX))
    pixels = np.empty((100, 100, 4), np.uint8)
    pixels[..., :3] = {"white": 255, "black": 0}.get(unseen, 0)
    if unseen == "garbage":
        pixels[..., :3] = np.random.default_rng(3).integers(0, 256, (100, 100, 3))
    pixels[alpha > 0, :3] = colour
    pixels[..., 3] = alpha // 2 + (alpha > 0) if soft else alpha
    return pixels


@pytest.mark.parametrize("soft", [False, True], ids=["opaque", "half-transparent"])
@pytest.mark.parametrize("unseen", ["white", "black", "garbage"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 90)], ids=["white", "black", "red"])
def test_no_halo(colour: tuple[int, int, int], unseen: str, soft: bool, tmp_path: Path) -> None:
    """On a background of its own colour a cut-out vanishes; on any other, no pixel leaves the range between."""
    Image.fromarray(disc(colour, unseen, soft)).save(tmp_path / "a.png")
    for side in (9, 31, 60, 80, 100, 170):
        config = config_for(tmp_path, tmp_path / "out", size="200", scale=f"{side / 200}:{side / 200}")
        cut = resize_premultiplied(shrink_foreground(load_foreground(tmp_path / "a.png"), config), side, side)
        same = np.full((200, 200, 3), colour, np.uint8)
        image = paste(same, cut, top=10, left=20).image.astype(int)
        assert np.abs(image - colour).max() <= 2, side
        for shade in (0, 255, 128):
            other = np.full((200, 200, 3), shade, np.uint8)
            image = paste(other, cut, top=10, left=20).image.astype(int)
            low, high = np.minimum(colour, shade), np.maximum(colour, shade)
            assert (image >= low - 2).all(), (side, shade)
            assert (image <= high + 2).all(), (side, shade)
            np.testing.assert_array_equal(image[:10], shade)


# --- fitting -----------------------------------------------------------------------------------------------


def striped(height: int, width: int) -> Image.Image:
    """Red, green (the middle half), blue, from left to right."""
    picture = Image.new("RGB", (width, height), (0, 255, 0))
    picture.paste((255, 0, 0), (0, 0, width // 4, height))
    picture.paste((0, 0, 255), (width * 3 // 4, 0, width, height))
    return picture


def test_cover_crops_the_middle_and_stretch_distorts() -> None:
    covered = fit_background(striped(64, 128), (32, 32), "cover")
    assert covered.shape == (32, 32, 3)
    assert (covered[:, 4:-4] == (0, 255, 0)).all()
    stretched = fit_background(striped(64, 128), (32, 32), "stretch")
    assert stretched.shape == (32, 32, 3)
    assert stretched[16, [2, 16, 29]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    tall = fit_background(striped(64, 128).transpose(Image.Transpose.ROTATE_90), (32, 32), "cover")
    assert (tall[4:-4] == (0, 255, 0)).all()


@pytest.mark.parametrize("fit", ["cover", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (24, 48), (25, 47), (48, 96)])
def test_any_size_fills_any_canvas(size: tuple[int, int], fit: str) -> None:
    pixels = fit_background(Image.new("RGB", size, (10, 200, 30)), (24, 48), fit)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (24, 48, 3))
    assert (pixels == (10, 200, 30)).all()


def test_a_background_of_the_canvas_keeps_its_pixels() -> None:
    for fit in ("cover", "stretch"):
        np.testing.assert_array_equal(fit_background(Image.fromarray(photo()), (16, 24), fit), photo())


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 400), width=st.integers(1, 400), high=st.sampled_from([0.05, 0.4, 0.7, 1.0]),
    size=st.sampled_from(["32", "64x24"]),
)  # fmt: skip
@example(height=1, width=400, high=0.4, size="32")
@example(height=400, width=2, high=0.4, size="64x24")
def test_cached_cutouts_are_bounded_by_the_canvas(height: int, width: int, high: float, size: str) -> None:
    """At most twice the largest box, so that memory depends on the canvas and not on the camera."""
    config = config_for(Path("x"), Path("y"), size=size, scale=f"{high / 2}:{high}")
    picture = shrink_foreground(Image.new("RGBA", (width, height), (9, 9, 9, 200)), config)
    assert picture.mode == "RGBa"
    canvas_h, canvas_w = config.canvas
    assert picture.height <= min(height, max(1, round(2 * high * canvas_h)))
    assert picture.width <= min(width, max(1, round(2 * high * canvas_w)))
    fits = height <= 2 * high * canvas_h - 1 and width <= 2 * high * canvas_w - 1
    if fits:
        assert picture.size == (width, height)


def test_native_cutouts_keep_their_pixels() -> None:
    config = config_for(Path("x"), Path("y"), scale="native")
    assert shrink_foreground(Image.new("RGBA", (500, 300)), config).size == (500, 300)


# --- the cache ---------------------------------------------------------------------------------------------


def cache_of(folder: Path, limit: int) -> SourceCache:
    names = {f"p{number}": f"p{number}.png" for number in range(4)}
    config = config_for(folder, folder / "out", size="16", scale="0.5:1")
    return SourceCache(config, names, names, limit=limit)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for kind in ("bg", "fg"):
        (tmp_path / kind).mkdir()
        for number in range(4):
            pixels = cutout()
            pixels[..., 0] += number
            Image.fromarray(pixels).save(tmp_path / kind / f"p{number}.png")
    return tmp_path


BACKGROUND_BYTES = 16 * 16 * 3


def test_least_recently_used_goes_first(sources: Path) -> None:
    cache = cache_of(sources, limit=3 * BACKGROUND_BYTES)
    first = {name: cache.background(name) for name in ("p0", "p1", "p2")}
    assert cache.background("p0") is first["p0"]  # used again: p1 is now the oldest
    cache.background("p3")
    assert cache.background("p0") is first["p0"]
    assert cache.background("p2") is first["p2"]
    again = cache.background("p1")
    assert again is not first["p1"]
    np.testing.assert_array_equal(again, first["p1"])


@pytest.mark.parametrize("limit", [0, BACKGROUND_BYTES - 1, BACKGROUND_BYTES, 5000, 2**20])
def test_byte_limit_holds(limit: int, sources: Path) -> None:
    cache = cache_of(sources, limit)
    made: list[tuple[weakref.ref[Any], int]] = []
    for name in ["p0", "p1", "p2", "p3", "p1", "p0"]:
        background, cut = cache.background(name), cache.foreground(name)
        made += [(weakref.ref(background), background.nbytes), (weakref.ref(cut), 4 * cut.width * cut.height)]
    del background, cut
    gc.collect()
    alive = {id(value): size for ref, size in made if (value := ref()) is not None}
    assert sum(alive.values()) <= limit
    assert alive or limit < 5000


def test_result_does_not_depend_on_the_limit(sources: Path) -> None:
    small, large = cache_of(sources, 0), cache_of(sources, 2**30)
    for name in ["p2", "p0", "p2", "p3", "p1", "p0", "p2"]:
        np.testing.assert_array_equal(small.background(name), large.background(name))
        np.testing.assert_array_equal(np.asarray(small.foreground(name)), np.asarray(large.foreground(name)))


def test_one_id_may_be_a_background_and_a_foreground(sources: Path) -> None:
    cache = cache_of(sources, 2**20)
    assert cache.background("p0").shape == (16, 16, 3)
    assert cache.foreground("p0").mode == "RGBa"


# --- sources.csv -------------------------------------------------------------------------------------------


def scan_with_csv(folder: Path, text: str | bytes) -> tuple[dict[str, dict[str, str]], list[BadSource]]:
    (folder / "sub").mkdir()
    for name in ("a.png", "sub/é b.png"):
        saved(photo())(folder / name)
    (folder / "sources.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    found, bad = scan(folder, "background")
    assert [source.file for source in found] == ["a.png", "sub/é b.png"]
    return {source.file: source.provenance for source in found}, bad


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_provenance_is_carried(bom: bytes, end: str, tmp_path: Path) -> None:
    lines = [
        "url,file,licence,author,notes",
        'https://example.org/a,a.png,CC0-1.0,"Doe, Jane",x',
        ",sub/é b.png,CC-BY-4.0,Ann,",
        ",,,,",
        "",
    ]
    found, bad = scan_with_csv(tmp_path, bom + end.join(lines).encode())
    assert not bad
    assert found == {
        "a.png": {"licence": "CC0-1.0", "author": "Doe, Jane", "url": "https://example.org/a"},
        "sub/é b.png": {"licence": "CC-BY-4.0", "author": "Ann"},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,author\na.png,Ann\n", {"author": "Ann"}),
        ("file, licence, author\na.png, CC0, Ann\n", {"licence": "CC0", "author": "Ann"}),
        ("file,license\na.png,CC0\n", {"licence": "CC0"}),
        ('file,author\na.png,"Ann\nBob"\n', {"author": "Ann\nBob"}),
        ("file,licence,author\na.png\n", {}),
        ("file\n", {}),
    ],
    ids=["few-columns", "spaces", "other-spelling", "line-break-in-a-cell", "short-row", "no-rows"],
)
def test_provenance_as_people_write_it(text: str, expected: dict[str, str], tmp_path: Path) -> None:
    found, bad = scan_with_csv(tmp_path, text)
    assert not bad
    assert found["a.png"] == expected


def test_provenance_finds_names_of_another_system(tmp_path: Path) -> None:
    found, bad = scan_with_csv(tmp_path, "file,author\n" + unicodedata.normalize("NFD", "sub/é b.png") + ",Ann\n")
    assert not bad
    assert found["sub/é b.png"] == {"author": "Ann"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("file,author\nb.png,Ann\n", "names 'b.png', which is not in the folder"),
        ("file,author\n,Ann\n", "names '', which is not in the folder"),
        ("file,author\na.png,Ann\na.png,Bob\n", "names 'a.png' twice"),
        ("name,author\na.png,Ann\n", "has no column `file`; expected file,licence,author,url"),
        ("", "has no column `file`"),
        ("file;author\na.png;Ann\n", "has no column `file`"),
        ("file,author\na.png,J\xf6rg\n".encode("latin-1"), "is not a CSV file in UTF-8"),
        ("file,author\na.png,Ann\n".encode("utf-16"), "is not a CSV file in UTF-8"),
    ],
    ids=["unknown-file", "no-file", "twice", "no-column", "empty", "semicolons", "latin-1", "utf-16"],
)
def test_wrong_provenance_is_told(text: str | bytes, problem: str, tmp_path: Path) -> None:
    _, bad = scan_with_csv(tmp_path, text)
    assert [source.file for source in bad] == ["sources.csv"]
    assert bad[0].problem.startswith(problem)


# --- what cannot be used -----------------------------------------------------------------------------------


def encoded(suffix: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data: np.ndarray = cv2.imencode(suffix, noise)[1]
    return data.tobytes()


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "bomb.png": (
        lambda path: path.write_bytes(png(50_000, 50_000, 8, 2, bytes(50_000))),
        r"has more than 178 million pixels, so it may be a decompression bomb; make it smaller first",
    ),
    "cut.jpg": (lambda path: path.write_bytes(encoded(".jpg")[:2000]), r"cannot be read \(.*truncated.*\)"),
    "cut.png": (lambda path: path.write_bytes(encoded(".png")[:5000]), r"cannot be read \(.*truncated.*\)"),
    "cut.webp": (lambda path: path.write_bytes(encoded(".webp")[:500]), r"(cannot be read|is no picture).*"),
    "cut.tiff": (lambda path: path.write_bytes(encoded(".tiff")[:500]), r"(cannot be read|is no picture).*"),
    "empty.png": (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
    "float.tiff": (saved(np.zeros((4, 4), np.float32)), r"holds floating-point pixels; save it with 8 or 16 bits.*"),
    "long.tiff": (saved(np.full((4, 4), 70_000, np.int32)), r"holds 32-bit pixels; save it with 8 or 16 bits.*"),
    "one.png": (lambda path: path.write_bytes(b"x"), r"is no picture of a known kind \(1 byte\)"),
    "text.png": (lambda path: path.write_text("not a picture\n"), r"is no picture of a known kind \(14 bytes\)"),
}


def test_every_bad_background_is_told_at_once(tmp_path: Path) -> None:
    for name, (write, _) in BAD.items():
        write(tmp_path / name)
    saved(photo())(tmp_path / "good.png")
    sources, bad = scan(tmp_path, "background", jobs=4)
    assert [source.file for source in sources] == ["good.png"]
    assert [source.file for source in bad] == sorted(BAD)
    for source in bad:
        assert re.fullmatch(BAD[source.file][1], source.problem), source
    text = bad_sources_text([(tmp_path, source) for source in bad]).splitlines()
    assert text[0] == "10 pictures cannot be used. Mend or remove them, or go on without them with --skip-bad:"
    assert text[1:] == [f"  {tmp_path / source.file}: {source.problem}" for source in bad]


def test_text_for_one_bad_picture_and_for_other_files(tmp_path: Path) -> None:
    one = [(tmp_path, BadSource("a.png", "is empty (0 bytes)"))]
    assert bad_sources_text(one).startswith("1 picture cannot be used. Mend or remove it, or go on without it with")
    table = [(tmp_path, BadSource("sources.csv", problem)) for problem in ("names 'x'", "names 'y'")]
    assert bad_sources_text(one + table).startswith("2 files cannot be used. Mend or remove them")
    assert len(bad_sources_text(one + one).splitlines()) == 2  # one folder given twice


def test_every_bad_foreground_is_told_at_once(tmp_path: Path) -> None:
    clear = cutout()
    clear[..., 3] = 0
    saved(clear)(tmp_path / "clear.png")
    saved(photo())(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("x")
    saved(cutout())(tmp_path / "good.png")
    sources, bad = scan(tmp_path, "foreground")
    assert [(source.id, source.height, source.width) for source in sources] == [("good", 12, 20)]
    assert {source.file: source.problem for source in bad} == {
        "clear.png": "is transparent everywhere; nothing of it would be visible",
        "photo.png": "has no alpha channel; a foreground is a cut-out with transparency",
        "text.png": "is no picture of a known kind (1 byte)",
    }


def test_foregrounds_that_all_are_opaque_are_photos(tmp_path: Path) -> None:
    """Screenshots have an alpha channel that is opaque everywhere. One such among cut-outs may be meant."""
    opaque = np.dstack([photo(), np.full((16, 24), 255, np.uint8)])
    for name in ("a.png", "b.png"):
        saved(opaque)(tmp_path / name)
    sources, bad = scan(tmp_path, "foreground")
    assert not sources
    assert [source.problem for source in bad] == [
        "is opaque everywhere; a foreground is a cut-out with transparency"
    ] * 2
    saved(cutout())(tmp_path / "c.png")
    sources, bad = scan(tmp_path, "foreground")
    assert [source.file for source in sources] == ["a.png", "b.png", "c.png"]
    assert not bad


def test_names_that_are_not_utf8_are_told(tmp_path: Path) -> None:
    saved(photo())(tmp_path / "good.png")
    try:
        (tmp_path / os.fsdecode(b"J\xf6rg.png")).write_bytes((tmp_path / "good.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    sources, bad = scan(tmp_path, "background")
    assert [source.file for source in sources] == ["good.png"]
    assert bad == [BadSource("J\ufffdrg.png", "has a name that is not UTF-8; rename it")]


def test_threads_agree_and_leave_the_warning_filters_alone(tmp_path: Path) -> None:
    """Odd metadata makes Pillow warn, here an error; the filters belong to the process, not to a thread."""
    broken = b"Exif\0\0II*\0\x08\0\0\0\x09\0" + b"\x12\x01\x03\0\x01\0\0\0"
    for number in range(24):
        Image.fromarray(photo()).save(tmp_path / f"p{number}.jpg", exif=broken)
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):
        Image.open(tmp_path / "p0.jpg").getexif()
    before = list(warnings.filters)
    told: list[int] = []
    alone = scan(tmp_path, "background", jobs=1)
    assert scan(tmp_path, "background", report=lambda: told.append(1), jobs=4) == alone
    assert not alone[1]
    assert len(told) == 24
    assert warnings.filters == before

"""Metadata never decides over pixels: profiles, text, EXIF and odd layouts change no picture and refuse none."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.picture_files import ORIENTATION, chunk, cutout, grey, load_foreground, photo, rgb, wide
from helpers.tiff_files import tiff
from PIL import Image, ImageCms

from fgbg_data.errors import SourceError
from fgbg_data.pictures import load_rgb

# --- PNG ---------------------------------------------------------------------------------------------------

MANY = zlib.compress(bytes(1_100_000))


def png_with(pixels: np.ndarray, *extra: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    data = stream.getvalue()
    return data[:33] + b"".join(extra) + data[33:]


CHUNKS = {
    "profile": chunk(b"iCCP", b"scanner\0\0" + MANY),
    "no-profile": chunk(b"iCCP", b"broken\0\0" + b"no zlib"),
    "packed-text": chunk(b"zTXt", b"Raw profile type xmp\0\0" + MANY),
    "packed-xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + MANY),
    "text": chunk(b"tEXt", b"Comment\0" + bytes(1_100_000)),
    "much-text": b"".join(chunk(b"tEXt", b"Comment\0" + b"x" * 1_000_000) for _ in range(70)),
    "checksum-of-text": chunk(b"tEXt", b"Comment\0hello")[:-4] + bytes(4),
    "checksum-of-time": chunk(b"tIME", bytes(7))[:-4] + b"\1\2\3\4",
    "size-of-pixels": chunk(b"pHYs", b"\0"),
    "exif": chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "unknown": chunk(b"abCd", bytes(100)),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_without_pixels_change_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_with(photo(), CHUNKS[name]))
    np.testing.assert_array_equal(np.asarray(load_rgb(tmp_path / "a.png")), photo())
    (tmp_path / "b.png").write_bytes(png_with(cutout(), CHUNKS[name]))
    np.testing.assert_array_equal(np.asarray(load_foreground(tmp_path / "b.png")), cutout()[2:-2, 2:-2])


def test_chunks_with_pixels_must_be_whole(tmp_path: Path) -> None:
    data = bytearray(png_with(photo()))
    data[data.index(b"IDAT") + 10] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SourceError, match="cannot be read"):
        load_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_turns_a_png(packed: bool, tmp_path: Path) -> None:
    text = b'<rdf:Description tiff:Orientation="6"/>'
    body = b"\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text
    (tmp_path / "a.png").write_bytes(png_with(photo(), chunk(b"iTXt", b"XML:com.adobe.xmp\0" + body)))
    np.testing.assert_array_equal(np.asarray(load_rgb(tmp_path / "a.png")), np.rot90(photo(), -1))


# --- EXIF --------------------------------------------------------------------------------------------------

TURN = (ORIENTATION, 3, 1, struct.pack("<H", 6))
WRONG = {
    "signed-resolution": (0x011A, 10, 1, struct.pack("<ii", -72, 1)),
    "resolution-as-text": (0x011A, 2, 3, b"72\0"),
    "resolution-as-byte": (0x011A, 1, 1, b"\x48"),
    "two-resolutions": (0x011A, 5, 2, struct.pack("<IIII", 72, 1, 72, 1)),
    "too-many-bits": (0x0102, 4, 1, struct.pack("<I", 70000)),
    "a-share-of-nothing": (0x9204, 10, 1, struct.pack("<ii", -1, 0)),
    "text-that-is-none": (0x010F, 7, 8, b"\xff\xfe\0\1\2\3\4\5"),
    "a-wild-pointer": (0x8825, 4, 1, struct.pack("<I", 99999)),
    "a-pointer-as-text": (0x8825, 2, 4, b"abc\0"),
    "a-type-that-is-none": (0x010E, 0, 1, bytes(4)),
}


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    directory, tail, offset = struct.pack("<H", len(entries)), b"", 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        head = struct.pack("<HHI", tag, kind, count)
        if len(value) <= 4:
            directory += head + value.ljust(4, b"\0")
        else:
            directory += head + struct.pack("<I", offset + len(tail))
            tail += value
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + tail


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Metadata Warning", "ignore:Possibly corrupt")
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_tag_does_not_stop_the_turn(name: str, kind: str, tmp_path: Path) -> None:
    path, upright = tmp_path / f"a.{kind}", np.rot90(photo(), -1)
    if kind == "tiff":
        tag, _, _, _ = WRONG[name]
        bad = (tag, 1, (1,)) if tag != 0x0102 else (0x0129, 1, (1,))
        path.write_bytes(tiff(photo(), 2, tags=((ORIENTATION, 3, (6,)), bad)))
    else:
        data = exif(TURN, WRONG[name])
        options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(kind, {})
        Image.fromarray(photo()).save(path, exif=b"Exif\0\0" + data, **options)  # type: ignore[arg-type]
    found = np.asarray(load_rgb(path)).astype(int)
    assert found.shape == upright.shape
    np.testing.assert_allclose(found, upright.astype(int), atol=4 if kind == "jpg" else 0)


# --- TIFF --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_planar_tiffs_are_right_or_refused_with_the_reason(channels: int, big: bool, tmp_path: Path) -> None:
    pixels = cutout()[..., :channels]
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(wide(pixels), 2, (2,) if channels == 4 else (), planar=True, big=big))
    with pytest.raises(SourceError, match=r"separate planes of more than 8 bits.*PlanarConfiguration 1"):
        load_rgb(path)
    for deep in (pixels, wide(pixels)):
        path.write_bytes(tiff(deep, 2, (2,) if channels == 4 else (), planar=deep is pixels, big=big))
        if channels == 3:
            np.testing.assert_array_equal(np.asarray(load_rgb(path)), pixels)
        else:
            np.testing.assert_array_equal(np.asarray(load_foreground(path)), pixels[2:-2, 2:-2])


def test_tiffs_whose_0_is_white_are_no_negatives(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for pixels, photometric in ((grey(), 1), (255 - grey(), 0), (wide(grey()), 1), (65535 - wide(grey()), 0)):
        path.write_bytes(tiff(pixels, photometric))
        np.testing.assert_array_equal(np.asarray(load_rgb(path)), rgb(grey()))
    path.write_bytes(tiff(65535 - wide(grey()), 0, big=True))
    with pytest.raises(SourceError, match=r"a TIFF of a kind that cannot be read \(grey \(0 is white\), 16 bits, big"):
        load_rgb(path)


def test_alpha_of_tiffs(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", cutout()
    pixels[..., 3] = np.where(pixels[..., 3] == 85, 255, pixels[..., 3])
    grey_alpha = pixels[..., [0, 3]]
    for extra in (1, 2):  # premultiplied, and not: the same where alpha is 0 or 255
        for data, photometric in ((pixels * (pixels[..., 3:] > 0), 2), (grey_alpha * (pixels[..., 3:] > 0), 1)):
            path.write_bytes(tiff(data, photometric, (extra,)))
            found = np.asarray(load_foreground(path))
            np.testing.assert_array_equal(found[..., 3], pixels[2:-2, 2:-2, 3])
            seen = found[..., 3] > 0
            np.testing.assert_array_equal(found[seen][:, 0], pixels[2:-2, 2:-2][seen][:, 0])
    for data, photometric in ((pixels, 2), (wide(pixels), 2), (grey_alpha, 1)):
        path.write_bytes(tiff(data, photometric, (0,)))
        with pytest.raises(SourceError, match=r"does not call alpha \(TIFF ExtraSamples 0\)"):
            load_foreground(path)


# --- colour profiles ---------------------------------------------------------------------------------------


def profile(space: bytes, gamma: float = 563 / 256) -> bytes:
    """An ICC profile with the primaries of Adobe RGB, or of grey."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Wide\0" + bytes(78) + b"\0"
    tags = {b"desc": name, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz(0.9642, 1, 0.8249)}
    if space == b"RGB ":
        primaries = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
        for letter, values in zip("rgb", primaries, strict=True):
            tags |= {f"{letter}XYZ".encode(): xyz(*values), f"{letter}TRC".encode(): curve}
    else:
        tags[b"kTRC"] = curve
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += tag + struct.pack(">II", offset + len(body), len(value))
        body += padded
    head = struct.pack(">I", offset + len(body)) + b"none" + struct.pack(">I", 0x02100000) + b"mntr" + space
    head = (head + b"XYZ " + bytes(12) + b"acsp" + bytes(28)).ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + table + body


def patches() -> Image.Image:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, :8], pixels[:, 8:16], pixels[:, 16:] = (40, 160, 60), (200, 60, 50), (60, 90, 200)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "jpg", "avif"])
def test_colours_of_other_spaces_become_srgb(kind: str, tmp_path: Path) -> None:
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile(b"RGB ")))
    stored = ImageCms.profileToProfile(patches(), ImageCms.createProfile("sRGB"), given)
    assert stored is not None
    assert np.abs(np.asarray(stored).astype(int) - np.asarray(patches()).astype(int)).max() > 50
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}, "avif": {"quality": 100}}
    stored.save(tmp_path / f"a.{kind}", icc_profile=profile(b"RGB "), **options.get(kind, {}))  # type: ignore[arg-type]
    found = np.asarray(load_rgb(tmp_path / f"a.{kind}")).astype(int)[4:12, [4, 12, 20]]
    expected = np.asarray(patches()).astype(int)[4:12, [4, 12, 20]]
    np.testing.assert_allclose(found, expected, atol=1 if kind in ("png", "tiff", "webp") else 6)


def test_profiles_of_cutouts_greys_and_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = cutout()
    Image.fromarray(pixels).save(path, icc_profile=profile(b"RGB "))
    np.testing.assert_array_equal(np.asarray(load_foreground(path))[..., 3], pixels[2:-2, 2:-2, 3])
    Image.fromarray(grey()).save(path, icc_profile=profile(b"GRAY", gamma=1.0))
    assert np.asarray(load_rgb(path)).mean() > grey().mean() + 20  # linear greys are lighter in sRGB
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for unused in (srgb, b"nonsense", profile(b"GRAY"), bytes(1_100_000)):
        Image.fromarray(photo()).save(path, icc_profile=unused)
        np.testing.assert_array_equal(np.asarray(load_rgb(path)), photo())


# --- JPEG --------------------------------------------------------------------------------------------------


def test_jpegs_may_end_without_their_marker(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)).save(stream, "JPEG")
    data, path = stream.getvalue(), tmp_path / "a.jpg"
    path.write_bytes(data)
    whole = np.asarray(load_rgb(path))
    for tail in (b"", bytes(64)):
        path.write_bytes(data[:-2] + tail)
        np.testing.assert_array_equal(np.asarray(load_rgb(path)), whole)
    for cut in (len(data) // 2, len(data) - 40):
        path.write_bytes(data[:cut])
        with pytest.raises(SourceError, match="truncated"):
            load_rgb(path)

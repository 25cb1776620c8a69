"""Picture files are decoded to 8-bit sRGB, the right way up: the one reader that every command uses."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from fgbg_data.errors import SourceError
from fgbg_data.pictures import tiff_traits
from fgbg_data.pictures.colour import to_srgb
from fgbg_data.pictures.plugins import TURNED, load_plugin
from fgbg_data.pictures.png_chunks import SIGNATURE, plain_png
from fgbg_data.text import counted

MAX_PIXELS = 178_956_970
"""A picture with more pixels is taken for a decompression bomb. It is twice the level at which Pillow warns."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Orientation of EXIF -> the operation that turns the picture upright."""

FIRST_FRAME = "fgbg_first_frame"
"""Entry of `Image.info` that says that the picture is the first frame of an animation."""
FIRST_PAGE = "fgbg_first_page"
"""Entry of `Image.info` that says that the picture is the first page of a TIFF with several pages."""
UNMARKED = "fgbg_unmarked_channel"
"""Entry of `Image.info` that says that a TIFF has a channel which it does not call alpha."""


def load_rgb(path: Path) -> Image.Image:
    """Load a picture as 8-bit RGB, the right way up. Transparent parts are laid on white.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    return on_white(open_picture(path))


def on_white(picture: Image.Image) -> Image.Image:
    """Return an RGB picture as it is, and an RGBA picture laid on white."""
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def open_picture(path: Path) -> Image.Image:
    """Decode a picture file; see `decode_file`.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    return decode_file(read_picture(path), path)


def read_picture(path: Path) -> bytes:
    """Return the bytes of a picture file.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as error:
        reason = isinstance(error, OSError) and error.strerror or "it is too large for the memory"
        raise SourceError(f"cannot be read ({reason})", where=path) from error


def decode_file(data: bytes, path: Path, *, true_colours: bool = True) -> Image.Image:
    """Decode a picture (its first frame) to RGB, or to RGBA if it has transparency, rotated as EXIF says.

    Metadata never decides whether a picture can be read: what is damaged in it is ignored.

    Args:
        data: the bytes of the file.
        path: the file, for error texts.
        true_colours: convert colours to sRGB by the colour profile of the picture, and read grey TIFFs of 12 bits, or
            whose 0 is white, as their tags say. Format version 2 did neither.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    try:
        return _decode(data, path, true_colours)
    except Image.DecompressionBombError as error:
        raise SourceError(
            f"has more than {MAX_PIXELS // 10**6} million pixels, so it may be a decompression bomb; make it smaller "
            "first",
            where=path,
        ) from error
    except UnidentifiedImageError as error:
        size = counted(len(data), "byte")
        known = tiff_traits.describe(data) or f"no picture of a known kind ({size})"
        raise SourceError(f"is {known}" if data else "is empty (0 bytes)", where=path) from error
    except SourceError:
        raise
    # Pillow's decoders raise what their format makes them raise (SyntaxError, struct.error, ...).
    except Exception as error:
        whole = _with_end_of_jpeg(data)
        if whole:
            return decode_file(whole, path, true_colours=true_colours)
        reason = isinstance(error, OSError) and error.strerror or str(error) or type(error).__name__
        raise SourceError(f"cannot be read ({reason})", where=path) from error


def _decode(data: bytes, path: Path, true_colours: bool) -> Image.Image:
    profile, animated = b"", False
    if data.startswith(SIGNATURE):
        animated = b"acTL" in data[: max(0, data.find(b"IDAT"))]
        data, profile = plain_png(data)
    load_plugin(data, path)
    # By stream: given a path, Pillow 13 maps uncompressed TIFFs, and turns those of EXIF 5 to 8 into noise.
    with Image.open(io.BytesIO(data)) as file:
        if file.width * file.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        if file.format == "TIFF" and (problem := tiff_traits.problem_of(file.tag_v2)):  # type: ignore[attr-defined]
            raise SourceError(problem, where=path)
        turn = _turn(file)
        # Several pictures in a photo of a phone are one photo, and those in a TIFF are pages.
        animated = animated or (file.format not in ("MPO", "TIFF") and getattr(file, "is_animated", False))
        file.load()
        picture = _to_8_bit(file, data, path, true_colours)
        if turn is not None and file.format not in TURNED:
            picture = picture.transpose(turn)
        unmarked = file.format == "TIFF" and tiff_traits.has_unmarked_channel(file, file.tag_v2)  # type: ignore[attr-defined]
        profile = profile or file.info.get("icc_profile") or b""
    clear = picture.has_transparency_data
    if true_colours and profile and picture.mode in ("L", "LA", "CMYK"):  # by a profile of greys or inks
        picture = to_srgb(picture.convert("LA") if picture.mode == "L" and clear else picture, profile)
    picture = picture.convert("RGBA" if clear else "RGB")
    if true_colours and profile:
        picture = to_srgb(picture, profile)
    if unmarked:
        picture.info[UNMARKED] = True
    if animated:
        picture.info[FIRST_FRAME] = True
    if file.format == "TIFF" and tiff_traits.has_more_pages(data):
        picture.info[FIRST_PAGE] = True
    return picture


def _turn(file: Image.Image) -> Image.Transpose | None:
    """Return how EXIF says that a picture is to be turned, and forget all other EXIF.

    Pillow writes all of it anew when it turns a picture, and fails if anything in it is wrong.
    """
    try:
        exif = file.getexif()
        orientation = exif.get(ExifTags.Base.Orientation)
    # Whatever is wrong with EXIF, the pixels are there.
    except Exception:
        return None
    for tag in list(exif):
        if tag != ExifTags.Base.Orientation:
            del exif[tag]
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _with_end_of_jpeg(data: bytes) -> bytes:
    """Return a JPEG that lacks only its end marker with that marker; empty if more is wrong with it.

    libjpeg warns where pixels are missing, and `strict` makes an error of that.
    """
    import simplejpeg

    if not data.startswith(b"\xff\xd8") or data.endswith(b"\xff\xd9"):
        return b""
    whole = data + b"\xff\xd9"
    try:
        simplejpeg.decode_jpeg(whole, strict=True)
    except ValueError:
        return b""
    return whole


def _to_8_bit(picture: Image.Image, data: bytes, path: Path, true_colours: bool) -> Image.Image:
    """Scale 16-bit grey to 8 bits, and bring the transparent colour of a PNG to 8 bits as well.

    Pillow would clip 16-bit grey. Of 16-bit colours it takes the high byte, as it should.
    """
    if picture.mode == "F":
        raise SourceError("holds floating-point pixels; save it with 8 or 16 bits a channel", where=path)
    if picture.mode == "La":  # grey and premultiplied alpha, which Pillow converts to no other mode
        return picture.convert("LA")
    clear = picture.info.get("transparency")
    if not picture.mode.startswith("I"):
        if picture.format == "PNG" and picture.mode in ("L", "RGB") and clear is not None:
            bits = data[24]  # IHDR
            if picture.mode == "RGB":
                picture.info["transparency"] = tuple(value >> (bits - 8) for value in clear)
            else:
                picture.info["transparency"] = clear * 255 // (2**bits - 1)
        return picture
    values = np.asarray(picture).astype(np.int64)
    top = 65535
    if picture.format == "TIFF" and true_colours:
        tags = picture.tag_v2  # type: ignore[attr-defined]
        top = 2 ** tiff_traits.grey_bits(tags) - 1
        if tiff_traits.is_inverted(tags):
            values = top - values
    if values.min() < 0 or values.max() > top:
        raise SourceError("holds 32-bit pixels; save it with 8 or 16 bits a channel", where=path)
    grey = Image.fromarray(((values * 255 + top // 2) // top).astype(np.uint8))
    grey.info = dict(picture.info)
    if grey.info.pop("transparency", None) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of Pillow: a decompression bomb is an error here, and odd metadata does not matter.

    Use it around threads, not in them, because the filters of warnings belong to the whole process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""One picture: from a file of any kind to 8-bit pixels, the right way up, as the composer needs it."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fgbg_data.errors import SourceError
from fgbg_data.text import counted

MAX_PIXELS = 178_956_970
"""More is taken for a decompression bomb; twice Pillow's own warning level, where Pillow itself refuses."""
NO_ALPHA = "has no alpha channel; a foreground is a cut-out with transparency"


def load_background(path: Path) -> Image.Image:
    """Load a picture as 8-bit RGB, the right way up; transparent parts are laid on white.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = open_picture(path)
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def load_foreground(path: Path) -> Image.Image:
    """Load a cut-out as 8-bit RGBA, the right way up, cropped to alpha > 0.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = open_picture(path)
    check_cutout(picture, path)
    return crop_cutout(picture)


def check_cutout(picture: Image.Image, path: Path) -> None:
    """Raise a SourceError unless something of the picture is visible and something may not be."""
    if picture.mode != "RGBA":
        raise SourceError(f"{path}: {NO_ALPHA}")
    if picture.getchannel("A").getbbox() is None:
        raise SourceError(f"{path}: is transparent everywhere; nothing of it would be visible")


def crop_cutout(cutout: Image.Image) -> Image.Image:
    """Crop to alpha > 0."""
    return cutout.crop(cutout.getchannel("A").getbbox())


def open_picture(path: Path) -> Image.Image:
    """Decode a picture (its first frame) to RGB, RGBA where it has transparency, rotated as EXIF says."""
    try:
        # By stream: given a path, Pillow 13 maps uncompressed TIFFs, and turns those of EXIF 5 to 8 into noise.
        with path.open("rb") as stream, Image.open(stream) as file:
            if file.width * file.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            file.load()
            picture = ImageOps.exif_transpose(_to_8_bit(file, path))
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except Image.DecompressionBombError as error:
        raise SourceError(
            f"{path}: has more than {MAX_PIXELS // 10**6} million pixels, so it may be a decompression bomb; "
            "make it smaller first"
        ) from error
    except UnidentifiedImageError as error:
        size = path.stat().st_size
        problem = f"is no picture of a known kind ({counted(size, 'byte')})" if size else "is empty (0 bytes)"
        raise SourceError(f"{path}: {problem}") from error
    except SourceError:
        raise
    # Pillow's decoders raise what their format makes them raise (SyntaxError, struct.error, ...).
    except Exception as error:
        reason = isinstance(error, OSError) and error.strerror or str(error) or type(error).__name__
        raise SourceError(f"{path}: cannot be read ({reason})") from error


def _to_8_bit(picture: Image.Image, path: Path) -> Image.Image:
    """Scale 16-bit grey to 8 bits (Pillow would clip it), and bring a PNG's transparent colour to that depth.

    Pillow takes the high byte of 16-bit colours by itself.
    """
    if picture.mode == "F":
        raise SourceError(f"{path}: holds floating-point pixels; save it with 8 or 16 bits a channel")
    clear = picture.info.get("transparency")
    if not picture.mode.startswith("I"):
        if picture.format == "PNG" and picture.mode in ("L", "RGB") and clear is not None:
            with path.open("rb") as stream:
                bits = stream.read(25)[24]  # IHDR
            if picture.mode == "RGB":
                picture.info["transparency"] = tuple(value >> (bits - 8) for value in clear)
            else:
                picture.info["transparency"] = clear * 255 // (2**bits - 1)
        return picture
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise SourceError(f"{path}: holds 32-bit pixels; save it with 8 or 16 bits a channel")
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    grey.info, exif = dict(picture.info), picture.getexif()
    if grey.info.pop("transparency", None) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    grey.getexif().update(exif)
    return grey


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings: a bomb is an error here, and odd metadata is no matter.

    Around the threads, not in them: the filters belong to the whole process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

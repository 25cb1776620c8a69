"""Picture files of the user: found in folders, and decoded to 8-bit pixels, the right way up."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.text import counted

SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif"})
"""Files with these suffixes, in upper or lower case, are taken for pictures."""
MAX_PIXELS = 178_956_970
"""A picture with more is taken for a decompression bomb. It is twice the level at which Pillow warns."""


def find_named(pictures: Sequence[str | Path]) -> dict[Path, str]:
    """Find pictures, and name the files that will be written for each.

    Args:
        pictures: files, and folders that are searched with their subfolders.

    Returns:
        Each picture file -> its name without suffix; of a file in a folder, with the subfolders that lead to it.

    Raises:
        SourceError: a file or folder is missing, or a folder holds no picture.
        ConfigError: two pictures would have one name.
    """
    names: dict[Path, str] = {}
    for given in map(Path, pictures):
        if given.is_dir():
            found = sorted(path for path in given.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
            if not found:
                raise SourceError(f"holds no picture; expected files {', '.join(sorted(SUFFIXES))}", where=given)
            names |= {path: path.relative_to(given).with_suffix("").as_posix() for path in found}
        elif given.is_file():
            names[given] = given.stem
        else:
            raise SourceError("there is no such file or folder", where=given)
    first: dict[str, Path] = {}
    for path, name in names.items():
        if name in first:
            raise ConfigError(f"{first[name]} and {path} would both be written as {name}; use a folder for each")
        first[name] = path
    return names


def load_rgb(path: Path) -> Image.Image:
    """Load a picture as 8-bit RGB, the right way up. Transparent parts are laid on white.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = open_picture(path)
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def open_picture(path: Path) -> Image.Image:
    """Decode a picture (its first frame) to RGB, or to RGBA if it has transparency, rotated as EXIF says.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
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
            f"has more than {MAX_PIXELS // 10**6} million pixels, so it may be a decompression bomb; make it smaller "
            "first",
            where=path,
        ) from error
    except UnidentifiedImageError as error:
        size = path.stat().st_size
        problem = f"is no picture of a known kind ({counted(size, 'byte')})" if size else "is empty (0 bytes)"
        raise SourceError(problem, where=path) from error
    except SourceError:
        raise
    # Pillow's decoders raise what their format makes them raise (SyntaxError, struct.error, ...).
    except Exception as error:
        reason = isinstance(error, OSError) and error.strerror or str(error) or type(error).__name__
        raise SourceError(f"cannot be read ({reason})", where=path) from error


def _to_8_bit(picture: Image.Image, path: Path) -> Image.Image:
    """Scale 16-bit grey to 8 bits, and bring the transparent colour of a PNG to 8 bits as well.

    Pillow would clip 16-bit grey. Of 16-bit colours it takes the high byte, as it should.
    """
    if picture.mode == "F":
        raise SourceError("holds floating-point pixels; save it with 8 or 16 bits a channel", where=path)
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
        raise SourceError("holds 32-bit pixels; save it with 8 or 16 bits a channel", where=path)
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    grey.info, exif = dict(picture.info), picture.getexif()
    if grey.info.pop("transparency", None) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    grey.getexif().update(exif)
    return grey


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of Pillow: a decompression bomb is an error here, and odd metadata does not matter.

    Use it around threads, not in them, because the filters of warnings belong to the whole process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

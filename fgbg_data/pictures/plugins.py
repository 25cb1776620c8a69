"""Kinds of pictures that Pillow reads with a package beside it: HEIC of phones, and JPEG XL."""

import importlib
import threading

from fgbg_data.errors import SourceError

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_JXL_STARTS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
_LOCK = threading.Lock()
TURNED = ("TIFF", "HEIF", "JXL")
"""Formats whose decoders turn pictures upright themselves."""


def load_plugin(data: bytes, where: object) -> None:
    """Let Pillow read a picture of these kinds; do nothing for any other.

    Args:
        data: the bytes of the file.
        where: the file, for the text of an error.

    Raises:
        SourceError: the package that it needs is not installed.
    """
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        kind, name = "HEIC", "pillow_heif"
    elif data.startswith(_JXL_STARTS):
        kind, name = "JPEG XL", "pillow_jxl"
    else:
        return
    try:
        with _LOCK:  # sources are read by several threads
            plugin = importlib.import_module(name)  # pillow_jxl registers itself
            if kind == "HEIC":
                plugin.register_heif_opener()
    except ImportError as error:
        raise SourceError(
            f"is a {kind} picture; run: pip install 'fgbg[photos]', or save it as JPEG or PNG", where=where
        ) from error

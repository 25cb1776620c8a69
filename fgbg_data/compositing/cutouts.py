"""Cut-outs: foreground pictures with transparency, checked and cropped to what is visible."""

from pathlib import Path

from PIL import Image

from fgbg_data.errors import SourceError
from fgbg_data.pictures import open_picture
from fgbg_data.pictures.decode import UNMARKED

NO_ALPHA = "has no alpha channel; a foreground is a cut-out with transparency"
"""Problem of a foreground. It is recorded in manifests, so the text must stay as it is."""
UNMARKED_ALPHA = (
    "has a channel that it does not call alpha (TIFF ExtraSamples 0); save it as PNG, or with ExtraSamples 2"
)
"""Problem of a foreground."""


def load_foreground(path: Path) -> Image.Image:
    """Load a cut-out as 8-bit RGBA, the right way up, cropped to alpha > 0.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = open_picture(path)
    check_cutout(picture, path)
    return crop_cutout(picture)


def check_cutout(picture: Image.Image, path: Path) -> None:
    """Require an alpha channel with at least one visible pixel.

    Raises:
        SourceError: the picture has no alpha channel, or is transparent everywhere.
    """
    if picture.mode != "RGBA":
        raise SourceError(UNMARKED_ALPHA if UNMARKED in picture.info else NO_ALPHA, where=path)
    if picture.getchannel("A").getbbox() is None:
        raise SourceError("is transparent everywhere; nothing of it would be visible", where=path)


def crop_cutout(cutout: Image.Image) -> Image.Image:
    """Return the part of a cut-out that is visible: its bounding box of alpha > 0."""
    return cutout.crop(cutout.getchannel("A").getbbox())

"""Cut-outs: foreground pictures with transparency, checked and cropped to what is visible."""

from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.errors import SourceError
from fgbg_data.pictures import decode_file
from fgbg_data.pictures.decode import UNMARKED
from fgbg_data.sample import Array
from fgbg_data.versions import FORMAT_VERSION, rules_of

NO_ALPHA = "has no alpha channel; a foreground is a cut-out with transparency"
"""Problem of a foreground. It is recorded in manifests, so the text must stay as it is."""
UNMARKED_ALPHA = (
    "has a channel that it does not call alpha (TIFF ExtraSamples 0); save it as PNG, or with ExtraSamples 2"
)
"""Problem of a foreground."""
SPECK = 0.01
"""A part of a cut-out matters only if its area is at least this share of that of the main part. A larger share would
cut loose ends of cords away, a smaller one would keep stray dots."""
SEARCHED_PX = 512
"""Parts are searched in blocks of pixels, at most this many a side, which is faster. Boxes are exact to the pixel."""
_CUBES = np.arange(256.0) ** 3


def decode_foreground(data: bytes, path: Path, version: int = FORMAT_VERSION) -> Image.Image:
    """Decode a cut-out to 8-bit RGBA, the right way up, cropped to what is visible; see `crop_cutout`.

    Args:
        data: the bytes of the file.
        path: the file, for error texts.
        version: the format version by whose rules it is decoded and cropped.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = decode_file(data, path, true_colours=rules_of(version).true_colours)
    check_cutout(picture, path)
    return crop_cutout(picture, version)


def check_cutout(picture: Image.Image, path: Path) -> None:
    """Require an alpha channel with at least one visible pixel.

    Raises:
        SourceError: the picture has no alpha channel, or is transparent everywhere.
    """
    if picture.mode != "RGBA":
        raise SourceError(UNMARKED_ALPHA if UNMARKED in picture.info else NO_ALPHA, where=path)
    if picture.getchannel("A").getbbox() is None:
        raise SourceError("is transparent everywhere; nothing of it would be visible", where=path)


def crop_cutout(cutout: Image.Image, version: int = FORMAT_VERSION) -> Image.Image:
    """Return the part of a cut-out that can be seen.

    It is the smallest box around all parts that matter. A part is a connected area of alpha >= 8. The main part is the
    one with the largest sum of alpha cubed, to which faint pixels add little. Another part matters if its strongest
    alpha is at least half of that of the main part, and its area at least `SPECK` times as large. So the haze that
    matting networks leave, watermarks and stray dots do not make a cut-out small.

    Args:
        cutout: the picture, of mode RGBA, with a pixel that is not clear.
        version: the format version. Up to version 2 the box holds every pixel of alpha > 0.
    """
    import cv2

    channel = cutout.getchannel("A")
    least = rules_of(version).visible_alpha
    if least == 1:
        return cutout.crop(channel.getbbox())
    alpha = np.asarray(channel)
    block = -(-max(alpha.shape) // SEARCHED_PX)
    _, seen = cv2.threshold(alpha, min(least, int(alpha.max())) - 1, 255, cv2.THRESH_TOZERO)
    height, width = (-(-side // block) for side in seen.shape)
    bottom, right = height * block - seen.shape[0], width * block - seen.shape[1]
    seen = cv2.copyMakeBorder(seen, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=0)
    strongest = cv2.dilate(seen, np.ones((block, block), np.uint8), anchor=(0, 0))[::block, ::block]
    counts = cv2.resize((seen > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    matters = _parts_that_matter(strongest, counts).astype(np.uint8)
    seen[cv2.resize(matters, seen.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) == 0] = 0
    left, top, width, height = cv2.boundingRect(seen)
    return cutout.crop((left, top, left + width, top + height))


def _parts_that_matter(alpha: Array, areas: Array) -> Array:
    """Return the parts of a cut-out that matter as a mask, (H, W) bool; see `crop_cutout`.

    Args:
        alpha: (H, W) uint8, the strongest alpha of each block of pixels; 0 where nothing can be seen.
        areas: (H, W), the share of pixels of each block that can be seen.
    """
    import cv2

    count, parts = cv2.connectedComponents((alpha > 0).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    if count == 2:  # part 0 is what cannot be seen
        return parts > 0
    flat = parts.ravel()
    main = int(np.bincount(flat, (_CUBES[alpha] * areas).ravel()).argmax())
    size = np.bincount(flat, areas.ravel())
    level = (int(alpha[parts == main].max()) + 1) // 2
    wanted = (np.bincount(flat, (alpha >= level).ravel()) > 0) & (size >= SPECK * size[main])
    wanted[0] = False
    found: Array = wanted[parts]
    return found


def filled_share(cutout: Image.Image) -> float:
    """Return the share of a cropped cut-out that its mask fills: its pixels of at least half coverage."""
    alpha = np.asarray(cutout.getchannel("A"))
    return float(np.count_nonzero(alpha >= 128) / alpha.size)

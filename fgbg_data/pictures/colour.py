"""Colour profiles: the colours of a picture are converted to sRGB, which most pictures and screens use."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

CONVERTED = "fgbg_converted"
"""Entry of `Image.info` that says that the colours were converted."""

_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of a profile -> the mode of the pictures that it describes."""


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture with its colours converted to sRGB by its ICC profile; alpha stays as it is.

    The picture stays as it is if the profile is damaged, belongs to another colour space than the picture, or changes
    no colour by more than one level, as the many variants of sRGB do. The conversion is relative colorimetric, so that
    colours that both spaces have keep their look.

    Args:
        picture: of a mode with 8 bits a channel.
        profile: the ICC profile; may be empty.
    """
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    base = {"RGBA": "RGB", "LA": "L"}.get(picture.mode, picture.mode)
    transform = _transform(profile, base) if profile else None
    if transform is None:
        return picture
    colours = picture.convert(base) if alpha else picture
    converted = ImageCms.applyTransform(colours, transform)
    if converted is None:
        return picture
    if alpha:
        converted.putalpha(alpha)
    converted.info = {name: value for name, value in picture.info.items() if name != "icc_profile"}
    converted.info[CONVERTED] = True
    return converted


@functools.lru_cache(16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of a profile to sRGB; None if it cannot be used or changes nothing."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _SPACES.get(given.profile.xcolor_space) != mode:
            return None
        transform = ImageCms.buildTransform(
            given,
            _srgb(),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode == "CMYK":
            return transform
        levels = _levels(mode)
        after = ImageCms.applyTransform(levels, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if after is None:
        return None
    off = np.abs(np.asarray(levels.convert("RGB")).astype(int) - np.asarray(after).astype(int)).max()
    return transform if off > 1 else None


def _levels(mode: str) -> Image.Image:
    """Return a picture of colours from the whole of RGB, or of all greys."""
    steps = np.arange(0, 256, 17).astype(np.uint8)
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3))


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

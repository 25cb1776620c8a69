"""Colours of cut-outs: soft edges get the colour of the object, without the background that shines through."""

import numpy as np

from fgbg_data.errors import ConfigError
from fgbg_data.sample import Array


def check_matting() -> None:
    """Raise a ConfigError unless PyMatting is installed."""
    try:
        import pymatting  # noqa: F401
    except ImportError as error:
        raise ConfigError("the colours of soft edges need PyMatting; run: pip install 'fgbg[cutout]'") from error


def object_colours(image: Array, alpha: Array) -> Array:
    """Estimate the colours of an object where the background shines through.

    Source: Germer, Uelwer, Conrad & Harmeling, "Fast multi-level foreground estimation", ICPR 2020.

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8.

    Returns:
        (H, W, 3) uint8 RGB; where alpha is full, the pixels of the image.
    """
    from pymatting import estimate_foreground_ml

    found = estimate_foreground_ml(image.astype(np.float32) / 255, alpha.astype(np.float32) / 255)
    colours = np.rint(np.clip(found, 0, 1) * 255).astype(np.uint8)
    return np.where(alpha[..., None] == 255, image, colours)

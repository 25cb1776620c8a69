"""Decoys: the silhouette of a cut-out, filled with a part of another background."""

from dataclasses import dataclass

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.integers import premultiply
from fgbg_data.sample import Array


@dataclass(frozen=True, kw_only=True)
class Texture:
    """Which part of a background fills a silhouette."""

    top: int = 0
    """First row of the part, in pixels."""
    left: int = 0
    """First column of the part, in pixels."""
    mirrored: bool = False
    """Whether the background is flipped left to right before."""


def draw_texture(draws: Draws, canvas: tuple[int, int], height: int, width: int) -> Texture:
    """Draw the part that fills one silhouette.

    Args:
        draws: the draws of the decoy.
        canvas: (height, width) of the background in pixels.
        height: height of the silhouette in pixels.
        width: width of the silhouette in pixels.
    """
    return Texture(
        top=draws.below("texture-top", max(1, canvas[0] - height + 1)),
        left=draws.below("texture-left", max(1, canvas[1] - width + 1)),
        mirrored=bool(draws.below("texture-mirrored", 2)),
    )


def fill(cutout: Array, background: Array, texture: Texture) -> Array:
    """Return a cut-out whose colours are those of a background; alpha stays.

    Args:
        cutout: (h, w, 4) uint8 premultiplied RGBA. It is not changed.
        background: (H, W, 3) uint8 RGB. It is continued by its mirror image where the silhouette is larger.
        texture: the part of the background.

    Returns:
        (h, w, 4) uint8 premultiplied RGBA.
    """
    import cv2

    height, width = cutout.shape[:2]
    if texture.mirrored:
        background = cv2.flip(background, 1)
    below, right = max(0, height - background.shape[0]), max(0, width - background.shape[1])
    if below or right:
        background = cv2.copyMakeBorder(background, 0, below, 0, right, cv2.BORDER_REFLECT)
    part = background[texture.top : texture.top + height, texture.left : texture.left + width]
    return premultiply(cv2.merge([*cv2.split(part), cv2.extractChannel(cutout, 3)]))

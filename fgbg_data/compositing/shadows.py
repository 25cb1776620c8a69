"""Shadows of objects on the ground, in integers: under the foot, and cast by the light of the background."""

import numpy as np

from fgbg_data.compositing.compose import visible_part
from fgbg_data.compositing.integers import MAX_RADIUS, box_mean, weigh
from fgbg_data.compositing.stage import Light
from fgbg_data.sample import Array
from fgbg_data.scene_options import Shadow

CONTACT = 150
"""Share of the light that a contact shadow takes, in 1/255."""
CAST = 105
"""Share of the light that a cast shadow takes, in 1/255."""
FOOT = (1, 12)
"""Share of the object's height, counted from its foot, whose columns throw the contact shadow."""
FLAT = (1, 5)
"""Height of a contact shadow as a share of its width."""


def shadow_of(cutout: Array, top: int, left: int, canvas: tuple[int, int], kind: Shadow, light: Light) -> Array:
    """Return how much light an object takes from each pixel of the ground: (H, W) uint8, 0 to 255.

    Args:
        cutout: (h, w, 4) uint8 premultiplied RGBA; only its alpha counts.
        top: row of its upper edge in the picture; may be negative.
        left: column of its left edge; may be negative.
        canvas: (height, width) of the picture in pixels.
        kind: `contact`, or `cast` for both kinds together.
        light: where the light comes from.
    """
    alpha = cutout[..., 3]
    seen = np.flatnonzero(alpha.max(axis=1) >= 128)
    shadow = np.zeros(canvas, np.uint8)
    if not len(seen):
        return shadow
    foot = int(seen[-1])
    if kind == "cast":
        _lay_cast(shadow, alpha[: foot + 1], top + foot, left, light)
    _lay_contact(shadow, alpha[: foot + 1], top + foot, left)
    return shadow


def darken(image: Array, shadow: Array) -> Array:
    """Return a picture without the light that a shadow takes.

    Args:
        image: (H, W, 3) uint8 RGB, left unchanged.
        shadow: (H, W) uint8, 0 to 255.
    """
    return weigh(image, 255 - shadow)


def _lay_contact(shadow: Array, alpha: Array, foot: int, left: int) -> None:
    """Add the shadow under the lowest part of an object: darkest in the row of its foot, fading above and below it.

    Args:
        shadow: (H, W) uint8, changed in place.
        alpha: (h, w) uint8; its last row is the foot.
        foot: row of the foot in the picture.
        left: column of the left edge of `alpha` in the picture.
    """
    height, width = alpha.shape
    low = alpha[-max(1, height * FOOT[0] // FOOT[1]) :].max(axis=0).astype(np.int32)
    columns = np.flatnonzero(low >= 128)
    if not len(columns):
        return
    reach = max(1, min(int(columns[-1] - columns[0] + 1) * FLAT[0] // FLAT[1], height // 8))
    rows = np.arange(-reach, reach + 1)
    fall = (reach + 1) ** 2 - rows**2
    patch = (CONTACT * low * fall[:, None] // (255 * (reach + 1) ** 2)).astype(np.uint8)
    _lay(shadow, patch, foot - reach, left, radius=max(1, min(MAX_RADIUS, reach // 2)))


def _lay_cast(shadow: Array, alpha: Array, foot: int, left: int, light: Light) -> None:
    """Add the silhouette of an object as its light throws it on the ground: sheared, flattened and blurred.

    Args:
        shadow: (H, W) uint8, changed in place.
        alpha: (h, w) uint8; its last row is the foot.
        foot: row of the foot in the picture.
        left: column of the left edge of `alpha` in the picture.
        light: where the light comes from.
    """
    height, width = alpha.shape
    rows = max(1, height * light.back // 256)
    reach = height * abs(light.across) // 256
    patch = np.zeros((rows, width + reach), np.uint8)
    for row in range(rows):  # from the foot upwards
        first, last = row * height // rows, max(row * height // rows + 1, (row + 1) * height // rows)
        part = alpha[height - last : height - first].sum(axis=0, dtype=np.int32) // (last - first)
        moved = (first + last) * abs(light.across) // 512
        start = moved if light.across >= 0 else reach - moved
        fade = 256 - 128 * row // rows  # the penumbra grows with the distance from the foot
        patch[rows - 1 - row, start : start + width] = CAST * part // 255 * fade // 256
    left -= 0 if light.across >= 0 else reach
    _lay(shadow, patch, foot + 1 - rows, left, radius=max(1, min(MAX_RADIUS, height // 40)))


def _lay(shadow: Array, patch: Array, top: int, left: int, radius: int) -> None:
    """Blur a patch and lay it on a shadow. Where they overlap, the darker of the two counts."""
    patch = np.pad(patch, 2 * radius)
    patch = box_mean(box_mean(patch, radius), radius)
    rows, columns, part = visible_part(patch, top - 2 * radius, left - 2 * radius, shadow.shape)
    shadow[rows, columns] = np.maximum(shadow[rows, columns], part)

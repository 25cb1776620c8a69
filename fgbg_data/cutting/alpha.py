"""Alpha of cut-outs: cleaned, cut apart into objects, and judged. Everything here is pure."""

from dataclasses import dataclass

import numpy as np

from fgbg_data.sample import Array

LEAST_ALPHA = 8
"""Smaller alpha, of 255, is noise and becomes 0."""
LEAST_AREA, MOST_AREA = 0.005, 0.95
"""Shares of a picture: a cut-out that covers less or more is hardly an object."""
MOST_SOFT = 0.4
"""Largest share of a cut-out's pixels whose alpha is neither clear nor full."""
FULL_ALPHA = 247
"""Alpha, of 255, from which on a pixel counts as full."""
CUT_SHARE = 0.1
"""A border cuts a cut-out off if it covers more than this share of that border."""
LEAST_PART = 0.02
"""Parts of an alpha that are smaller than this share of the largest one are specks, not objects."""


@dataclass(frozen=True)
class Limits:
    """What a cut-out must be like to be kept."""

    least_area: float = LEAST_AREA
    """Smallest share of the picture that it covers."""
    most_area: float = MOST_AREA
    """Largest share of the picture that it covers."""
    most_soft: float = MOST_SOFT
    """Largest share of its pixels that are soft."""


def clean_alpha(alpha: Array) -> Array:
    """Return alpha without noise: (H, W) uint8.

    Args:
        alpha: (H, W) float32 in [0, 1], or uint8.

    >>> clean_alpha(np.array([[0.02, 0.5, 1.2]], np.float32)).tolist()
    [[0, 128, 255]]
    """
    if alpha.dtype != np.uint8:
        alpha = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)
    return np.where(alpha < LEAST_ALPHA, np.uint8(0), alpha)


def split_parts(alpha: Array) -> list[Array]:
    """Cut an alpha apart into its objects, the largest first.

    Two objects are apart if no pixel of alpha 8 or more joins them. Specks are dropped.

    Args:
        alpha: (H, W) uint8, cleaned.

    Returns:
        An (H, W) uint8 alpha for each object.
    """
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = [int(part) + 1 for part in np.argsort(-areas, kind="stable") if areas[part] >= LEAST_PART * areas.max()]
    return [np.where(labels == part, alpha, np.uint8(0)) for part in order] if count > 1 else []


def why_rejected(alpha: Array, limits: Limits = Limits()) -> str:  # noqa: B008  # frozen
    """Return in a few words why a cut-out is not worth pasting, or "" if it is.

    Args:
        alpha: (H, W) uint8, cleaned.
        limits: what it must be like.
    """
    there = alpha > 0
    covered = float(there.mean())
    if covered < limits.least_area:
        return f"covers {_percent(covered)} of the picture"
    if covered > limits.most_area:
        return f"covers {_percent(covered)} of the picture, so hardly anything was cut away"
    soft = float((alpha[there] < FULL_ALPHA).mean())
    if soft > limits.most_soft:
        return f"is soft: {_percent(soft)} of its pixels are half transparent"
    borders = {"top": there[0], "bottom": there[-1], "left": there[:, 0], "right": there[:, -1]}
    cut = [name for name, border in borders.items() if border.mean() > CUT_SHARE]
    if len(cut) >= 2:
        return f"is cut off by the picture at the {' and '.join(cut)}"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"

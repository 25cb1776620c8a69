"""Relief: the depth of a composite, made of the depth of its background and of its cut-out. Pure.

Nothing is guessed about the composite itself: an estimator has seen each source once, and the rest is geometry. The
cut-out stands upright somewhere in the scene, it hides what it covers, and its own relief is shallow against the
distance that it stands at. What this assumes, and where it fails: `docs/depth.md`.
"""

import numpy as np

from fgbg_data.compositing.plan import Placement
from fgbg_data.sample import Array

NEUTRAL = 127
"""Grey level of the canvas on which an estimator sees a cut-out alone."""
SHOWN = 0.8
"""Share of that canvas that the cut-out takes."""
RIM = 0.02
"""Share of a cut-out's larger side along its edge where an estimator mixes it with the canvas; not believed."""
TAILS = (2, 98)
"""Percentiles of a cut-out's own depth that become 0 and 1."""
HIDDEN = 95
"""Percentile of the depth that a cut-out hides, and in front of which it stands."""


def neutral_box(height: int, width: int, canvas: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of a cut-out in the middle of a canvas, for an estimator to look at.

    Args:
        height: of the cut-out, in pixels.
        width: likewise.
        canvas: its (height, width).

    >>> neutral_box(100, 50, (200, 300))
    (20, 110, 160, 80)
    """
    factor = SHOWN * min(canvas[0] / height, canvas[1] / width)
    height, width = max(1, round(height * factor)), max(1, round(width * factor))
    return (canvas[0] - height) // 2, (canvas[1] - width) // 2, height, width


def relief_of(depth: Array, mask: Array) -> Array:
    """Return a cut-out's own relief: what an estimator said of it, mapped to [0, 1] and carried on beyond its edge.

    Along the edge an estimator blends a thing with what is behind it, here the empty canvas, so that band takes the
    depth of the nearest pixel inside of it; and so does everything outside, for at another size the edge falls
    elsewhere.

    Args:
        depth: (h, w) float32, inverse depth of the cut-out's box, any scale and shift.
        mask: (h, w) uint8, above 0 where the cut-out is.

    Returns:
        (h, w) float32 in [0, 1], 1 is nearest; all 0 where the mask is empty or `depth` is flat.
    """
    import cv2

    if not mask.any():  # too faint or too thin at this size
        return np.zeros(depth.shape, np.float32)
    rim = max(1, round(RIM * max(depth.shape)))
    padded = cv2.copyMakeBorder((mask > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    sure = inside > min(rim, 0.5 * float(inside.max()))  # of a thin thing, its middle
    low, high = np.percentile(depth[sure], TAILS)
    if not high > low:
        return np.zeros(depth.shape, np.float32)
    _, labels = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(int(labels.max()) + 1, np.float32)
    nearest[labels[sure]] = np.clip((depth[sure] - low) / (high - low), 0, 1)
    relief: Array = nearest[labels]
    return relief


def stand(background: Array, mask: Array) -> float:
    """Return the inverse depth at which a thing stands whose pixels are those of `mask`.

    It stands on the floor: the median of the background along the lowest row in which the thing is seen. Where it
    hides something nearer (a table's edge, a branch, the ceiling), it stands in front of that: an opaque thing is
    nearer than what it covers.

    Args:
        background: (h, w) float32, inverse depth; no more of it is needed than the thing's box.
        mask: (h, w) uint8, above 0 where the thing is seen; at least one pixel.
    """
    seen = mask > 0
    row = int(np.flatnonzero(seen.any(axis=1))[-1])
    hidden = background[seen]
    place = (len(hidden) - 1) * HIDDEN // 100
    return max(float(np.median(background[row][seen[row]])), float(np.partition(hidden, place)[place]))


def compose_depth(
    background: Array, relief: Array, placement: Placement, mask: Array, *, share: float, drawn: float = 0.0
) -> Array:
    """Return the depth of a composite.

    Args:
        background: (H, W) float32, inverse depth of the background; left unchanged.
        relief: (h, w) float32 in [0, 1], as `relief_of` gives it, of any size.
        placement: where the cut-out is, how large, and whether it is flipped.
        mask: (H, W) uint8, above 0 where it is seen; at least one pixel.
        share: how much of the way from the farthest depth of the background to where it stands its relief takes.
        drawn: in [0, 1]: how far it is moved from where it stands to the nearest depth of the background.

    Returns:
        (H, W) float32 in the background's unit: that of the background outside of the mask, and inside nowhere
        farther than it.
    """
    import cv2

    shrinks = placement.height < relief.shape[0]
    sized = cv2.resize(
        relief, (placement.width, placement.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    if placement.mirrored:
        sized = sized[:, ::-1]
    rows = slice(max(0, placement.top), placement.top + placement.height)
    columns = slice(max(0, placement.left), placement.left + placement.width)
    composed = background.copy()
    here, seen = composed[rows, columns], mask[rows, columns]
    at = stand(here, seen)
    if drawn:
        at += drawn * (float(background.max()) - at)
    top, left = rows.start - placement.top, columns.start - placement.left
    front = at + share * (at - float(background.min())) * sized[top : top + here.shape[0], left : left + here.shape[1]]
    np.copyto(here, np.maximum(front, here), where=seen > 0)
    return composed

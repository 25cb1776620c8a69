"""Composed depth: the depth of a composite, computed from the depth of its background and of its cut-out.

An estimator sees each source once, and never the composite; the rest is geometry. The cut-out stands upright somewhere
in the scene, it hides what it covers, and its depth range is small compared with its distance. `docs/depth.md` says
what this assumes and where it fails.

Depth is relative inverse depth everywhere here: unitless, and larger is nearer. All functions are pure.
"""

from typing import Protocol

import numpy as np

from fgbg_data.compositing.compose import visible_part
from fgbg_data.compositing.rotation import Rotation, rotate_relief
from fgbg_data.sample import Array

NEUTRAL = 127
"""Grey level of the empty canvas on which an estimator sees a cut-out alone."""
SHOWN = 0.8
"""Largest share of the canvas's height or width that the cut-out takes there."""
RIM = 0.02
"""Border to ignore, as a share of the cut-out's longer side: there the estimator blends object and canvas."""
TAILS = (2, 98)
"""Percentiles of a cut-out's own depth that are mapped to 0 and 1."""
HIDDEN = 95
"""Percentile of the hidden depth: a cut-out stands in front of this much of what it covers."""


class Placed(Protocol):
    """Where a cut-out is: a `SceneObject` or a `Placement`."""

    @property
    def top(self) -> int:
        """Row of the box's upper edge in pixels; negative above the canvas."""

    @property
    def left(self) -> int:
        """Column of the box's left edge in pixels; negative left of the canvas."""

    @property
    def height(self) -> int:
        """Height of the whole box in pixels."""

    @property
    def width(self) -> int:
        """Width of the whole box in pixels."""

    @property
    def mirrored(self) -> bool:
        """Whether the cut-out is flipped left to right."""


def neutral_box(height: int, width: int, canvas: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) in pixels of a cut-out that is shown alone in the middle of a canvas.

    Args:
        height: height of the cut-out in pixels.
        width: width of the cut-out in pixels.
        canvas: (height, width) of the canvas in pixels.

    >>> neutral_box(100, 50, (200, 300))
    (20, 110, 160, 80)
    """
    factor = SHOWN * min(canvas[0] / height, canvas[1] / width)
    height, width = max(1, round(height * factor)), max(1, round(width * factor))
    return (canvas[0] - height) // 2, (canvas[1] - width) // 2, height, width


def relief_of(depth: Array, mask: Array) -> Array:
    """Return the relief of a cut-out: its estimated depth mapped to [0, 1] and extended beyond its edge.

    Along the edge an estimator blends an object with what is behind it, which is an empty canvas here. That border
    therefore takes the depth of the nearest pixel inside it. Everything outside takes it too, because the edge falls on
    other pixels when the cut-out is resized.

    Args:
        depth: (h, w) float32 inverse depth of the cut-out's box, of any scale and shift.
        mask: (h, w) uint8, above 0 where the cut-out is.

    Returns:
        (h, w) float32 in [0, 1], where 1 is nearest. It is all 0 if the mask is empty or `depth` is flat.
    """
    import cv2

    if not mask.any():  # the cut-out is too faint or too thin at this size
        return np.zeros(depth.shape, np.float32)
    rim = max(1, round(RIM * max(depth.shape)))
    padded = cv2.copyMakeBorder((mask > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    sure = inside > min(rim, 0.5 * float(inside.max()))  # of a thin object, this keeps the middle
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
    """Return the inverse depth at which a cut-out stands.

    It stands on the floor: this is the median of the background along the lowest row in which the cut-out is visible.
    If it hides something nearer (the edge of a table, a branch, the ceiling), it stands in front of that, because an
    opaque object is nearer than what it covers.

    Args:
        background: (h, w) float32 inverse depth of the background, at least inside the cut-out's box.
        mask: (h, w) uint8, above 0 where the cut-out is visible; at least one pixel.
    """
    seen = mask > 0
    row = int(np.flatnonzero(seen.any(axis=1))[-1])
    hidden = background[seen]
    rank = (len(hidden) - 1) * HIDDEN // 100
    return max(float(np.median(background[row][seen[row]])), float(np.partition(hidden, rank)[rank]))


def compose_depth(
    background: Array,
    relief: Array,
    placement: Placed,
    mask: Array,
    *,
    share: float,
    drawn: float = 0.0,
    rotation: Rotation = Rotation(),  # noqa: B008 (it is frozen)
    at: float | None = None,
) -> Array:
    """Return the depth of a composite.

    Args:
        background: (H, W) float32 inverse depth of the background. It is not changed.
        relief: (h, w) float32 in [0, 1], of any size, as `relief_of` returns it.
        placement: where the cut-out is, how large it is, and whether it is flipped.
        mask: (H, W) uint8, above 0 where the cut-out is visible; at least one pixel.
        share: depth range of the relief, as a share of the distance from the background's farthest depth to the depth
            at which the cut-out stands.
        drawn: how far the cut-out is moved towards the camera, in [0, 1]: 0 leaves it where it stands, 1 moves it to
            the background's nearest depth.
        rotation: how far the cut-out is turned about its centre.
        at: inverse depth at which it stands, if that is known; None finds it under its lowest row.

    Returns:
        (H, W) float32 on the scale of `background`. Outside the mask it equals the background, and inside it is never
        farther than the background.
    """
    import cv2

    shrinks = placement.height < relief.shape[0]
    sized = cv2.resize(
        relief, (placement.width, placement.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    if placement.mirrored:
        sized = sized[:, ::-1]
    sized = rotate_relief(sized, rotation)
    height, width = sized.shape
    top, left = placement.top - (height - placement.height) // 2, placement.left - (width - placement.width) // 2
    rows, columns, shown = visible_part(sized, top, left, background.shape)
    composed = background.copy()
    here, seen = composed[rows, columns], mask[rows, columns]
    at = stand(here, seen) if at is None else at
    if drawn:
        at += drawn * (float(background.max()) - at)
    front = at + share * (at - float(background.min())) * shown
    np.copyto(here, np.maximum(front, here), where=seen > 0)
    return composed

"""The scale-and-shift-invariant loss in inverse depth. NaN = unknown; open sky is known, and has inverse depth 0.

Source: Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022, equations 4-7 and 11.
"""

from __future__ import annotations

import torch
from torch import Tensor

FEWEST = 0.02
"""A picture of which less is known is left out: its median and deviation mean nothing."""


JUMP = 0.5
"""Step of the standardised inverse depth between two neighbours that counts as an outline."""


def median(x: Tensor, known: Tensor) -> Tensor:
    """Return the medians (B, 1, 1) of the known pixels of (B, H, W); 0 where a picture has none."""
    flat = torch.where(known, x, torch.nan).flatten(1)
    return flat.nanmedian(1).values.nan_to_num(0.0)[:, None, None]


def mean(x: Tensor, known: Tensor) -> Tensor:
    """Return the means (B, 1, 1) of the known pixels of (B, H, W); 0 where a picture has none."""
    return torch.where(known, x, 0.0).sum((1, 2), keepdim=True) / known.sum((1, 2), keepdim=True).clamp_min(1)


def standardise(x: Tensor, known: Tensor) -> Tensor:
    """(B, H, W) -> the same minus its median, over its mean absolute deviation, per image; 0 where unknown."""
    centred = x - median(x, known)
    return torch.where(known, centred / mean(centred.abs(), known).clamp_min(1e-4), 0.0)


def far_weight(target: Tensor, known: Tensor, floor: float = 0.3) -> Tensor:
    """(B, H, W) inverse depth -> weights of mean 1 that are larger for what is far; 0 where unknown.

    A depth metric counts relative errors, and far away a small error of inverse depth is a large relative one.
    """
    weight = torch.where(known, 1 / (target.clamp_min(0) / median(target, known).clamp_min(1e-3) + floor), 0.0)
    return weight / mean(weight, known).clamp_min(1e-6)


def gradient_matching(
    error: Tensor, truth: Tensor, known: Tensor, sharp: Tensor, outline_weight: float, scales: int = 4
) -> Tensor:
    """Mean absolute step of the error between known neighbours, at several scales: edges and slopes agree.

    Args:
        error: (B, H, W) standardised prediction minus standardised truth.
        truth: (B, H, W) standardised truth.
        known: (B, H, W) bool.
        sharp: (B, 1, 1) weight of every step, 0 for a truth with soft edges.
        outline_weight: added to the weight of a step, in proportion to the step of the truth, up to JUMP.
        scales: each sees every other pixel of the one before.
    """
    total = error.new_zeros(())
    for scale in range(scales):
        e, t, k = (x[:, :: 2**scale, :: 2**scale] for x in (error, truth, known))
        extra = outline_weight if scale < 2 else 0.0  # where pixels are far apart, a slope looks like a jump
        for axis in (1, 2):
            (e1, e2), (t1, t2), (k1, k2) = (_neighbours(x, axis) for x in (e, t, k))
            jump = ((t1 - t2).abs() / JUMP).clamp(max=1)
            total = total + ((e1 - e2).abs() * (sharp + extra * jump) * (k1 & k2)).sum() / k.sum().clamp_min(1)
    return total


def _neighbours(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    size = x.shape[axis] - 1
    return x.narrow(axis, 1, size), x.narrow(axis, 0, size)


def loss(
    prediction: Tensor,
    target: Tensor,
    gradient_weight: float = 0.5,
    limit: float = 3.0,
    outline_weight: float = 0.0,
    soft: Tensor | None = None,
) -> Tensor:
    """Compare (B, H, W) predictions with inverse depth of the same size; a scalar.

    With an `outline_weight`, the step at the outline of a thing counts more than slopes do: a pasted thing must end
    where its mask ends. `soft` (B,) bool names targets whose edges are blurred, as a teacher's are: of them, only the
    outlines that are sharp all the same, those of pasted things, teach edges.

    Errors beyond `limit` deviations weigh less, so that one thing in front of the lens does not rule a picture.
    """
    known = torch.isfinite(target)
    known = known & (known.float().mean((1, 2), keepdim=True) > FEWEST)
    target = torch.where(known, target, 0.0)
    truth = standardise(target, known)
    error = standardise(prediction, known) - truth
    size = error.abs()
    size = torch.where(size < limit, size, limit + 0.2 * (size - limit))
    sharp = torch.ones_like(target[:, :1, :1]) if soft is None else (~soft).to(target.dtype)[:, None, None]
    steps = gradient_matching(error, truth, known, sharp, outline_weight)
    return mean(size * far_weight(target, known), known).mean() + gradient_weight * steps

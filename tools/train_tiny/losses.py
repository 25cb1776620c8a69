"""The scale-and-shift-invariant loss in inverse depth; every pixel is valid (open sky has inverse depth 0).

Source: Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022, equations 4-7 and 11.
"""

from __future__ import annotations

import torch
from torch import Tensor


def standardise(x: Tensor) -> Tensor:
    """(B, H, W) -> the same minus its median, over its mean absolute deviation, per image."""
    flat = x.flatten(1)
    median = flat.median(1).values[:, None]
    deviation = (flat - median).abs().mean(1, keepdim=True).clamp_min(1e-4)
    return ((flat - median) / deviation).view_as(x)


def far_weight(target: Tensor, floor: float = 0.3) -> Tensor:
    """(B, H, W) inverse depth -> weights of mean 1 that are larger for what is far.

    A depth metric counts relative errors, and far away a small error of inverse depth is a large relative one.
    """
    median = target.flatten(1).median(1).values[:, None, None].clamp_min(1e-3)
    weight = 1 / (target / median + floor)
    return weight / weight.mean((1, 2), keepdim=True)


def gradient_matching(error: Tensor, scales: int = 4) -> Tensor:
    """Mean absolute step of the error (B, H, W) between neighbours, at several scales: edges and slopes agree."""
    total = error.new_zeros(())
    for scale in range(scales):
        e = error[:, :: 2**scale, :: 2**scale]
        total = total + (e[:, :, 1:] - e[:, :, :-1]).abs().mean() + (e[:, 1:] - e[:, :-1]).abs().mean()
    return total


def loss(prediction: Tensor, target: Tensor, gradient_weight: float = 0.5, limit: float = 3.0) -> Tensor:
    """Compare (B, H, W) predictions with inverse depth of the same size; a scalar.

    Errors beyond `limit` deviations weigh less, so that one thing in front of the lens does not rule a picture.
    """
    error = standardise(prediction) - standardise(target)
    size = error.abs()
    size = torch.where(size < limit, size, limit + 0.2 * (size - limit))
    return (size * far_weight(target)).mean() + gradient_weight * gradient_matching(error)

"""Metrics as sums that can be merged: of batches, of workers, of machines.

Each metric has two variants: pooled over all pixels, and, with the suffix `_img`, the mean over images of the metric of
each image. Both are computed in float64.

Depth is compared in two forms. `mse`, `rmse` and `mae` are errors of v, the relative inverse depth clipped to [0, 1].
`abs_rel`, `lg10` and `delta1` to `delta3` need positive depth. It is z = 1 / (0.1 + 0.9 v), so that the nearest point
is at 1 and the farthest at 10.

Source: Eigen, Puhrsch, Fergus 2014, "Depth Map Prediction from a Single Image", for abs_rel and the strict `<` of the
deltas (the code of Hu et al. has `<=`); Laina et al. 2016 for lg10.

Masks are cut at 0.5. Two empty masks agree perfectly, which gives 1. Dice and F1 are the same number.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fgbg_train.metric_names import MASK_METRICS, METRICS, PER_IMAGE

HIGHER_IS_BETTER = frozenset({"delta1", "delta2", "delta3", *MASK_METRICS})
"""Metrics for which higher is better; for all others, lower is better."""

NEAREST, FARTHEST = 1.0, 10.0
"""Range of positive depth."""
_SUMMED = ("mse", "mae", "abs_rel", "lg10", "delta1", "delta2", "delta3")
"""Metrics that are means over pixels."""


def positive_depth(v: Tensor) -> Tensor:
    """Turn inverse depth v in [0, 1] into positive depth z in [1, 10], larger = farther."""
    near, far = 1 / NEAREST, 1 / FARTHEST
    return 1 / (far + (near - far) * v)


def better(name: str, value: float, than: float | None) -> bool:
    """Return whether a value of a metric is better than another one; any value is better than None.

    Args:
        name: the metric, with or without `_img`.
        value: the value.
        than: the other value, or None.
    """
    if than is None:
        return True
    return value > than if name.removesuffix(PER_IMAGE) in HIGHER_IS_BETTER else value < than


@dataclass
class MetricSums:
    """Sums from which every metric follows; `a.merge(b)` gives the sums of both."""

    sums: dict[str, float] = field(default_factory=dict)
    """Sums in float64, with the numbers of pixels and images, which are counted separately for depth and mask."""

    def update(self, *, depth: tuple[Tensor, Tensor] | None, mask: tuple[Tensor, Tensor] | None) -> None:
        """Add a batch of (prediction, target) pairs.

        Args:
            depth: two tensors (B, 1, H, W) of finite inverse depth, which is clipped to [0, 1]; or None.
            mask: two tensors (B, 1, H, W) in [0, 1], which are cut at 0.5; or None.
        """
        if depth is not None:
            self._add(_depth_sums(*depth))
        if mask is not None:
            self._add(_mask_sums(*mask))

    def merge(self, other: "MetricSums") -> "MetricSums":
        """Return the sums of both."""
        merged = MetricSums(dict(self.sums))
        merged._add(other.sums)
        return merged

    def compute(self) -> dict[str, float]:
        """Return each metric for which samples were added, in the order of `METRICS`."""
        s, found = self.sums, {}
        if s.get("depth_images"):
            for name in _SUMMED:
                found[name] = s[name] / s["depth_pixels"]
                found[f"{name}_img"] = s[f"{name}_img"] / s["depth_images"]
            found["rmse"] = math.sqrt(found["mse"])
            found["rmse_img"] = s["rmse_img"] / s["depth_images"]
        if s.get("mask_images"):
            iou = s["both"] / s["either"] if s["either"] else 1.0
            dice = 2 * s["both"] / s["total"] if s["total"] else 1.0
            dice_img = s["mask_dice_img"] / s["mask_images"]
            found |= {"mask_iou": iou, "mask_dice": dice, "mask_f1": dice}
            found["mask_iou_img"] = s["mask_iou_img"] / s["mask_images"]
            found |= {"mask_dice_img": dice_img, "mask_f1_img": dice_img}
        return {name: found[name] for name in METRICS if name in found}

    def _add(self, sums: dict[str, float]) -> None:
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value


def _double(x: Tensor) -> Tensor:
    """Return (B, 1, H, W) floats as (B, H * W) float64; on the CPU if the device has no float64."""
    x = x.detach()
    return (x.cpu() if x.device.type == "mps" else x).double().flatten(1)


def _named(values: dict[str, Tensor]) -> dict[str, float]:
    """Bring scalar tensors to the host in one transfer."""
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))


def _depth_sums(prediction: Tensor, target: Tensor) -> dict[str, float]:
    p, g = _double(prediction).clamp(0, 1), _double(target).clamp(0, 1)  # (B, P)
    zp, zg = positive_depth(p), positive_depth(g)
    ratio = torch.maximum(zp / zg, zg / zp)
    pixels = {
        "mse": (p - g).square(),
        "mae": (p - g).abs(),
        "abs_rel": (zp - zg).abs() / zg,
        "lg10": (zp.log10() - zg.log10()).abs(),
        **{f"delta{k}": (ratio < 1.25**k).double() for k in (1, 2, 3)},
    }
    sums = {name: value.sum() for name, value in pixels.items()}
    sums |= {f"{name}_img": value.mean(1).sum() for name, value in pixels.items()}
    sums["rmse_img"] = pixels["mse"].mean(1).sqrt().sum()
    return {**_named(sums), "depth_pixels": float(p.numel()), "depth_images": float(len(p))}


def _mask_sums(prediction: Tensor, target: Tensor) -> dict[str, float]:
    p, g = (_double(x) >= 0.5 for x in (prediction, target))  # (B, P) bool
    both = (p & g).sum(1).double()  # (B,)
    either = (p | g).sum(1).double()
    total = both + either  # pixels of p plus pixels of g
    one = torch.ones_like(both)
    sums = {
        "both": both.sum(),
        "either": either.sum(),
        "total": total.sum(),
        "mask_iou_img": torch.where(either > 0, both / either.clamp(min=1), one).sum(),
        "mask_dice_img": torch.where(total > 0, 2 * both / total.clamp(min=1), one).sum(),
    }
    return {**_named(sums), "mask_images": float(len(p))}

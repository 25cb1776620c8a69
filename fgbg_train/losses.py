"""The loss: weighted terms, each a pure function of tensors and a mean over images, so that a batch may be split.

Masks are (B, 1, H, W) in [0, 1]; the logits of predicted masks are (B, 1, H, W). Depth is (B, 1, H, W) relative inverse
depth in [0, 1]: `d` is predicted, `g` is that of the dataset.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from fgbg_train.config import LossConfig
from fgbg_train.models.cascade import Prediction

OFFSET = 0.5
"""alpha of Hu et al. 2019."""
SSIM_WINDOW_PX = 7
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
"""The constants of Wang et al. 2004 for values in [0, 1]."""


def mask_bce(logits: Tensor, mask: Tensor) -> Tensor:
    """Return the binary cross-entropy; `mask` may hold shares of covered area."""
    return F.binary_cross_entropy_with_logits(logits, mask)


def mask_dice(logits: Tensor, mask: Tensor) -> Tensor:
    """Return one minus the soft Dice overlap of each image, with one pixel added so that empty masks work.

    Source: Milletari et al. 2016, "V-Net", with plain sums in the denominator.
    """
    p = torch.sigmoid(logits).flatten(1)
    g = mask.flatten(1)
    return (1 - (2 * (p * g).sum(1) + 1) / (p.sum(1) + g.sum(1) + 1)).mean()


def sobel(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Sobel gradients of (B, 1, H, W), to the right and down. Pixels at the edges are repeated."""
    right = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=x.device, dtype=x.dtype)
    kernels = torch.stack([right, right.T]).unsqueeze(1)  # (2, 1, 3, 3)
    gradients = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernels)  # (B, 2, H, W)
    return gradients[:, :1], gradients[:, 1:]


def log_error(d: Tensor, g: Tensor) -> Tensor:
    """Return the mean of ln(|d - g| + 0.5). Source: Hu et al. 2019, eq. 3."""
    return torch.log((d - g).abs() + OFFSET).mean()


def depth_gradient(d: Tensor, g: Tensor) -> Tensor:
    """Return the sum of the log errors of both Sobel gradients. Source: Hu et al. 2019, eq. 4."""
    dx, dy = sobel(d)
    gx, gy = sobel(g)
    return log_error(dx, gx) + log_error(dy, gy)


def depth_normal(d: Tensor, g: Tensor) -> Tensor:
    """Return one minus the cosine between the surface normals (-dx, -dy, 1). Source: Hu et al. 2019, eq. 5."""
    dx, dy = sobel(d)
    gx, gy = sobel(g)
    product = dx * gx + dy * gy + 1
    lengths = torch.sqrt((dx**2 + dy**2 + 1) * (gx**2 + gy**2 + 1))
    return (1 - product / lengths).mean()


def depth_ssi(d: Tensor, g: Tensor) -> Tensor:
    """Return half the mean squared error, after the scale and shift of `d` that fit each image best.

    Source: Ranftl et al. 2020, "Towards Robust Monocular Depth Estimation", eq. 1 to 4. A constant prediction gets the
    scale 0.
    """
    d, g = d.flatten(1), g.flatten(1)
    d_centred = d - d.mean(1, keepdim=True)
    g_centred = g - g.mean(1, keepdim=True)
    scale = (d_centred * g_centred).mean(1) / (d_centred.square().mean(1) + 1e-6)
    return 0.5 * (scale.unsqueeze(1) * d_centred - g_centred).square().mean()


def depth_ssim(d: Tensor, g: Tensor) -> Tensor:
    """Return the mean of (1 - SSIM) / 2 over all 7x7 windows inside the image.

    Source: Wang et al. 2004, "Image Quality Assessment", eq. 13, with uniform windows and range 1.
    """

    def window(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, SSIM_WINDOW_PX, stride=1)

    d_mean, g_mean = window(d), window(g)
    d_var = window(d * d) - d_mean**2
    g_var = window(g * g) - g_mean**2
    covariance = window(d * g) - d_mean * g_mean
    above = (2 * d_mean * g_mean + SSIM_C1) * (2 * covariance + SSIM_C2)
    below = (d_mean**2 + g_mean**2 + SSIM_C1) * (d_var + g_var + SSIM_C2)
    return ((1 - above / below) / 2).mean()


DEPTH_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "depth_log": log_error,
    "depth_gradient": depth_gradient,
    "depth_normal": depth_normal,
    "depth_ssi": depth_ssi,
    "depth_ssim": depth_ssim,
}
"""Name in `LossConfig` -> term of predicted depth and depth."""
MASK_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mask_bce": mask_bce, "mask_dice": mask_dice}
"""Name in `LossConfig` -> term of logits and mask."""


def terms(prediction: Prediction, mask: Tensor, depth: Tensor | None, weights: LossConfig) -> dict[str, Tensor]:
    """Return the weighted terms of a batch, by name; the loss is their sum.

    A prediction with a `reference` belongs to the saliency objective: its mask is made small, and its depth is kept
    close to the reference (Hu, Zhang, Okatani 2019, eq. 2). Otherwise mask and depth are compared with those of the
    dataset.

    Args:
        prediction: maps of the size of `mask`.
        mask: masks of the dataset.
        depth: depth of the dataset, or None if it has none.
        weights: weight of each term; terms with weight 0 are left out.
    """
    found = {}
    logits, d = prediction.mask_logits, prediction.depth
    if prediction.reference is not None and logits is not None:
        depth = prediction.reference.float()
        found["sparsity"] = torch.sigmoid(logits.float()).mean()
    elif logits is not None:
        found |= {name: term(logits.float(), mask) for name, term in MASK_TERMS.items() if getattr(weights, name)}
    if d is not None and depth is not None:
        found |= {name: term(d.float(), depth) for name, term in DEPTH_TERMS.items() if getattr(weights, name)}
    return {name: getattr(weights, name) * value for name, value in found.items()}

"""The network of the embedded estimator: EfficientNet-Lite0 and a thin decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgbg_data.depth.efficientnet import Encoder, Normed, convolution

ENCODER_CHANNELS = (16, 24, 40, 112, 320)  # at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input
DECODER_CHANNELS = (16, 32, 64, 128, 192)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Separable(Normed):
    """Depthwise convolution, pointwise convolution, ReLU6; added to its input if the widths agree."""

    pairs = (("pointwise", "norm"),)

    def __init__(self, width_in: int, width_out: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = convolution(width_in, width_in, kernel, groups=width_in)
        self.pointwise = convolution(width_in, width_out, 1)
        self.norm = nn.BatchNorm2d(width_out)
        self.is_residual = width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) -> (B, width_out, H, W)."""
        y = functional.relu6(self.norm(self.pointwise(self.depthwise(x))), inplace=True)
        return x + y if self.is_residual else y


class Scene(nn.Module):
    """Adds to every pixel of the coarsest map a summary of the whole picture, and how high up the pixel is."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(width_in + 1, width, 1)
        self.whole = nn.Linear(width_in, width)
        self.mix = nn.Sequential(Separable(width, width, 7), Separable(width, width, 5))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, h, w) -> (B, width, h, w)."""
        batch, _, height, width = x.shape
        rows = self.rows(height).to(x).view(1, 1, height, 1)
        y = self.lateral(torch.cat([x, rows.expand(batch, 1, height, width)], 1))
        y = functional.relu6(y + self.whole(x.mean((2, 3)))[:, :, None, None])
        mixed: Tensor = self.mix(y)
        return mixed

    def rows(self, height: int) -> Tensor:
        """Return (height,) how high up each row is, from -1 at the top to 1."""
        return torch.linspace(-1, 1, height)


class TinyNet(nn.Module):
    """Relative inverse depth, larger = nearer, at half the input size."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        widths = DECODER_CHANNELS
        self.scene = Scene(ENCODER_CHANNELS[4], widths[4])
        self.lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(ENCODER_CHANNELS[:4], widths[:4], strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(widths[k + 1], widths[k], 1, bias=False) for k in range(4))
        self.refine = nn.ModuleList(
            nn.Sequential(*(Separable(w, w, 5 if k else 3) for _ in range(2 if k else 1)))
            for k, w in enumerate(widths[:4])
        )
        self.head = nn.Conv2d(widths[0], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 32 -> (B, H/2, W/2)."""
        features = self.encoder(x)
        y = self.scene(features[4])  # (B, 192, H/32, W/32)
        for k in (3, 2, 1, 0):
            skip = self.lateral[k](features[k])  # (B, 128 | 64 | 32 | 16, H/16 ... H/2, ...)
            y = functional.interpolate(self.narrow[k](y), size=skip.shape[-2:], mode="bilinear", align_corners=False)
            y = self.refine[k](functional.relu6(y + skip, inplace=True))
        depth: Tensor = self.head(y)[:, 0]
        return depth


def normalise(images: Tensor) -> Tensor:
    """(B, 3, H, W) float RGB in [0, 1] -> the same with ImageNet's mean and deviation."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images - mean).div_(std)

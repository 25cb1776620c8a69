"""Building blocks that several networks share. Each network turns (B, C, H, W) floats into (B, 1, H, W) logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) to `size` = (height, width), bilinearly; the edges of the image stay aligned."""
    if not torch.compiler.is_exporting() and x.shape[-2:] == size:  # an exported program takes any size
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def height_width(x: Tensor) -> tuple[int, int]:
    """Return (height, width) of (B, C, H, W)."""
    return x.shape[-2], x.shape[-1]


def conv_norm(in_channels: int, out_channels: int, kernel: int, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    """Build a convolution without bias and its batch norm; at stride 1 it keeps the size."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    )


class UpProjection(nn.Module):
    """Enlarges features, then refines them in a residual branch beside a projected shortcut.

    Source: Laina et al. 2016, "Deeper Depth Prediction with Fully Convolutional Residual Networks", with bilinear
    enlargement and 5x5 kernels as in Hu et al. 2019.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 5) -> None:
        super().__init__()
        self.enter = conv_norm(in_channels, out_channels, kernel)
        self.refine = conv_norm(out_channels, out_channels, 3)
        self.shortcut = conv_norm(in_channels, out_channels, kernel)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Turn (B, in, h, w) into (B, out, *size), not negative."""
        x = resize(x, size)
        return F.relu(self.refine(F.relu(self.enter(x))) + self.shortcut(x))

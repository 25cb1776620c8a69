"""The teacher's head: the features of four blocks of a frozen backbone, and the picture itself for the outlines.

A light relative of DPT (Ranftl et al., "Vision Transformers for Dense Prediction", ICCV 2021).
"""

from __future__ import annotations

import torch
from dino import LAYERS, WIDTH
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Two 3 x 3 convolutions that are added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) -> the same shape."""
        y: Tensor = x + self.two(functional.gelu(self.one(functional.gelu(x))))
        return y


class Head(nn.Module):
    """Relative inverse depth at half the size of the picture, larger = nearer."""

    def __init__(self, wide: int = 96, middle: int = 32, narrow: int = 12) -> None:
        super().__init__()
        self.norm = nn.ModuleList(nn.GroupNorm(1, WIDTH) for _ in LAYERS)
        self.project = nn.ModuleList(nn.Conv2d(WIDTH, wide, 1) for _ in LAYERS)
        self.coarse = Residual(wide)
        self.stem_half = nn.Sequential(
            nn.Conv2d(3, narrow, 3, stride=2, padding=1), nn.GELU(), nn.Conv2d(narrow, narrow, 3, padding=1)
        )
        self.stem_quarter = nn.Sequential(nn.GELU(), nn.Conv2d(narrow, middle, 3, stride=2, padding=1))
        self.to_middle = nn.Conv2d(wide, middle, 3, padding=1)
        self.mix_middle = Residual(middle)
        self.to_narrow = nn.Conv2d(middle, narrow, 1)
        self.mix_narrow = Residual(narrow)
        self.out = nn.Conv2d(narrow, 1, 3, padding=1)

    def forward(self, features: Tensor, images: Tensor) -> Tensor:
        """(B, 4, 384, h, w) features and (B, 3, H, W) normalised pictures -> (B, H/2, W/2)."""
        x = torch.stack([p(n(features[:, k])) for k, (n, p) in enumerate(zip(self.norm, self.project, strict=True))])
        x = self.coarse(x.sum(0))
        half = self.stem_half(images)
        quarter = self.stem_quarter(half)
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.to_middle(functional.gelu(x))
        x = self.mix_middle(_resize(x, quarter) + quarter)
        x = self.mix_narrow(_resize(self.to_narrow(functional.gelu(x)), half) + half)
        depth: Tensor = self.out(functional.gelu(x))[:, 0]
        return depth


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)

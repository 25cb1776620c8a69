"""The network of DenseDepth in torch, as its published weights need it.

Source: Alhashim & Wonka, High Quality Monocular Depth Estimation via Transfer Learning, arXiv 1812.11941. The
published weights need a network that differs from the published code; `docs/estimators.md` lists the differences.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ENCODER = "densenet169"
ENCODER_WIDTH = 1664
SKIP_WIDTHS = (256, 128, 64, 64)
"""Channels of the encoder's maps at 1/16, 1/8, 1/4 and 1/2 of the size of the input."""
BATCH_NORM_EPSILON = 1.001e-5
"""Epsilon of batch norm in the DenseNet of Keras; the default of torch is 1e-5."""
LEAK = 0.2
"""Slope of every LeakyReLU below 0."""


class Up(nn.Module):
    """Doubles the size of a map, joins it with a map of the encoder, and applies two 3 x 3 convolutions.

    Args:
        width_in: channels of the small map.
        width_skip: channels of the encoder's map.
        width: channels of the result.
        leak_between: put a LeakyReLU between the convolutions too. The published code does so, but the published
            weights were trained without it.
    """

    def __init__(self, width_in: int, width_skip: int, width: int, *, leak_between: bool) -> None:
        super().__init__()
        self.convA = nn.Conv2d(width_in + width_skip, width, 3, padding=1)
        self.convB = nn.Conv2d(width, width, 3, padding=1)
        self.leak_between = leak_between

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, width_in, h, w), (B, width_skip, 2h, 2w) -> (B, width, 2h, 2w)."""
        # The weights were trained with resize_images(..., align_corners=True) of TensorFlow 1.
        x = functional.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=True)
        x = self.convA(torch.cat([x, skip], 1))
        if self.leak_between:
            x = functional.leaky_relu(x, LEAK)
        return functional.leaky_relu(self.convB(x), LEAK)


class DenseDepthNet(nn.Module):
    """DenseNet-169 and four up-blocks. It gives 1000 / depth, larger = nearer, at half the size of the input.

    Args:
        width: channels of the decoder's first map; 1664 in the published weights.
        leak_between: see `Up`.
    """

    def __init__(self, width: int = ENCODER_WIDTH, *, leak_between: bool = False) -> None:
        super().__init__()
        import timm

        encoder: Any = timm.create_model(ENCODER, pretrained=False, num_classes=0)
        self.features: nn.Sequential = encoder.features
        for module in self.features.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = BATCH_NORM_EPSILON
        self.conv2 = nn.Conv2d(ENCODER_WIDTH, width, 1)
        widths = [width // 2**k for k in range(5)]
        self.ups = nn.ModuleList(
            Up(widths[k], SKIP_WIDTHS[k], widths[k + 1], leak_between=leak_between) for k in range(4)
        )
        self.conv3 = nn.Conv2d(widths[4], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], H and W multiples of 32 -> (B, H/2, W/2)."""
        skips = []
        for name, part in self.features.named_children():
            x = part(x)
            if name in ("norm0", "pool0", "transition1", "transition2"):
                skips.append(x)  # (B, 64 | 64 | 128 | 256, H/2 | H/4 | H/8 | H/16, ...)
        x = self.conv2(x)  # (B, width, H/32, W/32)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(x, skip)
        depth: Tensor = self.conv3(x)[:, 0]
        return depth


def keras_layers() -> dict[str, str]:
    """Return the name of each module that has weights -> the name of its layer in Keras."""
    names = {"features.conv0": "conv1/conv", "features.norm0": "conv1/bn", "features.norm5": "bn"}
    for block, layers in enumerate((6, 12, 32, 32), 1):
        for layer in range(1, layers + 1):
            ours, theirs = f"features.denseblock{block}.denselayer{layer}", f"conv{block + 1}_block{layer}"
            names |= {f"{ours}.norm1": f"{theirs}_0_bn", f"{ours}.conv1": f"{theirs}_1_conv"}
            names |= {f"{ours}.norm2": f"{theirs}_1_bn", f"{ours}.conv2": f"{theirs}_2_conv"}
        if block < 4:
            ours, theirs = f"features.transition{block}", f"pool{block + 1}"
            names |= {f"{ours}.norm": f"{theirs}_bn", f"{ours}.conv": f"{theirs}_conv"}
    names |= {f"ups.{k}.{conv}": f"up{k + 1}_{conv}" for k in range(4) for conv in ("convA", "convB")}
    return names | {"conv2": "conv2", "conv3": "conv3"}

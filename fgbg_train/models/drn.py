"""DRN-D-22, and the auto-encoder-decoder that Hu et al. build around it to predict masks.

Source: Yu, Koltun, Funkhouser 2017, "Dilated Residual Networks" (architecture D, 22 layers). The last stride is 8, and
dilation replaces further strides. Two convolutions without shortcut at the end remove the gridding that dilation
leaves. With its head for 1000 classes DRN-D-22 has 16,393,752 parameters.

AutoED: Hu, Zhang, Okatani 2019, "Visualization of Convolutional Neural Networks for Monocular Depth Estimation". It has
25,259,761 parameters.
"""

import math
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from fgbg_train.models.blocks import UpProjection, conv_norm, height_width


class Level(NamedTuple):
    """One level of the network: plain convolutions, or residual blocks."""

    kind: Literal["plain", "residual"]
    """Which of the two."""
    channels: int
    """Number of channels."""
    repeats: int
    """Number of convolutions or blocks."""
    stride: int = 1
    """Stride of the first one."""
    dilation: int = 1
    """Dilation of all of them."""


DRN_D_22 = (
    Level("plain", 16, 1),
    Level("plain", 32, 1, stride=2),
    Level("residual", 64, 2, stride=2),
    Level("residual", 128, 2, stride=2),
    Level("residual", 256, 2, dilation=2),
    Level("residual", 512, 2, dilation=4),
    Level("plain", 512, 1, dilation=2),
    Level("plain", 512, 1),
)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is projected if the shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.enter = conv_norm(in_channels, out_channels, 3, dilation, stride)
        self.refine = conv_norm(out_channels, out_channels, 3, dilation)
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else conv_norm(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, in, h, w) into (B, out, h / stride, w / stride), not negative."""
        return F.relu(self.refine(F.relu(self.enter(x))) + self.shortcut(x))


def build_level(in_channels: int, level: Level) -> nn.Sequential:
    """Build one level; only its first convolution has a stride."""
    layers: list[nn.Module] = []
    for i in range(level.repeats):
        first = in_channels if i == 0 else level.channels
        stride = level.stride if i == 0 else 1
        if level.kind == "residual":
            layers.append(ResidualBlock(first, level.channels, stride, level.dilation))
        else:
            layers += [conv_norm(first, level.channels, 3, level.dilation, stride), nn.ReLU()]
    return nn.Sequential(*layers)


class DilatedResidualNet(nn.Module):
    """DRN-D-22 without a head: nine groups of layers, finest first."""

    out_channels = DRN_D_22[-1].channels

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        stem = DRN_D_22[0].channels
        self.levels = nn.ModuleList([nn.Sequential(conv_norm(in_channels, stem, 7), nn.ReLU())])
        for before, level in zip((DRN_D_22[0], *DRN_D_22), DRN_D_22, strict=False):
            self.levels.append(build_level(before.channels, level))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Turn (B, C, H, W) into the features of the nine groups, at strides 1, 1, 2, 4, 8, 8, 8, 8, 8."""
        features = []
        x = image
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


class DRNClassifier(nn.Module):
    """DRN-D-22 as published, with its classifier. Its parameters are counted to check the trunk."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.trunk = DilatedResidualNet()
        self.head = nn.Conv2d(self.trunk.out_channels, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Turn (B, 3, H, W) into (B, classes) logits."""
        pooled = F.adaptive_avg_pool2d(self.trunk(image)[-1], 1)
        return self.head(pooled).flatten(1)  # type: ignore[no-any-return]


class AutoED(nn.Module):
    """DRN-D-22 as encoder, and three up-projections as decoder, from stride 8 back to the size of the image."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.encoder = DilatedResidualNet(in_channels)
        widths = [512, 256, 128, 64]
        self.up = nn.ModuleList(UpProjection(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.predict = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Turn (B, C, H, W) into (B, 1, H, W) logits; the published network ends with their sigmoid."""
        features = self.encoder(image)
        sizes = [height_width(features[3]), height_width(features[2]), height_width(image)]
        x = features[-1]  # (B, 512, H/8, W/8)
        for up, size in zip(self.up, sizes, strict=True):
            x = up(x, size)
        return self.predict(x)  # type: ignore[no-any-return]

"""The encoder-decoder of Hu et al. over any encoder of timm.

Source: Hu, Ozay, Zhang, Okatani 2019, "Revisiting Single Image Depth Estimation: Toward Higher Resolution Maps with
Accurate Object Boundaries". The encoder gives features at strides 4, 8, 16 and 32. The decoder `D` climbs from the
coarsest features to stride 2, the multi-scale fusion `MFF` brings all four to stride 2, and the refinement `R` joins
both. With ResNet-50 the network has 67,569,473 parameters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgbg_train.models.blocks import UpProjection, conv_norm, height_width, resize
from fgbg_train.models.encoders import timm_encoder

FUSED_CHANNELS = 16
"""Channels of each level in MFF."""


class Decoder(nn.Module):
    """D: brings the coarsest features to stride 2, and halves the channels at each step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels // 2**i for i in range(1, 6)]
        self.enter = conv_norm(channels, widths[0], 1)
        self.up = nn.ModuleList(UpProjection(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.out_channels = widths[-1]

    def forward(self, features: list[Tensor]) -> Tensor:
        """Turn features at strides 4, 8, 16, 32 into (B, channels // 32, H/2, W/2)."""
        height, width = height_width(features[0])
        sizes = [height_width(f) for f in features[-2::-1]] + [(2 * height, 2 * width)]
        x = F.relu(self.enter(features[-1]))
        for up, size in zip(self.up, sizes, strict=True):
            x = up(x, size)
        return x


class Fusion(nn.Module):
    """MFF: enlarges the features of each level to stride 2, and fuses them."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.up = nn.ModuleList(UpProjection(c, FUSED_CHANNELS) for c in channels)
        self.out_channels = FUSED_CHANNELS * len(channels)
        self.fuse = conv_norm(self.out_channels, self.out_channels, 5)

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Turn the features of all levels into (B, 16 * levels, *size)."""
        levels = [up(f, size) for up, f in zip(self.up, features, strict=True)]
        return F.relu(self.fuse(torch.cat(levels, dim=1)))


class Refinement(nn.Module):
    """R: convolutions over the features of decoder and fusion together, and one that predicts.

    Args:
        channels: number of channels of decoder and fusion together.
        width: number of channels between the convolutions.
        kernel: side of the kernels.
        depth: number of convolutions before the one that predicts.
    """

    def __init__(self, channels: int, width: int, kernel: int, depth: int = 2) -> None:
        super().__init__()
        widths = [channels] + [width] * depth
        self.body = nn.ModuleList(conv_norm(a, b, kernel) for a, b in zip(widths, widths[1:], strict=False))
        self.predict = nn.Conv2d(width, 1, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, channels, h, w) into (B, 1, h, w) logits."""
        for layer in self.body:
            x = F.relu(layer(x))
        return self.predict(x)  # type: ignore[no-any-return]


class Hu2019(nn.Module):
    """The published network. Its output, at stride 2, is enlarged to the size of the image."""

    def __init__(self, encoder: str = "resnet50", in_channels: int = 3, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = timm_encoder(encoder, in_channels, pretrained, levels=4)
        channels = self.encoder.feature_info.channels()[-4:]
        self.decoder = Decoder(channels[-1])
        self.fusion = Fusion(channels)
        joined = self.decoder.out_channels + self.fusion.out_channels
        self.refinement = Refinement(joined, joined, kernel=5)

    def forward(self, image: Tensor) -> Tensor:
        """Turn (B, C, H, W) into (B, 1, H, W) logits."""
        features = self.encoder(image)[-4:]
        decoded = self.decoder(features)  # (B, channels // 32, H/2, W/2)
        fused = self.fusion(features, height_width(decoded))  # (B, 64, H/2, W/2)
        out = self.refinement(torch.cat([decoded, fused], dim=1))  # (B, 1, H/2, W/2)
        return resize(out, height_width(image))

"""A network for a laptop: the three parts of Hu et al. 2019, narrow, over an encoder with features at stride 2.

Features are narrowed at their own size, before they are enlarged. Kernels are 3x3. On its way up, the decoder `D` adds
the features of every level of the encoder. The features at stride 2 join the fusion `MFF`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgbg_train.models.blocks import conv_norm, height_width, resize
from fgbg_train.models.encoders import timm_encoder
from fgbg_train.models.hu2019 import Refinement

PICTURE_CHANNELS = 3
"""Channels that the encoder sees."""


class LightUp(nn.Module):
    """Narrows features at their own size, enlarges them, adds finer features, and refines by two 3x3 convolutions."""

    def __init__(self, in_channels: int, finer_channels: int, out_channels: int) -> None:
        super().__init__()
        self.narrow = conv_norm(in_channels, out_channels, 1)
        self.lateral = conv_norm(finer_channels, out_channels, 1)
        self.enter = conv_norm(out_channels, out_channels, 3)
        self.refine = conv_norm(out_channels, out_channels, 3)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        """Turn (B, in, h, w) and finer features (B, finer, H, W) into (B, out, H, W), not negative."""
        x = resize(self.narrow(x), height_width(finer)) + self.lateral(finer)
        return F.relu(self.refine(F.relu(self.enter(x))) + x)


class LightDecoder(nn.Module):
    """D with fixed narrow widths: it starts from the coarsest features and their mean, and adds the finer ones."""

    WIDTHS = (128, 96, 64, 32, 16)

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        widths = self.WIDTHS
        self.enter = conv_norm(channels[-1], widths[0], 1)
        self.whole = nn.Linear(channels[-1], widths[0])
        steps = zip(widths, channels[-2::-1], widths[1:], strict=False)
        self.up = nn.ModuleList(LightUp(*step) for step in steps)
        self.out_channels = widths[-1]

    def forward(self, features: list[Tensor]) -> Tensor:
        """Turn features at strides 2, 4, 8, 16, 32 into (B, 16, H/2, W/2)."""
        coarsest = features[-1]
        x = F.relu(self.enter(coarsest) + self.whole(coarsest.mean((2, 3)))[:, :, None, None])
        for up, finer in zip(self.up, features[-2::-1], strict=True):
            x = up(x, finer)
        return x


class LightFusion(nn.Module):
    """MFF that narrows the features of each level at their own size, so that enlarging costs little."""

    NARROW, WIDTH = 8, 24

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(conv_norm(c, self.NARROW, 1) for c in channels)
        self.fuse = conv_norm(self.NARROW * len(channels), self.WIDTH, 1)
        self.out_channels = self.WIDTH

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Turn the features of all levels into (B, 24, *size)."""
        levels = [resize(F.relu(n(f)), size) for n, f in zip(self.narrow, features, strict=True)]
        return F.relu(self.fuse(torch.cat(levels, dim=1)))


class Light(nn.Module):
    """The network of this module.

    The encoder sees three channels, so that an encoder that was trained on pictures can be used unchanged, even frozen.
    A fourth channel, the mask, joins its finest features.
    """

    def __init__(self, encoder: str = "efficientnet_lite0", in_channels: int = 3, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = timm_encoder(encoder, PICTURE_CHANNELS, pretrained, levels=5)
        channels = self.encoder.feature_info.channels()[-5:]
        channels[0] += in_channels - PICTURE_CHANNELS
        self.decoder = LightDecoder(channels)
        self.fusion = LightFusion(channels)
        joined = self.decoder.out_channels + self.fusion.out_channels
        self.refinement = Refinement(joined, width=24, kernel=3, depth=1)

    def forward(self, image: Tensor) -> Tensor:
        """Turn (B, C, H, W) into (B, 1, H, W) logits."""
        features = self.encoder(image[:, :PICTURE_CHANNELS])[-5:]
        if image.shape[1] > PICTURE_CHANNELS:
            further = resize(image[:, PICTURE_CHANNELS:], height_width(features[0]))
            features[0] = torch.cat([features[0], further], dim=1)
        decoded = self.decoder(features)  # (B, 16, H/2, W/2)
        fused = self.fusion(features, height_width(decoded))  # (B, 24, H/2, W/2)
        out = self.refinement(torch.cat([decoded, fused], dim=1))  # (B, 1, H/2, W/2)
        return resize(out, height_width(image))

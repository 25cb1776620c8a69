"""The encoder-decoder of Hu et al. over any timm encoder.

Source: Hu, Ozay, Zhang, Okatani 2019, "Revisiting Single Image Depth Estimation: Toward Higher
Resolution Maps with Accurate Object Boundaries". An encoder gives features at strides 4, 8, 16 and
32; the decoder `D` climbs from the coarsest to stride 2; the multi-scale fusion `MFF` brings all four
to stride 2; the refinement `R` joins both. With ResNet-50 it has 67,569,473 parameters.

`light` keeps the three parts and is made for a laptop: features are narrowed at their own size, before
they are enlarged, kernels are 3x3, `D` meets the encoder's features of every level on its way up, and those of
stride 2 join the fusion.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgbg_train.errors import ConfigError
from fgbg_train.models.blocks import UpProjection, conv_norm, height_width, resize

FUSED_CHANNELS = 16  # of each level, in MFF
PICTURE_CHANNELS = 3


def timm_encoder(name: str, in_channels: int, pretrained: bool, levels: int) -> Any:
    """Build timm's encoder `name` as a list-of-features network with its last `levels` levels.

    Raises:
        ConfigError: timm does not know the name, or the encoder has too few levels.
    """
    import timm

    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        hint = f" Did you mean {', '.join(near)}?" if near else " timm.list_models() lists them."
        raise ConfigError(f"{name!r} is no timm encoder.{hint}")
    try:
        encoder: Any = timm.create_model(name, features_only=True, in_chans=in_channels, pretrained=pretrained)
        reductions = encoder.feature_info.reduction()
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(f"{name} cannot be used as an encoder: {error}") from error
    except OSError as error:  # a hub that cannot be reached
        raise ConfigError(f"the pretrained weights of {name} cannot be loaded: {error}") from error
    wanted = [4, 8, 16, 32] if levels == 4 else [2, 4, 8, 16, 32]
    if reductions[-levels:] != wanted:
        raise ConfigError(f"{name} has features at strides {reductions}; {wanted} are needed at its end")
    return encoder


class Decoder(nn.Module):
    """D: from the coarsest features to stride 2, halving the channels at every step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels // 2**i for i in range(1, 6)]
        self.enter = conv_norm(channels, widths[0], 1)
        self.up = nn.ModuleList(UpProjection(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.out_channels = widths[-1]

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features at strides 4, 8, 16, 32 -> (B, channels // 32, H/2, W/2)."""
        height, width = height_width(features[0])
        sizes = [height_width(f) for f in features[-2::-1]] + [(2 * height, 2 * width)]
        x = F.relu(self.enter(features[-1]))
        for up, size in zip(self.up, sizes, strict=True):
            x = up(x, size)
        return x


class Fusion(nn.Module):
    """MFF: every level enlarged to stride 2 and fused."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.up = nn.ModuleList(UpProjection(c, FUSED_CHANNELS) for c in channels)
        self.out_channels = FUSED_CHANNELS * len(channels)
        self.fuse = conv_norm(self.out_channels, self.out_channels, 5)

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Features of all levels -> (B, 16 * levels, *size)."""
        levels = [up(f, size) for up, f in zip(self.up, features, strict=True)]
        return F.relu(self.fuse(torch.cat(levels, dim=1)))


class Refinement(nn.Module):
    """R: two convolutions over decoder and fusion together, and the one that predicts."""

    def __init__(self, channels: int, width: int, kernel: int, depth: int = 2) -> None:
        super().__init__()
        widths = [channels] + [width] * depth
        self.body = nn.ModuleList(conv_norm(a, b, kernel) for a, b in zip(widths, widths[1:], strict=False))
        self.predict = nn.Conv2d(width, 1, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> (B, 1, h, w) logits."""
        for layer in self.body:
            x = F.relu(layer(x))
        return self.predict(x)  # type: ignore[no-any-return]


class Hu2019(nn.Module):
    """The published network; its output, of stride 2, is enlarged to the input's size."""

    def __init__(self, encoder: str = "resnet50", in_channels: int = 3, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = timm_encoder(encoder, in_channels, pretrained, levels=4)
        channels = self.encoder.feature_info.channels()[-4:]
        self.decoder = Decoder(channels[-1])
        self.fusion = Fusion(channels)
        joined = self.decoder.out_channels + self.fusion.out_channels
        self.refinement = Refinement(joined, joined, kernel=5)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 1, H, W) logits."""
        features = self.encoder(image)[-4:]
        decoded = self.decoder(features)  # (B, channels // 32, H/2, W/2)
        fused = self.fusion(features, height_width(decoded))  # (B, 64, H/2, W/2)
        out = self.refinement(torch.cat([decoded, fused], dim=1))  # (B, 1, H/2, W/2)
        return resize(out, height_width(image))


class LightUp(nn.Module):
    """Narrow at the size that there is, enlarge, add finer features, refine by two 3x3 convolutions."""

    def __init__(self, in_channels: int, finer_channels: int, out_channels: int) -> None:
        super().__init__()
        self.narrow = conv_norm(in_channels, out_channels, 1)
        self.lateral = conv_norm(finer_channels, out_channels, 1)
        self.enter = conv_norm(out_channels, out_channels, 3)
        self.refine = conv_norm(out_channels, out_channels, 3)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        """(B, in, h, w) and finer features (B, finer, H, W) -> (B, out, H, W), not negative."""
        x = resize(self.narrow(x), height_width(finer)) + self.lateral(finer)
        return F.relu(self.refine(F.relu(self.enter(x))) + x)


class LightDecoder(nn.Module):
    """D with fixed narrow widths; it starts from the coarsest features and their mean, and meets the finer ones."""

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
        """Features at strides 2, 4, 8, 16, 32 -> (B, 16, H/2, W/2)."""
        coarsest = features[-1]
        x = F.relu(self.enter(coarsest) + self.whole(coarsest.mean((2, 3)))[:, :, None, None])
        for up, finer in zip(self.up, features[-2::-1], strict=True):
            x = up(x, finer)
        return x


class LightFusion(nn.Module):
    """MFF that narrows every level at its own size, so that enlarging costs little."""

    NARROW, WIDTH = 8, 24

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(conv_norm(c, self.NARROW, 1) for c in channels)
        self.fuse = conv_norm(self.NARROW * len(channels), self.WIDTH, 1)
        self.out_channels = self.WIDTH

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Features of all levels -> (B, 24, *size)."""
        levels = [resize(F.relu(n(f)), size) for n, f in zip(self.narrow, features, strict=True)]
        return F.relu(self.fuse(torch.cat(levels, dim=1)))


class Light(nn.Module):
    """The laptop version of `Hu2019`: the same three parts, narrow, over five encoder levels.

    The encoder sees three channels, so that one that was trained on pictures stays what it is, even when it is frozen;
    further ones, the mask, join its finest features.
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
        """(B, C, H, W) -> (B, 1, H, W) logits."""
        features = self.encoder(image[:, :PICTURE_CHANNELS])[-5:]
        if image.shape[1] > PICTURE_CHANNELS:
            further = resize(image[:, PICTURE_CHANNELS:], height_width(features[0]))
            features[0] = torch.cat([features[0], further], dim=1)
        decoded = self.decoder(features)  # (B, 16, H/2, W/2)
        fused = self.fusion(features, height_width(decoded))  # (B, 24, H/2, W/2)
        out = self.refinement(torch.cat([decoded, fused], dim=1))  # (B, 1, H/2, W/2)
        return resize(out, height_width(image))

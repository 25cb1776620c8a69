"""EfficientNet-Lite0 in plain torch, with the names that its tensors have in timm.

It does not use timm itself, so that the weights inside the package load whatever version of timm is installed, and so
that the workers of a build start without importing all of timm's networks.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""(blocks, kernel, stride of the first block, expansion, channels) of each stage.

Source: Tan & Le, ICML 2019, table 1, as changed in EfficientNet-Lite of github.com/tensorflow/tpu: no squeeze and
excitation, ReLU6, a stem of 32 channels.
"""
LEVELS = (0, 1, 2, 4, 6)
"""The last stages whose output has 1/2, 1/4, 1/8, 1/16 and 1/32 of the size of the input."""


def convolution(width_in: int, width_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a padded convolution without bias, because batch norm follows it. It keeps the size if the stride is 1."""
    return nn.Conv2d(width_in, width_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


class Normed(nn.Module):
    """A module in which batch norm follows every convolution."""

    pairs: ClassVar[tuple[tuple[str, str], ...]]
    """(name of the convolution, name of its batch norm)."""


class DepthwiseSeparable(Normed):
    """The block of the first stage: a depthwise and a pointwise convolution."""

    pairs = (("conv_dw", "bn1"), ("conv_pw", "bn2"))

    def __init__(self, width_in: int, width_out: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = convolution(width_in, width_in, kernel, groups=width_in)
        self.bn1 = nn.BatchNorm2d(width_in)
        self.conv_pw = convolution(width_in, width_out, 1)
        self.bn2 = nn.BatchNorm2d(width_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) -> (B, width_out, H, W)."""
        y = functional.relu6(self.bn1(self.conv_dw(x)), inplace=True)
        out: Tensor = self.bn2(self.conv_pw(y))
        return out


class InvertedResidual(Normed):
    """The block of the other stages: widen, convolve depthwise, narrow; the input is added if the shapes agree."""

    pairs = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = width_in * expansion
        self.conv_pw = convolution(width_in, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_dw = convolution(width, width, kernel, stride, groups=width)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv_pwl = convolution(width, width_out, 1)
        self.bn3 = nn.BatchNorm2d(width_out)
        self.is_residual = width_in == width_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) -> (B, width_out, H / stride, W / stride)."""
        y = functional.relu6(self.bn1(self.conv_pw(x)), inplace=True)
        y = functional.relu6(self.bn2(self.conv_dw(y)), inplace=True)
        out: Tensor = self.bn3(self.conv_pwl(y))
        return x + out if self.is_residual else out


class Encoder(Normed):
    """Stem and all stages. Its state dict is that of `timm.create_model("efficientnet_lite0", features_only=True)`."""

    pairs = (("conv_stem", "bn1"),)

    def __init__(self) -> None:
        super().__init__()
        width = 32
        self.conv_stem = convolution(3, width, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList()
        for blocks, kernel, stride, expansion, width_out in STAGES:
            stage = nn.Sequential()
            for block in range(blocks):
                if expansion == 1:
                    stage.append(DepthwiseSeparable(width, width_out, kernel))
                else:
                    stage.append(InvertedResidual(width, width_out, kernel, 1 if block else stride, expansion))
                width = width_out
            self.blocks.append(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> five maps, (B, 16 | 24 | 40 | 112 | 320, H/2 ... H/32, W/2 ... W/32)."""
        y = functional.relu6(self.bn1(self.conv_stem(x)), inplace=True)
        levels = []
        for index, stage in enumerate(self.blocks):
            y = stage(y)
            if index in LEVELS:
                levels.append(y)
        return levels


def fold_batch_norm(net: nn.Module) -> None:
    """Move the scale and shift of every batch norm into its convolution, which makes the network a fifth faster."""
    for module in net.modules():
        for conv, norm in module.pairs if isinstance(module, Normed) else ():
            setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
            setattr(module, norm, nn.Identity())

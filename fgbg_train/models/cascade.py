"""The cascade: a mask network sees the image, a depth network sees the image and the mask."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fgbg_train.config import Combine, Freeze

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet, RGB in [0, 1]."""


class Prediction(NamedTuple):
    """What a cascade predicts for a batch; a map is None if the cascade has no network for it."""

    mask_logits: Tensor | None
    """(B, 1, H, W): their sigmoid is the probability of the mask."""
    depth: Tensor | None
    """(B, 1, H, W) in [0, 1]: relative inverse depth, unitless, larger = nearer."""
    reference: Tensor | None = None
    """(B, 1, H, W) in [0, 1]: the depth of the image without a mask; only for the saliency objective."""


class Cascade(nn.Module):
    """`mask = mask_net(image)`, `depth = depth_net(combine(image, mask))`; either may be missing.

    Args:
        mask_net: (B, 3, H, W) -> (B, 1, H, W) logits.
        depth_net: (B, C, H, W) -> (B, 1, H, W) logits, C = `depth_channels`.
        combine: `concat` gives the depth network image and mask as four channels. `product`, the published recipe,
            multiplies them, so that the network sees the mean colour outside the mask.
        saliency: freeze the depth network, let its gradient reach the mask, and also return the depth of the image
            without a mask. Otherwise the mask network learns only from masks.
        freeze_norm: keep batch norm at its statistics.
        freeze_encoder: the networks whose encoder keeps its weights and statistics.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mask_net: nn.Module | None,
        depth_net: nn.Module | None,
        combine: Combine,
        *,
        saliency: bool = False,
        freeze_norm: bool = False,
        freeze_encoder: Freeze = "none",
    ) -> None:
        super().__init__()
        self.mask_net = mask_net
        self.depth_net = depth_net
        self.combine = combine
        self.saliency = saliency
        self.freeze_norm = freeze_norm
        frozen = {"none": (), "mask": (mask_net,), "depth": (depth_net,), "both": (mask_net, depth_net)}[freeze_encoder]
        self._frozen = [network.get_submodule("encoder") for network in frozen if network is not None]
        if saliency and depth_net is not None:
            self._frozen.append(depth_net)
        for module in self._frozen:
            module.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, recoloured: Tensor | None = None) -> Prediction:
        """Predict mask logits and depth of the size of the image.

        Args:
            image: (B, 3, H, W) float RGB in [0, 1].
            recoloured: the same with other colours, for the mask network in training. Masks are true for any colours,
                but the depth labels were made from the colours of `image`.
        """
        x = (image - self.mean) / self.std
        seen = x if recoloured is None or self.saliency else (recoloured - self.mean) / self.std
        logits = None if self.mask_net is None else self.mask_net(seen)  # (B, 1, H, W)
        if self.depth_net is None:
            return Prediction(logits, None)
        if logits is None:
            return Prediction(None, torch.sigmoid(self.depth_net(x)))
        mask = torch.sigmoid(logits)
        if not self.saliency:
            mask = mask.detach()
        joined = x * mask if self.combine == "product" else torch.cat([x, mask], dim=1)  # (B, 3 or 4, H, W)
        depth = torch.sigmoid(self.depth_net(joined))
        if not self.saliency:
            return Prediction(logits, depth)
        with torch.no_grad():
            reference = torch.sigmoid(self.depth_net(x))
        return Prediction(logits, depth, reference)

    def train(self, mode: bool = True) -> "Cascade":
        """Set training or evaluation mode, but keep frozen parts in evaluation mode."""
        super().train(mode)
        for frozen in self._frozen:
            frozen.eval()
        if self.freeze_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def depth_channels(combine: Combine, *, alone: bool) -> int:
    """Return the number of channels that the depth network reads; `alone` means that there is no mask network."""
    return 4 if combine == "concat" and not alone else 3

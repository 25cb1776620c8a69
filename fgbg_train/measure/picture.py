"""One picture of any size is predicted, at its own size."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from fgbg_train.data.sample_reader import size_at
from fgbg_train.models.blocks import resize
from fgbg_train.models.cascade import Cascade

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Plane = npt.NDArray[np.float32]
"""(H, W) float32 in [0, 1]."""
Predict = Callable[[Picture], tuple[Plane | None, Plane | None]]
"""(H, W, 3) uint8 RGB -> probability of the mask and relative inverse depth, (H, W) float32 in [0, 1] or None."""


@torch.no_grad()
def predict_picture(
    model: Cascade, image: Picture, size_px: int, device: torch.device
) -> tuple[Plane | None, Plane | None]:
    """Predict one picture; the networks see it with a shorter side of `size_px`.

    Args:
        model: in evaluation mode, on `device`.
        image: (H, W, 3) uint8 RGB.
        size_px: the size of the training, or near to it.
        device: where to compute.

    Returns:
        Probability of the mask, and inverse depth: (H, W) float32 in [0, 1], or None if the model has no such network.
    """
    full = image.shape[0], image.shape[1]
    small = shrunk(image, size_at(full, size_px))
    x = torch.from_numpy(small.copy()).to(device).permute(2, 0, 1).unsqueeze(0).float() / 255  # (1, 3, h, w)
    prediction = model(x)
    logits, depth = prediction.mask_logits, prediction.depth
    mask = None if logits is None else torch.sigmoid(resize(logits.float(), full))[0, 0].cpu().numpy()
    return mask, None if depth is None else resize(depth.float(), full)[0, 0].cpu().numpy()


def shrunk(image: Picture, size: tuple[int, int]) -> Picture:
    """Resize (H, W, 3) to (height, width), each pixel being the mean of the area that it covers."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX))

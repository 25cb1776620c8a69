"""Vary training batches on the device that trains. What a sample gets depends only on (seed, epoch, key).

So ranks and workers never repeat each other, and a batch that is split, resumed or read by other workers gets the same
variations. A step that moves pixels moves image, mask and depth together. A step that changes colours, cutout included,
changes only the image. Some samples also get a second image, with other colours in the background.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fgbg_train.config import AugmentConfig
from fgbg_train.data.batches import Targets
from fgbg_train.data.draws import Draws

ASPECT = 4 / 3
"""Ratio of the widest crop; its inverse is the ratio of the tallest."""
CUTOUT_FRAC = (0.1, 0.4)
"""Range of the side of a painted square, as a share of the side of the image."""
TINT = (0.1, 1.3)
"""Range of the factors by which colours of a background are multiplied."""
TINT_CELLS = 3
"""Rows and columns of the grid of factors for a whole background; factors between them are interpolated."""
TINTED_FRAC = 0.5
"""Share of recoloured backgrounds that get a smooth tint as a whole."""
NEGATIVE_FRAC = 0.25
"""Share of recoloured backgrounds that become negatives."""
THINGS = 8
"""Boxes in each recoloured background that get a colour of their own."""
THING_FRAC = (0.04, 0.4)
"""Range of the sides of these boxes, as shares of the sides of the image."""


def augment(targets: Targets, *, keys: Sequence[str], seed: int, epoch: int, config: AugmentConfig) -> Targets:
    """Vary a batch.

    Args:
        targets: image, mask and depth of one size.
        keys: keys of the samples.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        config: strength of each step.

    Returns:
        New tensors with the same shapes and ranges; `recoloured` is None if `config.background` is 0.
    """
    image, mask, depth, _ = targets
    draws = Draws(seed, epoch, keys, image.device)
    stack = torch.cat([image, mask] if depth is None else [image, mask, depth], dim=1)
    if config.mirror:
        stack = mirror(stack, draws, config.mirror)
    if config.crop:
        stack = crop(stack, draws, config.crop)
    image, mask = stack[:, :3], stack[:, 3:4]
    depth = None if depth is None else stack[:, 4:5]
    if config.colour:
        image = colour(image, draws, config.colour)
    if config.blur:
        image = blur(image, draws, config.blur)
    if config.noise:
        sigma = draws.uniform("noise", 0, config.noise).view(-1, 1, 1, 1)
        image = image + sigma * draws.normal("grain", image.shape[1:])
    if config.cutout:
        image = cutout(image, draws, config.cutout)
    image = image.clamp(0, 1)
    recoloured = recolour_background(image, mask, draws, config.background) if config.background else None
    return Targets(image, mask, depth, recoloured)


def mirror(stack: Tensor, draws: Draws, probability: float) -> Tensor:
    """Flip some samples from left to right."""
    return torch.where(draws.chosen("mirror", probability).view(-1, 1, 1, 1), stack.flip(-1), stack)


def crop(stack: Tensor, draws: Draws, most: float) -> Tensor:
    """Cut a random box out of each sample and enlarge it to the size of the sample (Szegedy et al. 2015).

    Args:
        stack: (B, C, H, W).
        draws: random numbers of the samples.
        most: largest share of the area that is cut away.
    """
    area = draws.uniform("area", 1 - most, 1)
    aspect = draws.uniform("aspect", -math.log(ASPECT), math.log(ASPECT)).exp()
    width = (area * aspect).sqrt().clamp(max=1)  # as a share of the image's width
    height = (area / aspect).sqrt().clamp(max=1)
    left = draws.uniform("left", -1, 1) * (1 - width)  # centre of the box, in [-1, 1]
    top = draws.uniform("top", -1, 1) * (1 - height)
    zero = torch.zeros_like(width)
    rows = [torch.stack([width, zero, left], 1), torch.stack([zero, height, top], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(stack.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(stack, grid, padding_mode="border", align_corners=False)


def colour(image: Tensor, draws: Draws, strength: float) -> Tensor:
    """Change brightness, contrast and saturation by factors between 1 - strength and 1 + strength."""

    def factor(name: str) -> Tensor:
        return draws.uniform(name, 1 - strength, 1 + strength).view(-1, 1, 1, 1)

    image = image * factor("brightness")
    grey = image.mean(dim=(1, 2, 3), keepdim=True)
    image = grey + (image - grey) * factor("contrast")
    luma = image.mean(dim=1, keepdim=True)
    return luma + (image - luma) * factor("saturation")


def blur(image: Tensor, draws: Draws, probability: float) -> Tensor:
    """Mix some samples with a 5x5 binomial blur of themselves."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=image.device, dtype=image.dtype) / 16
    kernel = torch.outer(taps, taps).expand(3, 1, 5, 5)
    soft = F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), kernel, groups=3)
    share = draws.uniform("blur share") * draws.chosen("blur", probability)
    return torch.lerp(image, soft, share.view(-1, 1, 1, 1))


def cutout(image: Tensor, draws: Draws, probability: float) -> Tensor:
    """Paint a square of some samples in one colour. Source: DeVries & Taylor 2017, "Cutout"."""
    side = draws.uniform("cutout side", *CUTOUT_FRAC).view(-1, 1, 1)
    y, x = pixel_centres(image)
    inside = (y - draws.uniform("cutout y").view(-1, 1, 1)).abs() < side / 2
    inside = inside & ((x - draws.uniform("cutout x").view(-1, 1, 1)).abs() < side / 2)
    inside = inside & draws.chosen("cutout", probability).view(-1, 1, 1)
    paint = torch.stack([draws.uniform(f"cutout {c}") for c in "rgb"], dim=1).view(-1, 3, 1, 1)
    return torch.where(inside.unsqueeze(1), paint.to(image.dtype), image)


def recolour_background(image: Tensor, mask: Tensor, draws: Draws, probability: float) -> Tensor:
    """Give some samples other colours outside the mask: a tint of the whole background, and boxes with another tint.

    Backgrounds of one kind, such as pale rooms, would teach that everything dark or colourful was pasted. Here dark and
    colourful things are in the background too. Colours of the image, or of its negative, are multiplied by factors: by
    a smooth field of factors for the background, and by one colour for each box, whose corners are round.
    """
    y, x = pixel_centres(image)
    cells = draws.uniforms("room", (3, TINT_CELLS, TINT_CELLS), *TINT)
    tint = F.interpolate(cells, image.shape[-2:], mode="bicubic", align_corners=True)  # (B, 3, H, W)
    tint = torch.where(draws.chosen("tinted room", TINTED_FRAC).view(-1, 1, 1, 1), tint, 1)
    for i in range(THINGS):
        top, left = draws.uniforms(f"thing {i} centre", (2, 1, 1)).unbind(1)  # (B, 1, 1)
        tall, wide = draws.uniforms(f"thing {i} sides", (2, 1, 1), *THING_FRAC).unbind(1)
        inside = ((y - top) / tall * 2) ** 4 + ((x - left) / wide * 2) ** 4 < 1  # (B, H, W)
        tint = torch.where(inside.unsqueeze(1), draws.uniforms(f"thing {i}", (3, 1, 1), *TINT), tint)
    negative = draws.chosen("negative", NEGATIVE_FRAC).view(-1, 1, 1, 1)
    recoloured = (torch.where(negative, 1 - image, image) * tint).clamp(0, 1)
    chosen = draws.chosen("background", probability).view(-1, 1, 1, 1)
    return torch.lerp(image, recoloured, (1 - mask) * chosen)


def pixel_centres(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the centres of the pixels of an image as shares of its height and width.

    Args:
        image: (B, C, H, W).

    Returns:
        (1, H, 1) distances from the top, and (1, 1, W) distances from the left, in (0, 1).
    """
    height, width = image.shape[-2:]
    y = (torch.arange(height, device=image.device).view(1, -1, 1) + 0.5) / height
    x = (torch.arange(width, device=image.device).view(1, 1, -1) + 0.5) / width
    return y, x

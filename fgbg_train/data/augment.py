"""Vary training batches on the device that trains; what a sample gets depends on (seed, epoch, key) only.

So neither ranks nor workers ever repeat each other, and a batch that is split, resumed or read by other
workers gets what it would have got. Whatever moves pixels moves image, mask and depth together; what
changes colours, cutout included, changes the image only. Of some samples there is a second image, whose
background has other colours.
"""

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fgbg_train.config import AugmentConfig
from fgbg_train.data.samples import Targets

ASPECT = 4 / 3  # widest and, inverted, tallest crop, as a ratio
CUTOUT_FRAC = (0.1, 0.4)  # side of a painted square as a share of the image's
TINT = (0.1, 1.3)  # factors of a colour, where the background gets others
TINT_CELLS = 3  # rows and columns of the factors of a room, between which they are interpolated
TINTED_FRAC = 0.5  # of those backgrounds have a tinted room
NEGATIVE_FRAC = 0.25  # of them are negatives
THINGS = 8  # boxes in each of them that have a colour of their own
THING_FRAC = (0.04, 0.4)  # their sides, as shares of the image's
_WORD = 0xFFFFFFFF


class Draws:
    """Named random numbers of every sample in a batch.

    A sample has 64 bits of its own, of which and of the name every number is a hash (the finaliser of
    MurmurHash3, Appleby 2011) that the device computes for all samples at once.
    """

    def __init__(self, seed: int, epoch: int, keys: Sequence[str], device: torch.device) -> None:
        pairs = [_two_words(f"{seed}|{epoch}|{key}") for key in keys]
        self._low, self._high = torch.tensor(pairs, dtype=torch.int64, device=device).view(-1, 2).unbind(1)
        self._device = device

    def _words(self, name: str) -> Tensor:
        """Return (B,) int64 in [0, 2**32)."""
        low, high = _two_words(name)
        return _mix((_mix(self._low ^ low) + (self._high ^ high)) & _WORD)

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return (B,) float32 in [low, high)."""
        return low + (high - low) * ((self._words(name) >> 8).float() / 2**24)

    def chosen(self, name: str, probability: float) -> Tensor:
        """Return (B,) bool, true with `probability`."""
        return self.uniform(name) < probability

    def uniforms(self, name: str, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return (B, *shape) float32 in [low, high)."""
        return low + (high - low) * ((self._bits(name, shape) >> 8).float() / 2**24)

    def normal(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return (B, *shape) float32, standard normal.

        The two halves of 32 bits become one normal value by Box & Muller 1958, so none is beyond 4.8.
        """
        bits = self._bits(name, shape)
        radius = torch.sqrt(-2 * torch.log(((bits >> 16) + 1).float() / 2**16))
        angle = (bits & 0xFFFF).float() * (2 * math.pi / 2**16)
        return radius * torch.cos(angle)

    def _bits(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return (B, *shape) int64 in [0, 2**32)."""
        words = self._words(name)
        places = torch.arange(math.prod(shape), dtype=torch.int64, device=self._device)
        return _mix(_mix(places) ^ words.unsqueeze(1)).view(len(words), *shape)


def _two_words(text: str) -> tuple[int, int]:
    """Return two integers in [0, 2**32) that belong to a text."""
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return digest & _WORD, digest >> 32


def _mix(x: Tensor) -> Tensor:
    """Scramble int64 values in [0, 2**32) into the same range."""
    x = x ^ (x >> 16)
    x = (x * 0x85EBCA6B) & _WORD
    x = x ^ (x >> 13)
    x = (x * 0xC2B2AE35) & _WORD
    return x ^ (x >> 16)


def augment(targets: Targets, *, keys: Sequence[str], seed: int, epoch: int, config: AugmentConfig) -> Targets:
    """Vary a batch.

    Args:
        targets: image, mask and depth of one size.
        keys: the samples' keys.
        seed: of the run.
        epoch: counted from 0.
        config: how strongly.

    Returns:
        New tensors of the same shapes and ranges; `recoloured` is None where `config.background` is 0.
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
    """Flip some samples left to right."""
    return torch.where(draws.chosen("mirror", probability).view(-1, 1, 1, 1), stack.flip(-1), stack)


def crop(stack: Tensor, draws: Draws, most: float) -> Tensor:
    """Cut a random box out of every sample and enlarge it to the whole (Szegedy et al. 2015)."""
    area = draws.uniform("area", 1 - most, 1)
    aspect = draws.uniform("aspect", -math.log(ASPECT), math.log(ASPECT)).exp()
    width = (area * aspect).sqrt().clamp(max=1)  # share of the image's
    height = (area / aspect).sqrt().clamp(max=1)
    left = draws.uniform("left", -1, 1) * (1 - width)  # centre, in [-1, 1]
    top = draws.uniform("top", -1, 1) * (1 - height)
    nothing = torch.zeros_like(width)
    rows = [torch.stack([width, nothing, left], 1), torch.stack([nothing, height, top], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(stack.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(stack, grid, padding_mode="border", align_corners=False)


def colour(image: Tensor, draws: Draws, strength: float) -> Tensor:
    """Change brightness, contrast and saturation by factors of up to 1 +- strength."""

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
    y, x = places(image)
    inside = (y - draws.uniform("cutout y").view(-1, 1, 1)).abs() < side / 2
    inside = inside & ((x - draws.uniform("cutout x").view(-1, 1, 1)).abs() < side / 2)
    inside = inside & draws.chosen("cutout", probability).view(-1, 1, 1)
    paint = torch.stack([draws.uniform(f"cutout {c}") for c in "rgb"], dim=1).view(-1, 3, 1, 1)
    return torch.where(inside.unsqueeze(1), paint.to(image.dtype), image)


def recolour_background(image: Tensor, mask: Tensor, draws: Draws, probability: float) -> Tensor:
    """Give what the mask leaves free other colours in some samples: a tint of the room, and things that have another.

    Photos of one kind, pale rooms say, teach that whatever is dark or colourful was pasted. Here it was not. Colours
    are factors of the image's, or of its negative's: a smooth field of them for the room, one for every thing, which is
    a box with round corners.
    """
    y, x = places(image)
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


def places(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the centres of an image's pixels as shares of it: (1, H, 1) down and (1, 1, W) to the right."""
    height, width = image.shape[-2:]
    y = (torch.arange(height, device=image.device).view(1, -1, 1) + 0.5) / height
    x = (torch.arange(width, device=image.device).view(1, 1, -1) + 0.5) / width
    return y, x

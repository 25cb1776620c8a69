"""Random numbers by name: what a sample draws depends only on (seed, epoch, key) and on the name of the draw."""

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF


class Draws:
    """Named random numbers for each sample of a batch.

    Each sample has 64 bits of its own. A draw is a hash of these bits and of its name (the finaliser of MurmurHash3,
    Appleby 2011), which the device computes for all samples at once.

    Args:
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        keys: keys of the samples.
        device: where numbers are computed.
    """

    def __init__(self, seed: int, epoch: int, keys: Sequence[str], device: torch.device) -> None:
        pairs = [_two_words(f"{seed}|{epoch}|{key}") for key in keys]
        self._low, self._high = torch.tensor(pairs, dtype=torch.int64, device=device).view(-1, 2).unbind(1)
        self._device = device

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return (B,) float32 in [low, high)."""
        return low + (high - low) * ((self._words(name) >> 8).float() / 2**24)

    def chosen(self, name: str, probability: float) -> Tensor:
        """Return (B,) bool, true with a probability."""
        return self.uniform(name) < probability

    def uniforms(self, name: str, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return (B, *shape) float32 in [low, high)."""
        return low + (high - low) * ((self._bits(name, shape) >> 8).float() / 2**24)

    def normal(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return (B, *shape) float32 from the standard normal distribution.

        Each value is made of the two halves of 32 bits by the method of Box & Muller 1958, so none is beyond 4.8.
        """
        bits = self._bits(name, shape)
        radius = torch.sqrt(-2 * torch.log(((bits >> 16) + 1).float() / 2**16))
        angle = (bits & 0xFFFF).float() * (2 * math.pi / 2**16)
        return radius * torch.cos(angle)

    def _words(self, name: str) -> Tensor:
        """Return (B,) int64 in [0, 2**32)."""
        low, high = _two_words(name)
        return _mix((_mix(self._low ^ low) + (self._high ^ high)) & _WORD)

    def _bits(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return (B, *shape) int64 in [0, 2**32)."""
        words = self._words(name)
        positions = torch.arange(math.prod(shape), dtype=torch.int64, device=self._device)
        return _mix(_mix(positions) ^ words.unsqueeze(1)).view(len(words), *shape)


def _two_words(text: str) -> tuple[int, int]:
    """Return two integers in [0, 2**32) that follow from a text."""
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return digest & _WORD, digest >> 32


def _mix(x: Tensor) -> Tensor:
    """Scramble int64 values in [0, 2**32) into the same range."""
    x = x ^ (x >> 16)
    x = (x * 0x85EBCA6B) & _WORD
    x = x ^ (x >> 13)
    x = (x * 0xC2B2AE35) & _WORD
    return x ^ (x >> 16)

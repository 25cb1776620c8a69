"""Depth codes: relative inverse depth as 16-bit integers, and back."""

import numpy as np

from fgbg_data.sample import Array


def quantise_depth(depth: Array, bits: int) -> tuple[Array, float, float]:
    """Map depth to codes that span the range from its minimum to its maximum.

    `code = round(v * (2**bits - 1)) << (16 - bits)` with `v = (depth - min) / (max - min)`. The codes fill the high
    bits, so that viewers of 16-bit PNGs show the right brightness for any number of bits.

    Args:
        depth: (h, w) float32, relative inverse depth, larger = nearer, finite.
        bits: number of bits of the codes, 1 to 16.

    Returns:
        (h, w) uint16 codes, and the minimum and maximum of `depth`. A constant map gives codes of 0.
    """
    low, high = float(depth.min()), float(depth.max())
    if high <= low:
        return np.zeros(depth.shape, np.uint16), low, high
    value = (depth.astype(np.float64) - low) / (high - low)
    codes = np.rint(value * (2**bits - 1)).astype(np.uint16)
    return codes << np.uint16(16 - bits), low, high


def dequantise_depth(codes: Array, bits: int) -> Array:
    """Map codes back to relative inverse depth in [0, 1], larger is nearer.

    Args:
        codes: (h, w) uint16 codes, as a shard holds them.
        bits: number of bits of the codes, 1 to 16; the meta of a sample gives it as `depth_bits`.

    Returns:
        (h, w) float32.
    """
    depth = (codes >> np.uint16(16 - bits)).astype(np.float32)
    depth /= np.float32(2**bits - 1)  # in place, because new memory for each sample costs time
    return depth


dequantize_depth = dequantise_depth
"""The American spelling of `dequantise_depth`."""

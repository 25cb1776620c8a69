"""Checkpoint to package: the averaged weights as fp16 safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

WEIGHTS = Path(__file__).resolve().parents[2] / "fgbg_data" / "depth" / "tiny.safetensors"
LIMIT_BYTES = 8_000_000


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a checkpoint (.pt, its averaged weights) or an exported file (.safetensors)."""
    if path.suffix == ".safetensors":
        return load_file(path)
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["ema"]
    return state


def export(checkpoint: Path, out: Path = WEIGHTS) -> int:
    """Write the weights in half precision; return the size in bytes."""
    state = {
        k: v.half() if v.dtype.is_floating_point else v
        for k, v in read_weights(checkpoint).items()
        if not k.endswith("num_batches_tracked")
    }
    bad = [k for k, v in state.items() if v.dtype == torch.float16 and not torch.isfinite(v).all()]
    if bad:
        raise ValueError(f"{checkpoint}: {bad[0]} does not fit half precision; the training has diverged")
    partial = out.with_suffix(".partial")
    partial.write_bytes(save({k: v.contiguous() for k, v in state.items()}, {"format": "pt", "network": "fgbg tiny 1"}))
    partial.replace(out)
    size = out.stat().st_size
    if size > LIMIT_BYTES:
        raise ValueError(f"{out}: {size} bytes, more than {LIMIT_BYTES}; make the network smaller")
    return size

"""Time the estimator and its engines against the encoder alone: 224 x 224, batch 16, one core."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from fgbg_data.depth.tiny import TinyEstimator, read_weights  # noqa: E402
from fgbg_data.depth.tiny_engines import onnx_engine, torch_engine, torch_net  # noqa: E402
from fgbg_data.depth.tiny_net import TinyNet  # noqa: E402
from fgbg_data.runtime.threads import set_num_threads  # noqa: E402

REPEATS = 7


def best(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the shortest time of each call in seconds; the calls take turns, so that a busy machine is fair."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for call in calls.values():
            call()
        for _ in range(REPEATS):
            for name, call in calls.items():
                begin = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - begin)
    return {name: min(taken) for name, taken in times.items()}


def main() -> None:
    """Print the table."""
    set_num_threads(1)
    weights = read_weights()
    encoder, whole = (sum(p.numel() for p in m.parameters()) for m in (TinyNet().encoder, TinyNet()))
    net = torch_net(weights, "cpu")
    images = np.random.default_rng(0).integers(0, 256, (16, 224, 224, 3), dtype=np.uint8)
    x = torch.rand(16, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    onnx, eager, estimator = onnx_engine(weights), torch_engine(net, "cpu"), TinyEstimator("cpu")

    def half() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return net(x)

    rows = {
        "encoder alone, torch": (encoder, lambda: net.encoder(x)),
        "tiny, torch": (whole, lambda: eager(images)),
        "tiny, torch in bfloat16 (not offered)": (whole, half),
        "tiny, onnxruntime": (whole, lambda: onnx(images)),
        "tiny, onnxruntime, with the guided filter": (whole, lambda: estimator.estimate(images)),
    }
    times = best({name: call for name, (_, call) in rows.items()})
    first = next(iter(times.values()))
    print("| Network | Parameters | ms per image | Relative to the encoder |\n|---|---|---|---|")
    for name, (size, _) in rows.items():
        print(f"| {name} | {size:,} | {times[name] / 16e-3:.1f} | {times[name] / first:.2f}x |")


if __name__ == "__main__":
    main()

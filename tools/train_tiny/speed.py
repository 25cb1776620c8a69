"""Time the estimator against its encoder alone: 224 x 224, batch 16, one core."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from fgbg_data.depth.efficientnet import fold_batch_norm  # noqa: E402
from fgbg_data.depth.tiny import read_weights  # noqa: E402
from fgbg_data.depth.tiny_net import TinyNet  # noqa: E402

REPEATS = 7


def best(*calls: Callable[[], object]) -> list[float]:
    """Return the shortest time of each call in seconds; the calls take turns, so that a busy machine is fair."""
    times = [[] for _ in calls]  # type: list[list[float]]
    with torch.inference_mode():
        for call in calls:
            call()
        for _ in range(REPEATS):
            for call, taken in zip(calls, times, strict=True):
                begin = time.perf_counter()
                call()
                taken.append(time.perf_counter() - begin)
    return [min(t) for t in times]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    net = TinyNet()
    net.load_state_dict({k: v.float() for k, v in read_weights().items()}, strict=False)
    net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sizes = [sum(p.numel() for p in m.parameters()) for m in (net.encoder, net)]
    fold_batch_norm(net)  # as the estimator does
    x = torch.rand(16, 3, 224, 224).contiguous(memory_format=torch.channels_last)

    def half() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return net(x)

    encoder, whole, bf16 = best(lambda: net.encoder(x), lambda: net(x), half)
    print(
        f"| network | parameters | ms per image | of the encoder |\n|---|---|---|---|\n"
        f"| encoder alone | {sizes[0]:,} | {encoder / 16e-3:.1f} | 1.00x |\n"
        f"| tiny | {sizes[1]:,} | {whole / 16e-3:.1f} | {whole / encoder:.2f}x |\n"
        f"| tiny, bfloat16 (not shipped) | {sizes[1]:,} | {bf16 / 16e-3:.1f} | {bf16 / encoder:.2f}x |"
    )


if __name__ == "__main__":
    main()

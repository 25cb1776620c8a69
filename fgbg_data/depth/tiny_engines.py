"""What computes the network of `tiny`: onnxruntime on a CPU, torch on a GPU. Both get the same weights.

On a CPU onnxruntime is faster than torch, and much smaller to install. The depth of both agrees to 1e-4 of its range.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import numpy as np

from fgbg_data.depth.onnx_session import open_session
from fgbg_data.errors import EstimatorError
from fgbg_data.sample import Array
from fgbg_data.text import first_line

GRAPH = "tiny.onnx"
"""The network without its weights; `tools/train_tiny/graph.py` writes it."""

Engine = Callable[[Array], Array]
"""(B, h, w, 3) uint8 RGB, sides multiples of 32 -> (B, h/2, w/2) float32, larger = nearer."""


def onnx_engine(weights: Mapping[str, Array]) -> Engine:
    """Return the network on a CPU, computed by onnxruntime with the threads of this process.

    Args:
        weights: state dict of `tiny_net.TinyNet` as float16 or float32, without `num_batches_tracked`.

    Raises:
        EstimatorError: weights are missing, unknown or of another shape.
    """
    graph = resources.files("fgbg_data.depth").joinpath(GRAPH).read_bytes()
    try:
        session = open_session(graph, weights={name: value.astype(np.float32) for name, value in weights.items()})
    except Exception as error:  # the errors of onnxruntime have no common class
        raise _misfit(first_line(error)) from error

    def run(images: Array) -> Array:
        (depth,) = session.run(None, {"images": images})
        return np.asarray(depth, np.float32)

    return run


def torch_engine(net: Any, device: str) -> Engine:
    """Return the network on a GPU, or on a CPU, computed by torch.

    Args:
        net: the network that `torch_net` returns.
        device: the device on which it is.
    """
    import torch

    from fgbg_data.depth.tiny_net import normalise

    def run(images: Array) -> Array:
        with torch.inference_mode():
            batch = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
            # In place, because one more tensor of this size would add 60 MB to the peak memory of a worker.
            batch = normalise(batch.float().div_(255)).contiguous(memory_format=torch.channels_last)
            depth: Array = net(batch).float().cpu().numpy()
        return depth

    return run


def torch_net(weights: Mapping[str, Array], device: str) -> Any:
    """Return the network with weights, as a `torch.nn.Module` for inference whose batch norm is folded.

    Args:
        weights: state dict of `tiny_net.TinyNet` as float16 or float32, without `num_batches_tracked`.
        device: device of torch.

    Raises:
        EstimatorError: weights are missing, unknown or of another shape.
    """
    import torch

    from fgbg_data.depth.efficientnet import fold_batch_norm
    from fgbg_data.depth.tiny_net import TinyNet

    net: Any = TinyNet()
    try:
        tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in weights.items()}
        result = net.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise _misfit(str(error)) from error
    odd = [key for key in result.missing_keys if not key.endswith("num_batches_tracked")] or result.unexpected_keys
    if odd:
        raise _misfit(f"{odd[0]} is missing or unknown")
    net.eval().requires_grad_(False)
    fold_batch_norm(net)
    return net.to(device=device, memory_format=torch.channels_last)


def _misfit(problem: str) -> EstimatorError:
    return EstimatorError(f"the weights do not fit the network: {problem}; reinstall fgbg", where="tiny")

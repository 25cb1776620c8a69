"""The estimator `densedepth:FILE`: the published Keras weights of DenseDepth, which are read with h5py alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fgbg_data.depth.estimator import Identity
from fgbg_data.depth.preprocess import check_batch_size, check_images, pad_to_multiple, resize, size_within, unpad
from fgbg_data.depth.registry import shown_name
from fgbg_data.errors import EstimatorError
from fgbg_data.options import to_path
from fgbg_data.runtime.files import file_sha256
from fgbg_data.sample import Array, parse_json

if TYPE_CHECKING:
    import torch

    from fgbg_data.depth.densedepth_net import DenseDepthNet

STRIDE_PX = 32
LONGEST_PX = 1280
"""Longest side of the network's input, as in its training on KITTI. It bounds memory."""
PREPROCESSING = "rgb1-edge32-1280-v1"
LICENCE = "GPL-3.0"
KINDS = {"weight": ("kernel", "gamma"), "bias": ("bias", "beta")}
"""Name of a tensor in torch -> in Keras, of a convolution or of a batch norm."""

Weights = dict[str, dict[str, Array]]
"""Layer of Keras -> name of the tensor (`kernel`, `gamma`, ...) -> its values."""


class DenseDepthEstimator:
    """Guesses inverse depth with the weights of DenseDepth. The output of its network already is inverse depth.

    Args:
        source: path of `nyu.h5` or `kitti.h5`, or of another model with the same layers.
        device: `cpu` or `cuda`.
        batch_size: pictures that go through the network at once; the last digits of the depth depend on it.

    Raises:
        EstimatorError: the file does not exist, or holds no such model.
    """

    def __init__(self, source: str, device: str = "cpu", batch_size: int = 8) -> None:
        self.name = shown_name(f"densedepth:{source}")
        check_batch_size(self.name, batch_size)
        self.device = device
        self.batch_size = batch_size
        path = to_path("depth", source)
        self._net = load_net(path).to(device)
        self._weights_sha256 = file_sha256(path)

    def identity(self) -> Identity:
        """Return what the output depends on, and the licence of the weights."""
        return {
            "name": self.name,
            "licence": LICENCE,
            "weights_sha256": self._weights_sha256,
            "preprocessing": PREPROCESSING,
            "device": self.device,
            "dtype": "float32",
            "batch_size": self.batch_size,
        }

    def estimate(self, images: Array) -> Array:
        """Estimate depth: (N, H, W, 3) uint8 RGB -> (N, H, W) float32, larger = nearer.

        The published weights aim at 1000 / metres. A picture is shrunk if a side is longer than 1280 px, and padded to
        multiples of 32 by repeating its last row and column.

        Raises:
            EstimatorError: the array has another type or shape.
        """
        check_images(self.name, images)
        count, height, width, _ = images.shape
        inner = size_within(height, width, short_side=None, longest=LONGEST_PX, multiple=STRIDE_PX)
        out = np.empty((count, height, width), np.float32)
        for start in range(0, count, self.batch_size):
            batch = np.stack([resize(image, inner) for image in images[start : start + self.batch_size]])
            padded = pad_to_multiple(batch, STRIDE_PX)
            for index, half in enumerate(self._forward(padded), start):
                out[index] = unpad(half, padded.shape[1:3], inner, (height, width))
        return out

    def _forward(self, images: Array) -> Array:
        """Call the network: (B, h, w, 3) uint8, sides multiples of 32 -> (B, h/2, w/2) float32."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255
            depth: Array = self._net(batch).cpu().numpy()
        return depth


def load_net(path: Path) -> DenseDepthNet:
    """Build the network and fill it with the weights of a Keras 2 `.h5` file.

    Raises:
        EstimatorError: the file holds no such model; the text names the first layer that is missing or differs.
    """
    import torch

    from fgbg_data.depth.densedepth_net import DenseDepthNet, keras_layers

    weights, config = read_keras(path)
    layers = keras_layers()
    lacking = [layer for layer in layers.values() if layer not in weights]
    if lacking:
        raise EstimatorError(
            f"has no layer {lacking[0]!r} ({len(lacking)} of {len(layers)} are missing); expected a model of "
            "DenseDepth on DenseNet-169, such as nyu.h5 or kitti.h5",
            where=path,
        )
    with torch.device("meta"):  # the network needs no weights yet
        net = DenseDepthNet(_width(weights, path), leak_between=_has_leak_between(config))
    state = net.state_dict()
    for name, wanted in state.items():
        module, _, kind = name.rpartition(".")
        if kind == "num_batches_tracked":
            state[name] = torch.tensor(0)
        else:
            state[name] = _tensor(weights[layers[module]], layers[module], kind, wanted, path)
    net.load_state_dict(state, assign=True)
    return net.eval().requires_grad_(False)


def read_keras(path: Path) -> tuple[Weights, dict[str, Any] | None]:
    """Return the weights of a Keras 2 `.h5` file by layer, and the configuration of the model, or None.

    Raises:
        EstimatorError: the file cannot be read, or was not written by Keras 2.
    """
    import h5py

    weights: Weights = {}
    try:
        with h5py.File(path) as file:
            config = file.attrs.get("model_config")
            root = file.get("model_weights", file)
            for layer in map(_text, root.attrs["layer_names"]):
                group = root[layer]
                tensors = {name: group[name][()] for name in map(_text, group.attrs["weight_names"])}
                weights[layer] = {name.rpartition("/")[2].partition(":")[0]: tensors[name] for name in tensors}
        return weights, parse_json(_text(config)) if config is not None else None
    except OSError as error:
        raise EstimatorError(f"is damaged, or not an HDF5 file ({error}); fetch it again", where=path) from error
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise EstimatorError(
            f"is HDF5, but was not written by Keras 2 ({error}); expected nyu.h5 or kitti.h5 of DenseDepth", where=path
        ) from error


def _width(weights: Weights, path: Path) -> int:
    """Return the number of channels of the decoder: 1664 in the published files, 832 in the published code."""
    kernel = weights["conv2"].get("kernel")
    if kernel is None or kernel.ndim != 4 or kernel.shape[3] < 16:
        raise EstimatorError("layer 'conv2' has no kernel of shape (1, 1, 1664, at least 16)", where=path)
    return int(kernel.shape[3])


def _has_leak_between(config: dict[str, Any] | None) -> bool:
    """Tell whether a layer stands between the convolutions of an up-block; in nyu.h5 and kitti.h5 none does."""
    try:
        for layer in (config or {}).get("config", {}).get("layers", []):
            if layer.get("name") == "up1_convB":
                return bool(layer["inbound_nodes"][0][0][0] != "up1_convA")
    except (AttributeError, LookupError, TypeError):  # it describes no model of Keras; the weights decide
        pass
    return False


def _tensor(layer: dict[str, Array], name: str, kind: str, wanted: torch.Tensor, path: Path) -> torch.Tensor:
    """Return a tensor of a layer for torch. Kernels are (h, w, in, out) in Keras and (out, in, h, w) in torch."""
    import torch

    kinds = KINDS.get(kind) or (f"moving_{kind.removeprefix('running_').replace('var', 'variance')}",)
    found = next((layer[each] for each in kinds if each in layer), None)
    if found is None:
        raise EstimatorError(
            f"layer {name!r} has no {' or '.join(kinds)}; it holds {', '.join(layer) or 'nothing'}", where=path
        )
    values = found.transpose(3, 2, 0, 1) if found.ndim == 4 else found
    if values.shape != tuple(wanted.shape):
        expected = tuple(wanted.shape[axis] for axis in (2, 3, 1, 0)) if wanted.ndim == 4 else tuple(wanted.shape)
        raise EstimatorError(
            f"layer {name!r} is of shape {found.shape}, expected {expected}, as in a model of DenseDepth on "
            "DenseNet-169, such as nyu.h5 or kitti.h5",
            where=path,
        )
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

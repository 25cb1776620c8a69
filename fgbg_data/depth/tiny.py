"""The embedded depth estimator: its weights are inside the package, so nothing is downloaded, and it is fast on a CPU.

`docs/tiny.md` says how it was made and how good it is. `tools/train_tiny/` holds the recipe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from fgbg_data.depth.devices import check_device
from fgbg_data.depth.estimator import Identity
from fgbg_data.depth.guided import enlarge
from fgbg_data.depth.preprocess import check_batch_size, check_images, resize, size_within
from fgbg_data.depth.tiny_engines import Engine, onnx_engine, torch_engine, torch_net
from fgbg_data.errors import EstimatorError
from fgbg_data.sample import Array

if TYPE_CHECKING:
    import torch

WEIGHTS = "tiny.safetensors"
LICENCE = "Apache-2.0"  # that of this package
SHORT_SIDE_PX = 224
STRIDE_PX = 32
MAX_SIDE_PX = 896
"""Longest side of the network's input. It bounds memory for panoramas."""
PREPROCESSING = "area-224-32-guided-v2"
"""How pictures are resized before the network, and depth after it."""


class TinyEstimator:
    """Guesses relative inverse depth with the weights inside the package.

    Args:
        device: `cpu` or `cuda`.
        batch_size: images that go through the network at once; the last digits of the depth depend on it.

    Raises:
        EstimatorError: the device is unknown or missing, or the weights are missing or damaged.
    """

    name = "tiny"
    licence = LICENCE
    parameters = "3.3 M"
    output = "inverse depth"
    thread_invariant = True

    def __init__(self, device: str = "cpu", batch_size: int = 16) -> None:
        if device not in ("cpu", "cuda"):
            raise EstimatorError(f"unknown device {device!r}; use 'cpu' or 'cuda'", where=self.name)
        check_device(device)
        check_batch_size(self.name, batch_size)
        self.device = device
        self.batch_size = batch_size
        self.load(read_weights())

    def load(self, weights: Mapping[str, Array]) -> None:
        """Replace the network's weights.

        Args:
            weights: state dict of `tiny_net.TinyNet` as float16 or float32, without `num_batches_tracked`.

        Raises:
            EstimatorError: weights are missing, unknown or of another shape.
        """
        self._forward: Engine
        if self.device == "cpu":
            self._forward = onnx_engine(weights)
        else:
            self._forward = torch_engine(torch_net(weights, self.device), self.device)

    def identity(self) -> Identity:
        """Return what the output depends on, and the licence of the weights."""
        return {
            "name": self.name,
            "licence": LICENCE,
            "weights_sha256": weights_digest(),
            "preprocessing": PREPROCESSING,
            "device": self.device,
            "dtype": "float32",
            "batch_size": self.batch_size,
            # Absent means torch: so datasets from a GPU keep the identity that they had before there were two engines.
            **({"engine": "onnxruntime"} if self.device == "cpu" else {}),
        }

    def estimate(self, images: Array) -> Array:
        """Estimate relative inverse depth. Equal batches give equal depth on one machine.

        Args:
            images: (N, H, W, 3) uint8 RGB, any N, H and W.

        Returns:
            (N, H, W) float32, unitless, larger = nearer, with an unknown scale and shift per image.

        Raises:
            EstimatorError: the array is not (N, H, W, 3) uint8 with at least one pixel.
        """
        return self._estimate(images, enlarge)

    def estimate_smooth(self, images: Array) -> Array:
        """Estimate depth like `estimate`, but without moving its edges to those of the picture.

        Edges are blurred, and tiles, stripes and writing leave no relief. So planes are found more surely in it.
        """
        return self._estimate(images, lambda depth, image: resize(depth, image.shape[:2], "linear"))

    def _estimate(self, images: Array, enlarge: Callable[[Array, Array], Array]) -> Array:
        """Run the network on pictures, and enlarge its maps to their size."""
        check_images(self.name, images)
        count, height, width, _ = images.shape
        out = np.empty((count, height, width), np.float32)
        inner = network_size(height, width)
        pixels = inner[0] * inner[1] / SHORT_SIDE_PX**2
        step = max(1, min(self.batch_size, int(4 * self.batch_size / pixels)))
        for start in range(0, count, step):
            small = self._forward(np.stack([resize(i, inner) for i in images[start : start + step]]))
            for k, depth in enumerate(small):
                out[start + k] = enlarge(depth, images[start + k])
        return out


def network_size(height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) at which the network sees a picture: short side 224, aspect kept, multiples of 32.

    >>> network_size(224, 224), network_size(480, 640), network_size(100, 3000)
    ((224, 224), (224, 288), (224, 896))
    """
    return size_within(height, width, short_side=SHORT_SIDE_PX, longest=MAX_SIDE_PX, multiple=STRIDE_PX)


def _weights_bytes() -> bytes:
    try:
        return resources.files("fgbg_data.depth").joinpath(WEIGHTS).read_bytes()
    except OSError as error:
        raise EstimatorError(f"the packaged weights {WEIGHTS} are missing; reinstall fgbg", where="tiny") from error


@lru_cache(maxsize=1)
def weights_digest() -> str:
    """Return the SHA-256 of the packaged weights."""
    return hashlib.sha256(_weights_bytes()).hexdigest()


def read_weights() -> dict[str, Array]:
    """Return the packaged weights, the state dict of `tiny_net.TinyNet` without `num_batches_tracked`, as float16.

    Raises:
        EstimatorError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        weights: dict[str, Array] = load(_weights_bytes())
    except SafetensorError as error:
        raise EstimatorError(
            f"the packaged weights {WEIGHTS} are damaged ({error}); reinstall fgbg", where="tiny"
        ) from error
    return weights


def encoder_weights() -> dict[str, torch.Tensor]:
    """Return the weights of the encoder, from which other networks can start: trained on ImageNet, then on depth.

    Returns:
        float32 state dict with the keys of `timm.create_model("efficientnet_lite0", features_only=True)`, all five
        levels (out_indices 0-4; channels 16, 24, 40, 112, 320; the default). It expects ImageNet's normalisation
        (`tiny_net.normalise`). `num_batches_tracked` counters are filled in, so that it loads strictly.
    """
    import torch

    prefix = "encoder."
    encoder = {
        key[len(prefix) :]: torch.from_numpy(value.astype(np.float32))
        for key, value in read_weights().items()
        if key.startswith(prefix)
    }
    for key in [k for k in encoder if k.endswith("running_var")]:
        encoder[key.replace("running_var", "num_batches_tracked")] = torch.tensor(0)
    return encoder

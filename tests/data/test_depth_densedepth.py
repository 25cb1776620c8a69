"""DenseDepth: weights in the layout of Keras 2, against a network written in numpy, and against TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from fgbg_data.depth.densedepth import DenseDepthEstimator
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.registry import load_estimator
from fgbg_data.errors import EstimatorError
from fgbg_data.runtime.files import file_sha256
from fgbg_data.sample import Array
from fgbg_data.testing import EstimatorContract

BLOCKS = (6, 12, 32, 32)
WIDTH = 16  # of the decoder; 1664 in the published files

Weights = dict[str, dict[str, Array]]


# --- a reference that shares nothing with the code under test: names and arithmetic of Keras, in numpy ---------


def random_weights(width: int = WIDTH) -> Weights:
    """Weights by the names that Keras 2 gives the layers of DenseNet-169 and the decoder of DenseDepth."""
    rng = np.random.default_rng(3)
    weights: Weights = {}

    def conv(name: str, size: int, width_in: int, width_out: int, *, bias: bool) -> None:
        kernel = rng.normal(0, np.sqrt(2 / (size * size * width_in)), (size, size, width_in, width_out))
        weights[name] = {"kernel": kernel.astype(np.float32)}
        if bias:
            weights[name]["bias"] = rng.uniform(-0.1, 0.1, width_out).astype(np.float32)

    def norm(name: str, width: int) -> None:
        ranges = {"gamma": (0.7, 1.3), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1), "moving_variance": (1e-4, 1.5)}
        weights[name] = {kind: rng.uniform(*ends, width).astype(np.float32) for kind, ends in ranges.items()}

    conv("conv1/conv", 7, 3, 64, bias=False)
    norm("conv1/bn", 64)
    channels = 64
    for stage, layers in enumerate(BLOCKS, 2):
        for layer in range(1, layers + 1):
            norm(f"conv{stage}_block{layer}_0_bn", channels)
            conv(f"conv{stage}_block{layer}_1_conv", 1, channels, 128, bias=False)
            norm(f"conv{stage}_block{layer}_1_bn", 128)
            conv(f"conv{stage}_block{layer}_2_conv", 3, 128, 32, bias=False)
            channels += 32
        if stage < 5:
            norm(f"pool{stage}_bn", channels)
            conv(f"pool{stage}_conv", 1, channels, channels // 2, bias=False)
            channels //= 2
    norm("bn", channels)
    conv("conv2", 1, channels, width, bias=True)
    for number, skip in enumerate((256, 128, 64, 64), 1):
        conv(f"up{number}_convA", 3, width // 2 ** (number - 1) + skip, width // 2**number, bias=True)
        conv(f"up{number}_convB", 3, width // 2**number, width // 2**number, bias=True)
    conv("conv3", 3, width // 16, 1, bias=True)
    return weights


def numpy_densedepth(weights: Weights, images: Array) -> Array:
    """(N, H, W, 3) in [0, 1] -> (N, H/2, W/2), layer by layer as Keras's documentation defines them."""

    def conv(x: Array, name: str, stride: int = 1, padding: int | None = None) -> Array:
        kernel = weights[name]["kernel"]
        size = kernel.shape[0]
        pad = size // 2 if padding is None else padding
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
        return np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True) + weights[name].get("bias", 0)

    def norm(x: Array, name: str) -> Array:
        w = weights[name]
        return w["gamma"] * (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + 1.001e-5) + w["beta"]

    def relu(x: Array) -> Array:
        return np.maximum(x, 0)

    def twice(x: Array, axis: int) -> Array:
        """Bilinear, the first and the last sample of both grids at the same position."""
        old, new = x.shape[axis], 2 * x.shape[axis]
        position = np.arange(new) * (old - 1) / (new - 1)
        low = np.minimum(position.astype(int), max(old - 2, 0))
        share = (position - low).reshape([-1 if k == axis else 1 for k in range(4)])
        return np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, old - 1), axis) * share

    x = images.astype(np.float64)
    skips = [relu(norm(conv(x, "conv1/conv", 2, 3), "conv1/bn"))]
    padded = np.pad(skips[0], ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max((-1, -2))
    skips.append(x)
    for stage, layers in enumerate(BLOCKS, 2):
        for layer in range(1, layers + 1):
            name = f"conv{stage}_block{layer}"
            y = conv(relu(norm(x, f"{name}_0_bn")), f"{name}_1_conv")
            x = np.concatenate([x, conv(relu(norm(y, f"{name}_1_bn")), f"{name}_2_conv")], -1)
        if stage < 5:
            x = conv(relu(norm(x, f"pool{stage}_bn")), f"pool{stage}_conv")
            x = sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2].mean((-1, -2))
            skips.append(x)
    x = conv(relu(norm(x, "bn")), "conv2")
    for number, skip in enumerate((skips[3], skips[2], skips[1], skips[0]), 1):
        x = np.concatenate([twice(twice(x, 1), 2), skip], -1)
        x = conv(conv(x, f"up{number}_convA"), f"up{number}_convB")
        x = np.where(x > 0, x, 0.2 * x)
    return conv(x, "conv3")[..., 0]


def write_h5(path: Path, weights: Weights, config: dict[str, Any] | None = None, root: str = "model_weights") -> Path:
    """Write weights as Keras 2's `model.save` does, or, with root "", as `save_weights`."""
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = [name.encode() for name in ("input_1", *weights)]
        group.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for layer, tensors in weights.items():
            names = [f"{layer}/{kind}:0" for kind in tensors]
            of_layer = group.require_group(layer)
            of_layer.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, tensors.values(), strict=True):
                of_layer.create_dataset(name, data=values)
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
    return path


# --- the same numbers ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights() -> Weights:
    return random_weights()


@pytest.fixture(scope="module")
def model(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the published layout. Read only."""
    return write_h5(tmp_path_factory.mktemp("densedepth") / "nyu.h5", weights)


@pytest.fixture(scope="module")
def loaded(model: Path) -> DenseDepthEstimator:
    return DenseDepthEstimator(str(model), batch_size=2)


class TestDenseDepth(EstimatorContract):
    @pytest.fixture
    def estimator(self, loaded: DenseDepthEstimator) -> DepthEstimator:
        return loaded


def test_network_is_that_of_numpy(weights: Weights, loaded: DenseDepthEstimator) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3)).astype(np.uint8)
    ours = loaded._forward(images)
    theirs = numpy_densedepth(weights, images / 255)
    assert ours.shape == theirs.shape == (1, 16, 32)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(np.ptp(theirs)))


def test_output_is_inverse_already_and_of_the_picture_s_size(loaded: DenseDepthEstimator) -> None:
    """It is twice as large by bilinear interpolation, and its direction is not reversed."""
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    half, whole = loaded._forward(images), loaded.estimate(images)
    means = whole.reshape(2, 32, 2, 48, 2).mean((2, 4))[:, 2:-2, 2:-2]
    assert np.corrcoef(means.ravel(), half[:, 2:-2, 2:-2].ravel())[0, 1] > 0.98


def test_any_size_is_padded_at_its_end(loaded: DenseDepthEstimator) -> None:
    images = np.random.default_rng(2).integers(0, 256, (1, 40, 70, 3)).astype(np.uint8)
    padded = np.pad(images, ((0, 0), (0, 24), (0, 26), (0, 0)), mode="edge")
    np.testing.assert_array_equal(loaded.estimate(images), loaded.estimate(padded)[:, :40, :70])


def test_files_of_weights_alone(weights: Weights, tmp_path: Path, loaded: DenseDepthEstimator) -> None:
    other = DenseDepthEstimator(str(write_h5(tmp_path / "weights.h5", weights, root="")))
    images = np.full((1, 32, 32, 3), 99, np.uint8)
    np.testing.assert_array_equal(other.estimate(images), loaded.estimate(images))


def test_a_second_activation_is_read_from_the_model(weights: Weights, tmp_path: Path) -> None:
    """The published code has one between the convolutions, the published files have none."""
    images = np.random.default_rng(4).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    depths = []
    for before in ("up1_convA", "leaky_re_lu"):
        layer = {"name": "up1_convB", "inbound_nodes": [[[before, 0, 0, {}]]]}
        path = write_h5(tmp_path / f"{before}.h5", weights, {"config": {"layers": [{"name": "conv2"}, layer]}})
        depths.append(DenseDepthEstimator(str(path)).estimate(images))
    assert abs(depths[0] - depths[1]).max() > 0.01 * np.ptp(depths[0])


def test_identity(model: Path) -> None:
    identity = load_estimator(f"densedepth:{model}", "cpu", 3).identity()
    assert identity == {
        "name": "densedepth:nyu.h5",
        "licence": "GPL-3.0",
        "weights_sha256": file_sha256(model),
        "preprocessing": "rgb1-edge32-1280-v1",
        "device": "cpu",
        "dtype": "float32",
        "batch_size": 3,
    }


@pytest.mark.slow
@pytest.mark.parametrize(("width", "between"), [("1664", "plain"), ("832", "leak")], ids=["published", "code"])
def test_network_is_that_of_tensorflow(width: str, between: str, tmp_path: Path) -> None:
    """Set FGBG_TF_PYTHON to the interpreter of an environment with tensorflow and tf_keras."""
    python = os.environ.get("FGBG_TF_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import tf_keras"], capture_output=True).returncode:
        pytest.skip(f"{python} has no tf_keras: set FGBG_TF_PYTHON to an interpreter that has")
    script = Path(__file__).parents[1] / "helpers" / "keras_densedepth.py"
    subprocess.run([python, script, tmp_path, width, between], check=True, capture_output=True)
    with np.load(tmp_path / "expected.npz") as expected:
        images, theirs = expected["images"], expected["depth"]
    ours = DenseDepthEstimator(str(tmp_path / "model.h5"))._forward(images)
    assert abs(ours - theirs).max() <= 1e-4 * np.ptp(theirs)


# --- what cannot work ----------------------------------------------------------------------------------------


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError, match=r"none.h5': there is no such file; expected densedepth:FILE.h5"):
        load_estimator(f"densedepth:{tmp_path / 'none.h5'}", "cpu")


def test_damaged_files(model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "half.h5").write_bytes(model.read_bytes()[:100_000])
    for name in ("text.h5", "half.h5"):
        with pytest.raises(EstimatorError, match=f"{name}: is damaged, or not an HDF5 file"):
            load_estimator(f"densedepth:{tmp_path / name}", "cpu")


def test_hdf5_of_another_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "shard.h5", "w") as file:
        file["image"] = np.zeros(3)
    with pytest.raises(EstimatorError, match="is HDF5, but was not written by Keras 2"):
        load_estimator(f"densedepth:{tmp_path / 'shard.h5'}", "cpu")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda w: w.pop("up2_convA"),
            r"has no layer 'up2_convA' \(1 of 347 are missing\); expected a model of DenseDepth",
        ),
        (lambda w: w["conv1/bn"].pop("gamma"), "layer 'conv1/bn' has no kernel or gamma; it holds beta, moving_mean"),
        (
            lambda w: w.update({"conv3": {"kernel": np.zeros((3, 3, 7, 1), "f4"), "bias": np.zeros(1, "f4")}}),
            r"layer 'conv3' is of shape \(3, 3, 7, 1\), expected \(3, 3, 1, 1\)",
        ),
        (lambda w: w["conv2"].pop("kernel"), "layer 'conv2' has no kernel of shape"),
    ],
    ids=["layer", "tensor", "shape", "width"],
)
def test_other_models(spoil: Any, message: str, weights: Weights, tmp_path: Path) -> None:
    spoiled = {layer: dict(tensors) for layer, tensors in weights.items()}
    spoil(spoiled)
    with pytest.raises(EstimatorError, match=message):
        load_estimator(f"densedepth:{write_h5(tmp_path / 'model.h5', spoiled)}", "cpu")

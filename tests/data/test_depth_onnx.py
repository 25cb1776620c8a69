"""Estimators in ONNX files: `tiny` exported here, and small graphs whose right answer is known."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from helpers.depth_models import PLAIN, write_onnx
from onnx import TensorProto, helper, numpy_helper

from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.onnx import OnnxEstimator, normalises_itself
from fgbg_data.depth.onnx_recipe import RECIPES, read_recipe
from fgbg_data.depth.preprocess import resize
from fgbg_data.depth.registry import load_estimator
from fgbg_data.depth.tiny import network_size, read_weights
from fgbg_data.depth.tiny_engines import torch_engine, torch_net
from fgbg_data.errors import EstimatorError
from fgbg_data.runtime.files import file_sha256
from fgbg_data.sample import Array
from fgbg_data.testing import EstimatorContract


def photos(count: int, height: int, width: int) -> Array:
    return np.random.default_rng(height).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network of `tiny`, exported for any batch and any size."""
    import torch

    path = tmp_path_factory.mktemp("tiny") / "exported.onnx"
    network = torch_net(read_weights(), "cpu").to(memory_format=torch.contiguous_format)

    def linspace(start: float, stop: float, steps: Any, **options: Any) -> torch.Tensor:
        """As torch's, whose number of steps the exporter would take for a constant."""
        return start + (stop - start) * torch.arange(steps, **options) / (steps - 1)

    axes = {"image": {0: "n", 2: "h", 3: "w"}}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(torch, "linspace", linspace)
        warnings.simplefilter("ignore")  # of two exporters this is the old one, which takes 1 s instead of 15
        torch.onnx.export(
            network, (torch.zeros(2, 3, 64, 96),), path, input_names=["image"], dynamic_axes=axes, dynamo=False
        )
    path.with_suffix(".toml").write_text('preset = "tiny"\n')
    return path


class TestOnnx(EstimatorContract):
    @pytest.fixture
    def estimator(self, tmp_path: Path) -> DepthEstimator:
        return load_estimator(f"onnx:{write_onnx(tmp_path / 'green.onnx')}", "cpu", 2)


class TestFixedSize(EstimatorContract):
    @pytest.fixture
    def estimator(self, tmp_path: Path) -> DepthEstimator:
        return load_estimator(f"onnx:{write_onnx(tmp_path / 'green.onnx', shape=(1, 3, 40, 56))}", "cpu", 2)


# --- tiny, exported ------------------------------------------------------------------------------------------


def torch_tiny(images: Array) -> Array:
    """Return what the network of `tiny` gives by torch, (B, h/2, w/2) float32."""
    return torch_engine(torch_net(read_weights(), "cpu"), "cpu")(images)


@pytest.mark.parametrize("shape", [(1, 224, 224), (3, 224, 288), (2, 300, 200), (1, 20, 300), (1, 1, 1)])
def test_tiny_gives_the_numbers_of_torch(shape: tuple[int, int, int], tiny_onnx: Path) -> None:
    images = photos(*shape)
    ours = load_estimator(f"onnx:{tiny_onnx}", "cpu").estimate(images)
    inner = network_size(*shape[1:])
    depths = torch_tiny(np.stack([resize(image, inner) for image in images]))
    theirs = np.stack([resize(depth, shape[1:], "linear") for depth in depths])
    assert abs(ours - theirs).max() <= 1e-3 * max(float(np.ptp(theirs)), 0.1)


def test_a_picture_that_keeps_its_size_is_padded(tiny_onnx: Path, tmp_path: Path) -> None:
    """At its own size: the same as torch's network on the padded picture, cropped."""
    shutil.copy(tiny_onnx, tmp_path / "own.onnx")
    (tmp_path / "own.toml").write_text(
        'mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\noutput = "inverse"\nmultiple = 32\n'
    )
    images = photos(2, 90, 130)
    padded = np.pad(images, ((0, 0), (0, 6), (0, 30), (0, 0)), mode="edge")
    ours = OnnxEstimator(str(tmp_path / "own.onnx")).estimate(images)
    theirs = np.stack([cv2.resize(half, (160, 96)) for half in torch_tiny(padded)])[:, :90, :130]
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * float(np.ptp(theirs)))


# --- what a recipe does --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_channel", [False, True])
def test_pixels_reach_the_network_normalised(keep_channel: bool, tmp_path: Path) -> None:
    toml = 'mean = [0.5, 0.25, 0.125]\nstd = [0.5, 0.25, 0.125]\noutput = "inverse"'
    path = write_onnx(tmp_path / "m.onnx", toml, weights=(1, 10, 100), keep_channel=keep_channel)
    images = photos(2, 33, 40)
    expected = ((images / 255 - [0.5, 0.25, 0.125]) / [0.5, 0.25, 0.125]) @ [1, 10, 100]
    np.testing.assert_allclose(OnnxEstimator(str(path)).estimate(images), expected, rtol=1e-4, atol=1e-3)


def test_layout_colour_and_range(tmp_path: Path) -> None:
    toml = 'mean=[1, 2, 3]\nstd=[1, 1, 1]\nrange=255\noutput="inverse"\nlayout="nhwc"\ncolour="bgr"'
    path = write_onnx(tmp_path / "m.onnx", toml, shape=("n", "h", "w", 3), weights=(1, 10, 100), keep_channel=True)
    images = photos(1, 32, 32)
    expected = (images[..., ::-1].astype(float) - [1, 2, 3]) @ [1, 10, 100]
    np.testing.assert_allclose(OnnxEstimator(str(path)).estimate(images), expected, rtol=1e-4)


def test_metres_are_inverted(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", PLAIN.replace("inverse", "metric"))
    images = photos(1, 32, 32).clip(1)
    np.testing.assert_allclose(OnnxEstimator(str(path)).estimate(images), 255 / images[..., 1], rtol=1e-4)
    assert np.isfinite(OnnxEstimator(str(path)).estimate(images * 0)).all()


@pytest.mark.parametrize("shape", [("n", 3, 48, 64), (1, 3, 48, 64), (4, 3, 48, 64)])
def test_files_of_fixed_size_get_resized_pictures(shape: tuple[Any, ...], tmp_path: Path) -> None:

    path = write_onnx(tmp_path / "m.onnx", PLAIN + 'resize = "cubic"', shape=shape)
    images = photos(5, 96, 96)
    small = [cv2.resize(image, (64, 48), interpolation=cv2.INTER_CUBIC)[..., 1] for image in images]
    expected = np.stack([cv2.resize(each.astype(np.float32) / 255, (96, 96)) for each in small])
    np.testing.assert_allclose(OnnxEstimator(str(path), batch_size=2).estimate(images), expected, atol=1e-5)


def test_half_precision_files(tmp_path: Path) -> None:
    estimator = OnnxEstimator(str(write_onnx(tmp_path / "m.onnx", kind=TensorProto.FLOAT16)))
    images = photos(1, 32, 32)
    assert estimator.identity()["dtype"] == "float16"
    np.testing.assert_allclose(estimator.estimate(images), images[..., 1] / 255, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("model-small", "midas-v2.1-small"),
        ("midas_v21_small_256", "midas-v2.1-small"),
        ("model-f6b98070", "midas-v2.1"),
        ("dpt_large_384", "midas-v3"),
        ("depth_anything_v2_vits", "depth-anything-v2"),
        ("depth_anything_v2_vitb_dynamic", "depth-anything-v2"),
    ],
)
def test_published_files_are_known_by_name(name: str, preset: str, tmp_path: Path) -> None:
    assert read_recipe(tmp_path / f"{name}.onnx") == (RECIPES[preset], True)


def test_a_toml_file_wins_over_the_name_and_over_its_preset(tmp_path: Path) -> None:
    (tmp_path / "model-small.toml").write_text('preset = "midas-v3"\nsize = [128, 256]\nlicence = "mine"\n')
    recipe, is_preset = read_recipe(tmp_path / "model-small.onnx")
    assert (recipe.mean, recipe.size, recipe.licence, is_preset) == ((0.5, 0.5, 0.5), (128, 256), "mine", True)


def test_a_preset_does_not_normalise_what_the_file_normalises(tmp_path: Path) -> None:
    """As the release of MiDaS v2 does: pixels in [0, 1] go in, the graph subtracts the mean."""
    steps = [
        helper.make_node("Sub", ["image", "half"], ["centred"]),
        helper.make_node("Div", ["centred", "half"], ["normalised"]),
    ]
    inside = write_onnx(tmp_path / "model-small.onnx", None, before=steps)
    images = photos(1, 256, 256)
    assert normalises_itself(inside)
    expected = (images[..., 1] / 255 - 0.5) / 0.5
    np.testing.assert_allclose(OnnxEstimator(str(inside)).estimate(images), expected, atol=1e-5)


def test_exports_that_begin_with_a_convolution_are_normalised(tiny_onnx: Path) -> None:
    assert not normalises_itself(tiny_onnx)


def test_identity(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", PLAIN + 'licence = "MIT"')
    first = OnnxEstimator(str(path), batch_size=3).identity()
    assert first["name"] == "onnx:m.onnx"
    assert first["weights_sha256"] == file_sha256(path)
    assert (first["licence"], first["batch_size"], first["device"]) == ("MIT", 3, "cpu")
    path.with_suffix(".toml").write_text(PLAIN.replace("[1, 1, 1]", "[1, 1, 2]"))
    second = OnnxEstimator(str(path), batch_size=3).identity()
    assert {key for key in first if first[key] != second[key]} == {"licence", "preprocessing"}


# --- what cannot work ----------------------------------------------------------------------------------------


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError, match=r"none.onnx': there is no such file; expected onnx:FILE"):
        load_estimator(f"onnx:{tmp_path / 'none.onnx'}", "cpu")
    with pytest.raises(EstimatorError, match="is a folder; expected onnx:FILE"):
        load_estimator(f"onnx:{tmp_path}", "cpu")


@pytest.mark.parametrize("data", [b"", b"no ONNX at all", None], ids=["empty", "text", "half"])
def test_no_onnx(data: bytes | None, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:60] if data is None else data)
    with pytest.raises(EstimatorError, match="m.onnx: is damaged, or not an ONNX model") as caught:
        load_estimator(f"onnx:{path}", "cpu")
    assert "\n" not in str(caught.value)


def test_unknown_normalisation_says_how_to_write_the_file(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "mine.onnx", None)
    with pytest.raises(EstimatorError) as caught:
        load_estimator(f"onnx:{path}", "cpu")
    text = str(caught.value)
    for part in (f"Write {tmp_path / 'mine.toml'}", 'preset = "midas-v2.1-small"', "mean = [0.485", "output = "):
        assert part in text


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("mean = [0", "mine.toml: cannot be read"),
        ("means = 1", r"'means' is not a key of a recipe; did you mean 'mean'\?"),
        ("mean = [0, 0, 0]", "std and output missing; add them, or preset = one of midas-v2.1-small"),
        ('preset = "x"', "preset = 'x': expected one of midas-v2.1-small"),
        ('preset = "midas-v3"\nmean = [1, 2]', "mean = .*: expected 3 numbers"),
        ('preset = "midas-v3"\nmean = "abc"', "mean = 'abc': expected 3 numbers"),
        ('preset = "midas-v3"\nstd = [1, 0, 1]', "std and size must be above 0"),
        ('preset = "midas-v3"\nsize = 256', "size = 256: expected 2 whole numbers, height and width"),
        ('preset = "midas-v3"\noutput = "depth"', "output = 'depth': expected one of inverse, metric"),
        ('preset = "midas-v3"\nlayout = "hwc"', "layout = 'hwc': expected one of nchw, nhwc"),
        ('preset = "midas-v3"\nmultiple = 0', "multiple = 0: expected a number of at least 1"),
        ('preset = "midas-v3"\nshort_side = 2.5', "short_side = 2.5: expected a whole number"),
    ],
)
def test_recipes_that_cannot_work(toml: str, message: str, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "mine.onnx", toml)
    with pytest.raises(EstimatorError, match=message):
        load_estimator(f"onnx:{path}", "cpu")


def test_inputs_that_are_no_picture(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", PLAIN, kind=TensorProto.DOUBLE)
    with pytest.raises(EstimatorError, match=r"its input is image tensor\(double\) .*; expected one float tensor"):
        load_estimator(f"onnx:{path}", "cpu")
    path = write_onnx(tmp_path / "m.onnx", PLAIN, shape=("n", "h", "w", 3))
    with pytest.raises(EstimatorError, match="cannot run on 1 pictures"):
        load_estimator(f"onnx:{path}", "cpu").estimate(photos(1, 32, 32))
    path = write_onnx(tmp_path / "m.onnx", PLAIN, shape=("n", 48, 64, 3))
    with pytest.raises(EstimatorError, match="channels by layout = 'nchw'; expected 3"):
        load_estimator(f"onnx:{path}", "cpu")
    path = write_onnx(tmp_path / "m.onnx", PLAIN + "size = [9, 9]", shape=("n", 3, 48, 64))
    with pytest.raises(EstimatorError, match=r"takes pictures of \(48, 64\), but its recipe has size = \[9, 9\]"):
        load_estimator(f"onnx:{path}", "cpu")


def test_outputs_that_are_no_depth(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["depth"])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("n", 3, "h", "w"))],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, ("n", 3, "h", "w"))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    path.with_suffix(".toml").write_text(PLAIN)
    with pytest.raises(
        EstimatorError, match=r"its output is of shape \(2, 3, 32, 32\); expected depth of shape \(2, h, w\)"
    ):
        load_estimator(f"onnx:{path}", "cpu").estimate(photos(2, 32, 32))


def test_a_graph_that_cannot_run_on_this_size(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["image", "shape"], ["depth"])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("n", 3, "h", "w"))],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([-1, 7, 7]), "shape")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    path.with_suffix(".toml").write_text(PLAIN)
    with pytest.raises(EstimatorError, match="cannot run on 1 pictures of 32 x 32 px .* Set size or multiple"):
        load_estimator(f"onnx:{path}", "cpu").estimate(photos(1, 32, 32))


def test_an_onnxruntime_without_cuda_is_an_error(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    with pytest.raises(EstimatorError, match="has no CUDA; run `pip install onnxruntime-gpu`, or use device='cpu'"):
        OnnxEstimator(str(write_onnx(tmp_path / "m.onnx")), device="cuda")

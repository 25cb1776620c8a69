"""Estimators whose batch does not fit into memory: halves, one warning, and at one picture an error."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from helpers.datasets import contents
from helpers.depth_models import save_model, write_onnx
from onnx import helper, numpy_helper

from fgbg_data import cli, open_dataset
from fgbg_data.depth import tiny
from fgbg_data.depth.registry import load_estimator
from fgbg_data.depth.server import EstimatorServer, RemoteEstimator
from fgbg_data.depth.tiny_engines import Engine, onnx_engine
from fgbg_data.errors import EstimatorError
from fgbg_data.runtime.out_of_memory import is_out_of_memory
from fgbg_data.sample import Array

HALVED = (
    "out of memory with {} pictures in one call; going on with {}. Depth may differ in its last bits from that of a "
    "device with more memory; a new build with {} gives the same depth on both"
)
QUICK = ["--size", "48", "--positions", "1", "--samples", "10", "--shard-size", "4", "--val", "0", "--test", "0", "-j1"]
SHOWN = pytest.mark.filterwarnings("always:onnx.hungry.onnx. out of memory")


def hungry_onnx(path: Path, bits: int = 12) -> str:
    """Write a graph that really allocates 4 * 2 ** (bits * N) bytes for N pictures: 4 pictures are too many."""
    write_onnx(path)
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "green"
    model.graph.node.extend(
        [
            helper.make_node("Shape", ["image"], ["pictures"], start=0, end=1),
            helper.make_node("Mul", ["pictures", "bits"], ["exponent"]),
            helper.make_node("Pow", ["two", "exponent"], ["size"]),
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["green", "zero"], ["depth"]),
        ]
    )
    numbers = {"bits": np.array([bits]), "two": np.array([2])}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in numbers.items())
    onnx.save(model, path)
    return f"onnx:{path}"


def photos(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48, 3)).astype(np.uint8)


def run(pictures: Path, out: Path, depth: str, *options: str) -> Result:
    folders = ["--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--out", str(out)]
    return CliRunner().invoke(cli.main, ["build", *folders, *QUICK, "--depth", depth, *options])


def depths(out: Path) -> dict[str, np.ndarray]:
    return {sample.key: sample.depth for sample in open_dataset(out, fields=("depth",))}


@SHOWN
@pytest.mark.parametrize("options", ["", "--jobs 2", "--depth-mode compose"])
def test_a_build_goes_on_in_halves_and_says_so_once(pictures: Path, tmp_path: Path, options: str) -> None:
    """Onnxruntime's own error, in this process and in workers; shards are those of a build of smaller batches."""
    depth = hungry_onnx(tmp_path / "hungry.onnx")
    result = run(pictures, tmp_path / "out", depth, "--estimator-batch", "4", *options.split())
    assert result.exit_code == 0, result.output
    text = f"onnx:hungry.onnx: {HALVED}"
    warning, logged = text.format(4, 2, "--estimator-batch 2"), text.format(4, 2, "estimator_batch=2")
    assert result.stderr.count("out of memory") == result.stderr.count(f"fgbg-data: {warning}\n") == 1
    assert (tmp_path / "out" / "build.log").read_text().count(f"warning: {logged}\n") == 1
    manifest = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert manifest["identity"]["estimator"]["batch_size"] == 4

    explicit = run(pictures, tmp_path / "explicit", depth, "--estimator-batch", "2", *options.split())
    assert "out of memory" not in explicit.output
    halved, wanted = depths(tmp_path / "out"), depths(tmp_path / "explicit")
    assert halved.keys() == wanted.keys()
    assert len(halved) == 10
    for key, array in halved.items():
        np.testing.assert_array_equal(array, wanted[key])


@SHOWN
def test_a_halved_build_is_resumed(pictures: Path, tmp_path: Path) -> None:
    depth, out = hungry_onnx(tmp_path / "hungry.onnx"), tmp_path / "out"
    run(pictures, out, depth, "--estimator-batch", "4")
    whole = contents(out)
    (out / "train" / "fgbg-train-000001.json").unlink()
    (out / "train" / "fgbg-train-000001.tar").unlink()
    assert run(pictures, out, depth, "--estimator-batch", "4").exit_code == 0
    assert contents(out) == whole


@pytest.mark.parametrize("mode", ["infer", "compose"])
def test_one_picture_that_does_not_fit_is_an_error(pictures: Path, tmp_path: Path, mode: str) -> None:
    depth = hungry_onnx(tmp_path / "hungry.onnx", bits=48)
    result = run(pictures, tmp_path / "out", depth, "--estimator-batch", "1", "--depth-mode", mode)
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "fgbg-data: onnx:hungry.onnx: out of memory with 1 picture in one call; run again with a smaller --size, or "
        "--device cpu\n"
    )


def full_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def full_machine() -> None:
    torch.empty(2**50, dtype=torch.uint8)  # torch's own error on a CPU


def full_of_arrays() -> None:
    np.empty(2**50, np.uint8)


@pytest.mark.parametrize("fill", [full_gpu, full_machine, full_of_arrays])
def test_every_error_of_memory_halves(monkeypatch: pytest.MonkeyPatch, fill: object) -> None:
    assert callable(fill)

    def limited(weights: Mapping[str, Array]) -> Engine:
        engine = onnx_engine(weights)

        def run(images: Array) -> Array:
            if len(images) > 2:
                fill()
            return engine(images)

        return run

    images = photos(7)
    wanted = load_estimator("tiny", "cpu", 1).estimate(images)
    monkeypatch.setattr(tiny, "onnx_engine", limited)
    estimator = load_estimator("tiny", "cpu", 8)
    with pytest.warns(UserWarning, match="tiny: out of memory") as seen:
        depth = estimator.estimate(images)
    steps = (7, 3, "estimator_batch=3"), (3, 1, "estimator_batch=1")
    assert [str(each.message) for each in seen] == [f"tiny: {HALVED.format(*sizes)}" for sizes in steps]
    np.testing.assert_allclose(depth, wanted, atol=1e-4)
    np.testing.assert_array_equal(estimator.estimate(images), depth)  # no warning: 7 are not tried again


def test_models_of_transformers_halve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import DPTForDepthEstimation

    forward = DPTForDepthEstimation.forward

    def limited(self: object, pixel_values: torch.Tensor) -> object:
        if len(pixel_values) > 2:
            full_machine()
        return forward(self, pixel_values)

    estimator = load_estimator(f"hf:{save_model('dpt', tmp_path / 'dpt')}", "cpu", 4)
    halves = np.concatenate([estimator.estimate(half) for half in (photos(4)[:2], photos(4)[2:])])
    monkeypatch.setattr(DPTForDepthEstimation, "forward", limited)
    with pytest.warns(UserWarning, match="hf:dpt: out of memory with 4 pictures in one call; going on with 2"):
        np.testing.assert_array_equal(estimator.estimate(photos(4)), halves)


def test_a_server_halves_for_its_clients(tmp_path: Path) -> None:
    """As on a GPU that many workers share."""
    estimator = load_estimator(hungry_onnx(tmp_path / "hungry.onnx"), "cpu", 4)
    with EstimatorServer(estimator) as server:
        remote = RemoteEstimator(server.address, estimator.name, 4)
        with pytest.warns(UserWarning, match="hungry.onnx: out of memory with 4 pictures in one call; going on with 2"):
            depth = remote.estimate(photos(4))
    np.testing.assert_allclose(depth, photos(4)[..., 1] / 255, atol=1e-6)


def test_other_errors_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(images: Array) -> Array:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(tiny, "onnx_engine", lambda weights: fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        load_estimator("tiny", "cpu", 4).estimate(photos(4))
    assert not is_out_of_memory(EstimatorError(f"{tmp_path}: is damaged"))

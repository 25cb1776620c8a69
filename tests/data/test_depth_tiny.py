"""The embedded estimator, and the parts of its recipe that need no renderer."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from fgbg_data.depth import tiny
from fgbg_data.depth.efficientnet import Encoder, fold_batch_norm
from fgbg_data.depth.onnx_session import open_session
from fgbg_data.depth.tiny import TinyEstimator, encoder_weights, network_size, read_weights
from fgbg_data.depth.tiny_engines import onnx_engine, torch_engine, torch_net
from fgbg_data.depth.tiny_net import TinyNet
from fgbg_data.errors import EstimatorError
from fgbg_data.runtime.threads import kept_threads, set_num_threads

ROOT = Path(__file__).parents[2]
RGBD = ROOT.parent / "shared" / "rgbd"


@pytest.fixture(scope="module")
def estimator() -> TinyEstimator:
    return TinyEstimator()


@pytest.fixture(scope="module")
def recipe() -> Iterator[SimpleNamespace]:
    """The modules of tools/train_tiny that need no more than fgbg itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools" / "train_tiny")
        import evaluate
        import losses
        import raycast
        import shards
        import textures

        yield SimpleNamespace(evaluate=evaluate, losses=losses, raycast=raycast, shards=shards, textures=textures)


# --- the estimator ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 224, 224), (1, 20, 300), (3, 301, 199)])
def test_any_size(estimator: TinyEstimator, shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    depth = estimator.estimate(images)
    assert depth.shape == shape
    assert depth.dtype == np.float32
    assert np.isfinite(depth).all()


def test_no_images_give_no_depth(estimator: TinyEstimator) -> None:
    assert estimator.estimate(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 32, 32)


def test_batches_do_not_mix(estimator: TinyEstimator) -> None:
    images = np.random.default_rng(2).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    together = estimator.estimate(images)
    alone = np.concatenate([estimator.estimate(i[None]) for i in images])
    np.testing.assert_allclose(together, alone, atol=1e-3 * float(np.ptp(together)))


def test_equal_batches_give_equal_bits_in_another_instance(estimator: TinyEstimator) -> None:
    images = np.random.default_rng(3).integers(0, 256, (4, 64, 80, 3), dtype=np.uint8)
    np.testing.assert_array_equal(estimator.estimate(images), TinyEstimator().estimate(images))


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(estimator: TinyEstimator, threads: int) -> None:
    """Builds rely on it: with --jobs 1 all cores compute, with more of them fewer for each."""
    images = np.random.default_rng(4).integers(0, 256, (16, 224, 224, 3), dtype=np.uint8)
    guesses = []
    with kept_threads():
        for number in (1, threads):
            set_num_threads(number)
            guesses.append(TinyEstimator().estimate(images))
    np.testing.assert_array_equal(*guesses)


@pytest.mark.parametrize("shape", [(3, 224, 224), (2, 224, 320), (1, 256, 224)])
def test_both_engines_agree(shape: tuple[int, int, int]) -> None:
    weights, rng = read_weights(), np.random.default_rng(5)
    images = rng.integers(0, 256, (shape[0], 7, 7, 3), dtype=np.uint8)
    images = np.stack([cv2.resize(image, shape[:0:-1], interpolation=cv2.INTER_CUBIC) for image in images])
    ours = onnx_engine(weights)(images)
    theirs = torch_engine(torch_net(weights, "cpu"), "cpu")(images)
    assert ours.shape == theirs.shape == (shape[0], shape[1] // 2, shape[2] // 2)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * float(np.ptp(theirs)))


def test_the_identity_names_the_engine_of_a_cpu(estimator: TinyEstimator) -> None:
    """On a GPU, where it is torch, the identity is as it was before there were two engines."""
    assert estimator.identity()["engine"] == "onnxruntime"


def test_the_graph_holds_no_weights_and_all_their_names() -> None:
    import onnx

    graph = onnx.load(str(resources.files("fgbg_data.depth").joinpath("tiny.onnx")), load_external_data=False).graph
    hollow = {tensor.name for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL}
    assert hollow == set(read_weights())
    assert graph.ByteSize() < 100_000


@pytest.mark.slow
def test_the_graph_is_that_of_the_network(recipe: SimpleNamespace) -> None:
    """Other versions of torch may write another graph, so it is compared by what it computes."""
    import graph

    model = graph.without_weights(graph.exported())
    images = np.random.default_rng(6).integers(0, 256, (2, 224, 256, 3), dtype=np.uint8)
    weights = {name: value.astype(np.float32) for name, value in read_weights().items()}
    (expected,) = open_session(model.SerializeToString(), weights=weights).run(None, {"images": images})
    depth = onnx_engine(weights)(images)
    np.testing.assert_allclose(depth, expected, rtol=0, atol=1e-5 * float(np.ptp(expected)))


def test_an_upright_panel_is_nearer_than_the_wall_behind_it(estimator: TinyEstimator) -> None:
    """A grey room: wall, tiled floor in perspective, a dark panel that stands on the floor."""
    rows, cols = np.mgrid[:224, :224]
    floor = rows > 120
    depth = 60 / np.maximum(rows - 118, 1)
    tiles = (np.floor(depth * 2) + np.floor((cols - 112) * depth / 60)) % 2
    image = np.where(floor, 110 + 50 * tiles, 190).astype(np.uint8)
    image[70:200, 90:140] = 50
    guess = estimator.estimate(np.repeat(image[None, ..., None], 3, 3))[0]
    assert guess[120:190, 100:130].mean() > guess[20:100, 10:60].mean()
    assert guess[205:, :].mean() > guess[130:140, :60].mean() > guess[20:60, :60].mean()


def test_order_in_scenes_it_never_saw(estimator: TinyEstimator, recipe: SimpleNamespace) -> None:
    """Exact depth from the recipe's ray caster; chance is .5 and "lower is nearer" stays far below."""

    rng = np.random.default_rng(9)
    makers = [recipe.textures.plain, recipe.textures.rough, recipe.textures.tiles, recipe.textures.planks]
    size = recipe.raycast.TEXTURE_PX * 2
    pictures = [makers[k % 4](rng)[:size:2, :size:2] for k in range(recipe.raycast.TEXTURES)]
    clips = rng.integers(0, 256, (4, recipe.raycast.CUTOUT_PX, recipe.raycast.CUTOUT_PX, 4), dtype=np.uint8)
    clips[..., :3] = clips[:, :1, :1, :3]
    clips[..., 3] = 255
    bank = recipe.raycast.Bank(torch.from_numpy(np.stack(pictures)), torch.from_numpy(clips), torch.full((4,), 0.5))
    rgb, inverse, _ = recipe.raycast.scenes(12345, 24, 192, 256, bank)
    guesses = estimator.estimate((rgb.numpy() * 255).astype(np.uint8))

    def order(predictions: Iterator[np.ndarray]) -> float:
        depths = [np.where(i > 0, 1 / np.maximum(i, 1e-6), 0).astype(np.float32) for i in inverse.numpy()]
        rows = [recipe.evaluate.metrics(p, d) for p, d in zip(predictions, depths, strict=True)]
        return float(np.nanmean([r[2] for r in rows if r is not None]))

    ramp = order(recipe.evaluate.ramp(g) for g in guesses)
    assert order(iter(guesses)) > max(0.8, ramp + 0.05)


def test_weights_are_small_and_named_in_the_identity(estimator: TinyEstimator) -> None:
    data = resources.files("fgbg_data.depth").joinpath(tiny.WEIGHTS).read_bytes()
    assert len(data) <= 8_000_000
    assert estimator.identity()["weights_sha256"] == hashlib.sha256(data).hexdigest()
    assert estimator.identity()["licence"] == metadata.metadata("fgbg")["License-Expression"]


def test_encoder_weights_load_into_timm() -> None:
    import timm

    encoder = timm.create_model("efficientnet_lite0", features_only=True)
    state = encoder_weights()
    assert {v.dtype for k, v in state.items() if "tracked" not in k} == {torch.float32}
    encoder.load_state_dict(state, strict=True)
    channels = [f.shape[1] for f in encoder(torch.zeros(1, 3, 64, 64))]
    assert channels == [16, 24, 40, 112, 320]


def test_encoder_is_that_of_timm() -> None:
    import timm

    theirs, ours = timm.create_model("efficientnet_lite0", features_only=True), Encoder()
    theirs.load_state_dict(encoder_weights())
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, 96, 64)
    for training in (False, True):
        theirs.train(training)
        ours.train(training)
        for a, b in zip(theirs(images), ours(images), strict=True):
            torch.testing.assert_close(a, b)


def test_folding_batch_norm_changes_nothing() -> None:
    net = TinyNet()
    weights = {key: torch.from_numpy(value).float() for key, value in read_weights().items()}
    net.load_state_dict(weights, strict=False)
    net.eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = net(images)
        fold_batch_norm(net)
        torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


def test_estimator_does_without_timm_and_on_a_cpu_without_torch() -> None:
    code = "import sys; from fgbg_data import load_estimator; load_estimator('tiny', 'cpu'); print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"timm", "torch"} & set(loaded)
    assert "onnxruntime" in loaded


def test_unknown_device() -> None:
    with pytest.raises(EstimatorError, match="unknown device 'tpu'; use 'cpu' or 'cuda'"):
        TinyEstimator(device="tpu")


def test_no_batch() -> None:
    with pytest.raises(EstimatorError, match="batch_size must be at least 1, got 0"):
        TinyEstimator(batch_size=0)


@pytest.mark.parametrize(
    "images",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 0, 4, 3), np.uint8)],
    ids=["one picture", "floats", "no rows"],
)
def test_other_arrays_are_refused(estimator: TinyEstimator, images: np.ndarray) -> None:
    with pytest.raises(EstimatorError, match=r"expected \(N, H, W, 3\) uint8, got"):
        estimator.estimate(images)


def test_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "WEIGHTS", "gone.safetensors")
    with pytest.raises(EstimatorError, match=r"gone\.safetensors are missing; reinstall fgbg"):
        TinyEstimator()


def test_damaged_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "_weights_bytes", lambda: b"\x10\0\0\0\0\0\0\0not what it should be")
    with pytest.raises(EstimatorError, match="are damaged .*reinstall fgbg"):
        TinyEstimator()


def test_weights_of_another_network(estimator: TinyEstimator) -> None:
    weights = tiny.read_weights()
    weights.pop("head.weight")
    with pytest.raises(EstimatorError, match=r"do not fit the network: .*\bhead\.weight\b"):
        estimator.load(weights)
    with pytest.raises(EstimatorError, match=r"do not fit the network: head\.weight is missing or unknown; reinstall"):
        torch_net(weights, "cpu")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5000, 10), (10, 5000), (224, 225), (1080, 1920)])
def test_network_size_is_bounded_and_divisible(height: int, width: int) -> None:
    sides = network_size(height, width)
    assert min(sides) == 224
    assert max(sides) <= tiny.MAX_SIDE_PX
    assert not any(side % 32 for side in sides)


@pytest.mark.slow
def test_real_photos_with_measured_depth(estimator: TinyEstimator, recipe: SimpleNamespace) -> None:
    """The bars that the packaged weights keep; `tools/train_tiny/evaluate.py` prints the whole table."""
    delta1, abs_rel, order = judged(estimator, recipe)
    assert delta1 >= 0.65
    assert abs_rel <= 0.25
    assert order >= 0.8


def judged(estimator: TinyEstimator, recipe: SimpleNamespace) -> tuple[float, float, float]:
    """Return mean DELTA1, ABS_REL and ordinal accuracy on the real photos."""
    if not RGBD.is_dir():
        pytest.skip(f"{RGBD} is not there: real photos with depth are kept outside the repository")
    means: tuple[float, float, float] = recipe.evaluate.judge(lambda image: estimator.estimate(image[None])[0], RGBD)[
        "mean"
    ]
    return means


def test_the_ramp_scores_as_published(recipe: SimpleNamespace) -> None:
    if not RGBD.is_dir():
        pytest.skip(f"{RGBD} is not there: real photos with depth are kept outside the repository")
    scores = recipe.evaluate.judge(recipe.evaluate.ramp, RGBD)
    np.testing.assert_allclose(scores["mean"], (0.507, 0.367, 0.667), atol=0.004)


# --- the recipe ------------------------------------------------------------------------------------


def test_metrics_of_a_perfect_and_of_a_reversed_prediction(recipe: SimpleNamespace) -> None:
    depth = np.random.default_rng(0).uniform(1, 9, (40, 50)).astype(np.float32)
    assert recipe.evaluate.metrics(7 / depth - 3, depth) == pytest.approx((1, 0, 1), abs=1e-5)
    delta1, _, order = recipe.evaluate.metrics(-1 / depth, depth)
    assert order < 0.01
    assert delta1 == pytest.approx(recipe.evaluate.metrics(np.zeros_like(depth), depth)[0])
    assert recipe.evaluate.metrics(depth, np.zeros_like(depth)) is None


def test_loss_ignores_scale_and_shift(recipe: SimpleNamespace) -> None:

    truth = torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0))
    assert float(recipe.losses.loss(5 * truth - 2, truth)) == pytest.approx(0, abs=1e-4)
    noisy = truth + 0.3 * torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(1))
    plain, stretched, reversed_ = (float(recipe.losses.loss(p, truth)) for p in (noisy, 9 * noisy + 4, -noisy))
    assert plain == pytest.approx(stretched, rel=1e-3)
    assert plain < reversed_


def test_shards_are_whole_or_absent(recipe: SimpleNamespace, tmp_path: Path) -> None:
    recipe.shards.write(tmp_path / "00000.npz", rgb=np.zeros((2, 3), np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["00000.npz"]
    with np.load(tmp_path / "00000.npz") as data:
        assert data["rgb"].shape == (2, 3)


def test_smooth_depth_is_the_same_depth_without_the_edges_of_the_picture() -> None:
    stripes = np.full((96, 128, 3), 90, np.uint8)
    stripes[:, ::8] = 200
    estimator = TinyEstimator()
    sharp, smooth = estimator.estimate(stripes[None])[0], estimator.estimate_smooth(stripes[None])[0]
    assert smooth.shape == sharp.shape
    assert np.corrcoef(sharp.ravel(), smooth.ravel())[0, 1] > 0.8
    assert np.abs(np.diff(smooth, 2, axis=1)).mean() < np.abs(np.diff(sharp, 2, axis=1)).mean()  # less fine relief

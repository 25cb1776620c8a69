"""Estimators: the contract that every one keeps, the registry, the server."""

from collections.abc import Iterator

import numpy as np
import pytest
from support import FakeEstimator

from fgbg_data.depth import DepthEstimator, load_estimator, pick_device
from fgbg_data.depth.server import EstimatorServer, RemoteEstimator
from fgbg_data.errors import EstimatorError


class EstimatorContract:
    """What every estimator keeps; a test class of each inherits it and gives the fixture `estimator`."""

    @pytest.fixture
    def estimator(self) -> DepthEstimator:
        raise NotImplementedError

    @pytest.mark.parametrize("shape", [(1, 64, 64), (3, 48, 80), (2, 33, 57)])
    def test_shape_and_type(self, estimator: DepthEstimator, shape: tuple[int, int, int]) -> None:
        images = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
        depth = estimator.estimate(images)
        assert depth.shape == shape
        assert depth.dtype == np.float32
        assert np.isfinite(depth).all()

    def test_equal_batches_give_equal_depth(self, estimator: DepthEstimator) -> None:
        images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
        before = images.copy()
        first = estimator.estimate(images)
        estimator.estimate(255 - images)
        np.testing.assert_array_equal(estimator.estimate(images), first)
        np.testing.assert_array_equal(images, before)

    def test_identity_is_json_and_names_it(self, estimator: DepthEstimator) -> None:
        identity = estimator.identity()
        assert identity["name"] == estimator.name
        assert identity["batch_size"] == estimator.batch_size
        assert all(isinstance(value, str | int) for value in identity.values())

    def test_it_is_a_depth_estimator(self, estimator: DepthEstimator) -> None:
        assert isinstance(estimator, DepthEstimator)


class TestFake(EstimatorContract):
    @pytest.fixture
    def estimator(self) -> DepthEstimator:
        return FakeEstimator()


class TestRemote(EstimatorContract):
    @pytest.fixture
    def estimator(self) -> Iterator[DepthEstimator]:
        with EstimatorServer(FakeEstimator()) as server:
            yield RemoteEstimator(server.address, "fake", 4)


class TestTiny(EstimatorContract):
    @pytest.fixture
    def estimator(self) -> DepthEstimator:
        return load_estimator("tiny", "cpu")


def test_unknown_estimator_names_the_nearest() -> None:
    with pytest.raises(EstimatorError, match=r"--depth 'tinny': expected one of tiny.*; did you mean 'tiny'\?"):
        load_estimator("tinny")


def test_no_gpu_is_said() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert pick_device("auto") == "cpu"
    with pytest.raises(EstimatorError, match="--device cuda: torch .* sees no GPU. Use --device cpu"):
        pick_device("cuda")


def test_errors_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FakeEstimator, images: object) -> None:
        raise ValueError("out of luck")

    monkeypatch.setattr(FakeEstimator, "estimate", fail)
    with EstimatorServer(FakeEstimator()) as server:
        remote = RemoteEstimator(server.address, "fake", 4)
        with pytest.raises(EstimatorError, match="out of luck"):
            remote.estimate(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_gone_server_is_said() -> None:
    with EstimatorServer(FakeEstimator()) as server:
        remote = RemoteEstimator(server.address, "fake", 4)
        remote._connection.close()
        with pytest.raises(EstimatorError, match="the process that runs fake is gone"):
            remote.estimate(np.zeros((1, 8, 8, 3), np.uint8))

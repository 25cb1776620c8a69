"""The contract suite of depth estimators."""

import numpy as np
import pytest

from fgbg_data.depth.estimator import DepthEstimator


class EstimatorContract:
    """Tests that every depth estimator must pass.

    Write a test class that inherits it and has the fixture `estimator`:

        import pytest
        from fgbg_data.testing import EstimatorContract
        from my_package import MyEstimator

        class TestMyEstimator(EstimatorContract):
            @pytest.fixture
            def estimator(self):
                return MyEstimator(device="cpu")
    """

    @pytest.fixture
    def estimator(self) -> DepthEstimator:
        raise NotImplementedError("a subclass of EstimatorContract needs the fixture `estimator`")

    def test_it_is_a_depth_estimator(self, estimator: DepthEstimator) -> None:
        assert isinstance(estimator, DepthEstimator)
        assert estimator.batch_size >= 1

    @pytest.mark.parametrize("shape", [(1, 64, 64), (3, 48, 80), (2, 33, 57)])
    def test_it_gives_finite_float32_depth_of_the_size_of_the_pictures(
        self, estimator: DepthEstimator, shape: tuple[int, int, int]
    ) -> None:
        images = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
        depth = estimator.estimate(images)
        assert depth.shape == shape
        assert depth.dtype == np.float32
        assert np.isfinite(depth).all()

    def test_equal_batches_give_equal_depth_and_stay_unchanged(self, estimator: DepthEstimator) -> None:
        images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
        before = images.copy()
        first = estimator.estimate(images)
        estimator.estimate(255 - images)
        np.testing.assert_array_equal(estimator.estimate(images), first)
        np.testing.assert_array_equal(images, before)

    def test_its_identity_is_json_with_name_and_batch_size(self, estimator: DepthEstimator) -> None:
        identity = estimator.identity()
        assert identity["name"] == estimator.name
        assert identity["batch_size"] == estimator.batch_size
        assert all(isinstance(value, str | int) for value in identity.values())

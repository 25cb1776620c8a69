"""Estimators: the registry, the server, and the contract on the small ones."""

from collections.abc import Iterator

import numpy as np
import pytest
from helpers.fake_estimator import FakeEstimator

from fgbg_data.depth.devices import pick_device
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.registry import FAMILIES, Family, check_estimator, load_estimator, shown_name
from fgbg_data.depth.server import EstimatorServer, RemoteEstimator
from fgbg_data.errors import EstimatorError
from fgbg_data.testing import EstimatorContract


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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tinny", "'tiny'"),
        ("depth-anything-v2-smal", "'depth-anything-v2-small'"),
        ("Depth-Anything/Depth-Anything-V2-small-hf", "'depth-anything-v2-small'"),
        ("some/model", "'hf:some/model'"),
        ("models/mine.onnx", "'onnx:models/mine.onnx'"),
        ("kitti.h5", "'densedepth:kitti.h5'"),
        ("onx:mine.onnx", "'onnx:mine.onnx'"),
        ("None", "'none'"),
    ],
)
def test_unknown_names_get_a_hint(name: str, meant: str) -> None:
    with pytest.raises(EstimatorError) as caught:
        load_estimator(name)
    expected = (
        f"depth={name!r}: there is no such estimator; did you mean {meant}? `fgbg-data estimators` lists them all"
    )
    assert str(caught.value) == expected


def test_a_family_needs_its_source_and_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EstimatorError, match="depth='onnx:': expected onnx:FILE"):
        check_estimator("onnx:")
    monkeypatch.setitem(FAMILIES, "zoo", Family(target="zoo:Zoo", shown="zoo:NAME", extra="zoo", needs="not_there"))
    with pytest.raises(EstimatorError, match=r"depth='zoo:lion': needs not_there, .*: pip install 'fgbg\[zoo\]'"):
        check_estimator("zoo:lion")


def test_names_lose_the_folders_of_this_machine() -> None:
    names = ["onnx:/a/b/m.onnx", "hf:./models/m", "hf:~/m", "densedepth:x/nyu.h5", "hf:a/b#metric", "dpt-large", "none"]
    assert [shown_name(name) for name in names] == [
        "onnx:m.onnx",
        "hf:m",
        "hf:m",
        "densedepth:nyu.h5",
        "hf:a/b#metric",
        "dpt-large",
        "none",
    ]


def test_a_missing_gpu_is_an_error() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert pick_device("auto") == "cpu"
    with pytest.raises(EstimatorError, match="device='cuda': torch .* sees no GPU. Use device='cpu'"):
        pick_device("cuda")


def test_errors_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FakeEstimator, images: object) -> None:
        raise ValueError("out of luck")

    monkeypatch.setattr(FakeEstimator, "estimate", fail)
    with EstimatorServer(FakeEstimator()) as server:
        remote = RemoteEstimator(server.address, "fake", 4)
        with pytest.raises(EstimatorError, match="out of luck"):
            remote.estimate(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_lost_connection_to_the_server_is_an_error() -> None:
    with EstimatorServer(FakeEstimator()) as server:
        remote = RemoteEstimator(server.address, "fake", 4)
        remote._connection.close()
        with pytest.raises(EstimatorError, match="the process that runs fake is gone"):
            remote.estimate(np.zeros((1, 8, 8, 3), np.uint8))

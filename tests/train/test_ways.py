"""Ways to compute and places to read from that change speed, and no more than rounding."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch
from helpers.training import differing, quick, weights
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch._dynamo.exc import TorchDynamoException

from fgbg_train import train
from fgbg_train.errors import CompileError
from fgbg_train.measure import losses
from fgbg_train.run.log import read_rows
from fgbg_train.train import fit
from fgbg_train.use.evaluate import evaluate

# Not smaller: at 16 px maps of one pixel remain, on which oneDNN's gradient of a 5x5 depthwise convolution in bfloat16
# holds what was in memory before (seen with torch 2.15).
ONE = {"schedule": "1@32x6"}


@pytest.fixture(scope="module")
def plain(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch in float32, on a dataset of this machine. Read only."""
    return fit(shards, quick(**ONE), out=tmp_path_factory.mktemp("ways") / "plain")


@pytest.fixture
def remote(shards: Path) -> Iterator[str]:
    """The dataset behind a URL."""
    memory = fsspec.filesystem("memory")
    memory.put(str(shards), "/ways/shards", recursive=True)
    yield "memory://ways/shards"
    memory.rm("/ways", recursive=True)


def assert_close(run: Path, plain: Path, *, rel: float) -> None:
    """Every row of both logs tells nearly the same loss and depth error."""
    assert all(w.isfinite().all() for w in weights(run / "last.ckpt").values())
    for one, other in zip(read_rows(run / "log.csv"), read_rows(plain / "log.csv"), strict=True):
        for name in ("loss", "loss_mask_dice", "loss_depth_log", "rmse"):
            assert float(one[name]) == pytest.approx(float(other[name]), rel=rel, abs=rel), (one["split"], name)


def test_half_precision_is_near_to_float32(shards: Path, plain: Path, tmp_path: Path) -> None:
    run = fit(shards, quick(**ONE, precision="bf16"), out=tmp_path / "run")
    assert_close(run, plain, rel=0.05)
    assert {w.dtype for w in weights(run / "last.ckpt").values()} <= {torch.float32, torch.int64}
    assert differing(weights(run / "last.ckpt"), weights(plain / "last.ckpt")) != []  # so it did compute otherwise


def test_float16_is_near_to_float32_and_keeps_its_scale(
    shards: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU fabric would take bfloat16 for it, so here it is given what it takes on a GPU."""
    monkeypatch.setattr(
        train, "make_fabric", lambda _config: Fabric(accelerator="cpu", plugins=[MixedPrecision("16-mixed", "cpu")])
    )
    run = fit(shards, quick(**ONE, precision="16"), out=tmp_path / "run")
    assert_close(run, plain, rel=0.05)
    last = torch.load(run / "last.ckpt", weights_only=True)
    assert last["scaler"]["_growth_tracker"] == last["step"]  # no step was left out for want of range


@pytest.mark.slow  # the compiler takes its time
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler, and there is no g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # torch's own
def test_compiled_networks_give_the_same(shards: Path, plain: Path, tmp_path: Path) -> None:
    try:
        run = fit(shards, quick(**ONE, compile=True), out=tmp_path / "run")
    except CompileError as error:
        pytest.skip(f"the compiler of this machine cannot compile for torch: {error}")
    assert_close(run, plain, rel=2e-3)
    eager = weights(plain / "last.ckpt")
    assert weights(run / "last.ckpt").keys() == eager.keys()  # a checkpoint does not tell that it was compiled


def test_a_compiler_that_fails_is_told_in_one_line(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise TorchDynamoException("C++ compile error\n\nCommand:\ng++ ...")

    monkeypatch.setattr(losses, "terms", fail)
    monkeypatch.setattr(torch, "compile", lambda model, **_options: model)
    with pytest.raises(CompileError, match=r"\(TorchDynamoException: C\+\+ compile error\)\. Install a newer C\+\+"):
        fit(shards, quick(**ONE, compile=True), out=tmp_path / "run")


def test_a_dataset_behind_a_url_gives_the_same_run(remote: str, plain: Path, tmp_path: Path) -> None:
    run = fit(remote, quick(**ONE, cache_gb=1.0), out=tmp_path / "run")
    assert differing(weights(run / "last.ckpt"), weights(plain / "last.ckpt")) == []
    found = evaluate(run / "best.ckpt", remote, splits=["test"], options={"workers": 0, "device": "cpu"})
    assert found["test"]["rmse"] == pytest.approx(float(read_rows(plain / "log.csv")[-1]["rmse"]))

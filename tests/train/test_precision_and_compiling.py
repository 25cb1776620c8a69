"""Half precision and compiled networks change speed, and results by no more than rounding."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers.training import differing_weights, quick_config, trained_weights
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch._dynamo.exc import TorchDynamoException

from fgbg_train import fit, losses
from fgbg_train.errors import CompileError
from fgbg_train.run.log import read_rows
from fgbg_train.training import fit as loop
from fgbg_train.training import plan

# Not smaller: at 16 px maps of one pixel remain, on which oneDNN's gradient of a 5x5 depthwise convolution in bfloat16
# holds what was in memory before (seen with torch 2.15).
ONE_EPOCH = {"schedule": "1@32x6"}


@pytest.fixture(scope="module")
def float32_run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch in float32. Read only."""
    return fit(shards, quick_config(**ONE_EPOCH), out=tmp_path_factory.mktemp("precision") / "float32")


def assert_close(run: Path, other: Path, *, rel: float) -> None:
    """Check that each row of both logs has nearly the same losses and depth error."""
    assert all(w.isfinite().all() for w in trained_weights(run / "last.ckpt").values())
    rows, others = ([row for row in read_rows(each / "log.csv") if row["split"] != "guess"] for each in (run, other))
    for one, two in zip(rows, others, strict=True):
        for name in ("loss", "loss_mask_dice", "loss_depth_log", "rmse"):
            assert float(one[name]) == pytest.approx(float(two[name]), rel=rel, abs=rel), (one["split"], name)


def test_bfloat16_is_near_to_float32(shards: Path, float32_run: Path, tmp_path: Path) -> None:
    run = fit(shards, quick_config(**ONE_EPOCH, precision="bf16"), out=tmp_path / "run")
    assert_close(run, float32_run, rel=0.05)
    assert {w.dtype for w in trained_weights(run / "last.ckpt").values()} <= {torch.float32, torch.int64}
    assert differing_weights(run / "last.ckpt", float32_run / "last.ckpt")  # it did compute in another precision


def test_float16_is_near_to_float32_and_its_checkpoint_keeps_the_scale_of_the_gradients(
    shards: Path, float32_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU fabric would replace float16 by bfloat16, so here it gets the plugin that it uses on a GPU."""
    fabric = Fabric(accelerator="cpu", plugins=[MixedPrecision("16-mixed", "cpu")])
    monkeypatch.setattr(plan, "make_fabric", lambda _config, **_options: fabric)
    monkeypatch.setattr(loop, "make_fabric", lambda _config: fabric)
    run = fit(shards, quick_config(**ONE_EPOCH, precision="16"), out=tmp_path / "run")
    assert_close(run, float32_run, rel=0.05)
    last = torch.load(run / "last.ckpt", weights_only=True)
    assert last["scaler"]["_growth_tracker"] == last["step"]  # no step was left out because of an overflow


@pytest.mark.slow  # the compiler takes its time
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler, and there is no g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # torch's own
def test_compiled_networks_give_the_same_and_their_checkpoints_are_alike(
    shards: Path, float32_run: Path, tmp_path: Path
) -> None:
    try:
        run = fit(shards, quick_config(**ONE_EPOCH, compile=True), out=tmp_path / "run")
    except CompileError as error:
        pytest.skip(f"the compiler of this machine cannot compile for torch: {error}")
    assert_close(run, float32_run, rel=2e-3)
    assert trained_weights(run / "last.ckpt").keys() == trained_weights(float32_run / "last.ckpt").keys()


def test_a_compiler_that_fails_gives_one_line(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise TorchDynamoException("C++ compile error\n\nCommand:\ng++ ...")

    monkeypatch.setattr(losses, "terms", fail)
    monkeypatch.setattr(torch, "compile", lambda model, **_options: model)
    with pytest.raises(CompileError, match=r"\(TorchDynamoException: C\+\+ compile error\)\. Install a newer C\+\+"):
        fit(shards, quick_config(**ONE_EPOCH, compile=True), out=tmp_path / "run")

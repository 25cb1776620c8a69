"""Training on one of two kinds of depth."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.training import differing, fit_killed, make_shards, quick, weights

from fgbg_data import open_dataset
from fgbg_train import evaluate
from fgbg_train.cli import main
from fgbg_train.data.samples import FULL_SIZE, SplitReader
from fgbg_train.errors import DataError, ResumeError
from fgbg_train.prepare import describe, prepare
from fgbg_train.train import fit

COMPUTE = {"workers": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 48 samples of 48 px with inferred and composed depth. Read only."""
    return make_shards(tmp_path_factory.mktemp("both"), depth="fake", depth_mode="both")


@pytest.fixture(scope="module")
def composed(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on composed depth that was never stopped. Read only."""
    return fit(both, quick(depth_field="depth_composed"), out=tmp_path_factory.mktemp("runs") / "composed")


def test_a_reader_gives_the_field_asked_for(both: Path) -> None:
    sample = open_dataset(both, fields=("depth", "depth_composed"))[3]
    for field in ("depth", "depth_composed"):
        read = SplitReader(str(both), "train", depth_field=field).read(3, FULL_SIZE).depth
        assert read is not None
        assert np.abs(read / 65535 - getattr(sample, field)).max() < 1e-5
    assert not np.array_equal(sample.depth, sample.depth_composed)  # type: ignore[arg-type]


def test_what_is_learned_is_the_field_asked_for(both: Path, composed: Path, shards: Path, finished: Path) -> None:
    assert 'depth_field = "depth_composed"' in (composed / "config.toml").read_text()
    changed = differing(weights(composed / "last.ckpt"), weights(finished / "last.ckpt"))
    assert any(name.startswith("depth_net.") for name in changed)
    assert "depth     depth_composed" in describe(prepare(both, quick(depth_field="depth_composed")))


def test_killed_and_resumed_is_never_killed(both: Path, composed: Path, tmp_path: Path) -> None:
    config = quick(depth_field="depth_composed")
    fit_killed(both, config, tmp_path / "run", at="step", count=6)
    with pytest.raises(ResumeError, match=r"depth_field \('depth_composed' / 'depth'\)"):
        fit(both, quick(), out=tmp_path / "run")
    fit(both, config, out=tmp_path / "run")
    assert differing(weights(tmp_path / "run" / "last.ckpt"), weights(composed / "last.ckpt")) == []


def test_a_field_that_is_not_there(both: Path, shards: Path, shards_without_depth: Path, composed: Path) -> None:
    for data, fields in ((shards, "depth, image, mask, meta"), (shards_without_depth, "image, mask, meta")):
        with pytest.raises(DataError, match=f"holds no depth_composed, only {fields}. Choose another depth_field"):
            prepare(data, quick(depth_field="depth_composed"))
    with pytest.raises(DataError, match="holds no depth_composed, only depth, image, mask, meta"):
        evaluate(composed / "last.ckpt", shards, options=COMPUTE)


def test_a_model_can_be_measured_by_either(both: Path, composed: Path) -> None:
    own = evaluate(composed / "last.ckpt", both, splits=["test"], options=COMPUTE)["test"]
    other = evaluate(composed / "last.ckpt", both, splits=["test"], options=COMPUTE | {"depth_field": "depth"})["test"]
    assert own["mask_iou"] == other["mask_iou"]
    assert own["rmse"] != other["rmse"]


def test_the_command_names_the_fields() -> None:
    done = CliRunner().invoke(main, ["fit", "anything", "--depth-field", "deep", "--dry-run"])
    assert done.exit_code == 2
    assert "'depth', 'depth_composed'" in done.output

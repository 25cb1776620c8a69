"""Training on inferred or on composed depth."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.training import build_small_dataset, differing_weights, fit_and_get_killed, quick_config

from fgbg_data import open_dataset
from fgbg_train import evaluate, fit, plan_fit
from fgbg_train.cli import main
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.errors import DataError, ResumeError


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 48 samples of 48 px with inferred and composed depth. Read only."""
    return build_small_dataset(tmp_path_factory.mktemp("both"), depth="fake", depth_mode="both")


@pytest.fixture(scope="module")
def composed(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on composed depth that was never stopped. Read only."""
    return fit(both, quick_config(depth_field="depth_composed"), out=tmp_path_factory.mktemp("runs") / "composed")


def test_a_reader_gives_the_field_asked_for(both: Path) -> None:
    sample = open_dataset(both, fields=("depth", "depth_composed"))[3]
    for field in ("depth", "depth_composed"):
        read = SampleReader(str(both), "train", depth_field=field).read(3, None).depth
        assert read is not None
        assert np.abs(read / 65535 - getattr(sample, field)).max() < 1e-5
    assert not np.array_equal(sample.depth, sample.depth_composed)  # type: ignore[arg-type]


def test_what_is_learned_is_the_field_asked_for(both: Path, composed: Path, finished_run: Path) -> None:
    assert 'depth_field = "depth_composed"' in (composed / "config.toml").read_text()
    changed = differing_weights(composed / "last.ckpt", finished_run / "last.ckpt")
    assert any(name.startswith("depth_net.") for name in changed)
    assert "depth     depth_composed" in str(plan_fit(both, quick_config(depth_field="depth_composed")))


def test_a_run_on_composed_depth_that_is_killed_ends_as_if_never_killed(
    both: Path, composed: Path, tmp_path: Path
) -> None:
    config = quick_config(depth_field="depth_composed")
    fit_and_get_killed(both, config, tmp_path / "run", at="step", count=6)
    with pytest.raises(ResumeError, match=r"depth_field \('depth_composed' / 'depth'\)"):
        fit(both, quick_config(), out=tmp_path / "run")
    fit(both, config, out=tmp_path / "run")
    assert differing_weights(tmp_path / "run" / "last.ckpt", composed / "last.ckpt") == []


def test_a_missing_field_is_named(shards: Path, shards_without_depth: Path, composed: Path) -> None:
    for data, fields in ((shards, "depth, image, mask, meta"), (shards_without_depth, "image, mask, meta")):
        with pytest.raises(DataError, match=f"holds no depth_composed, only {fields}. Choose another `depth_field`"):
            plan_fit(data, quick_config(depth_field="depth_composed"))
    with pytest.raises(DataError, match="holds no depth_composed, only depth, image, mask, meta"):
        evaluate(composed / "last.ckpt", shards, workers=0, device="cpu")


def test_a_model_can_be_measured_by_either_field(both: Path, composed: Path) -> None:
    own = evaluate(composed / "last.ckpt", both, splits=["test"], workers=0, device="cpu")["test"]
    other = evaluate(composed / "last.ckpt", both, splits=["test"], workers=0, device="cpu", depth_field="depth")[
        "test"
    ]
    assert own["mask_iou"] == other["mask_iou"]
    assert own["rmse"] != other["rmse"]


def test_the_command_names_the_fields_that_it_takes() -> None:
    done = CliRunner().invoke(main, ["fit", "anything", "--depth-field", "deep", "--dry-run"])
    assert done.exit_code == 2
    assert "'depth', 'depth_composed'" in done.output

"""Checkpoints are written whole or not at all, and refused by name if they cannot be used."""

import io
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.limits import limit
from helpers.training import quick_config
from PIL import Image
from torch import nn

from fgbg_data.errors import StorageError
from fgbg_train import evaluate, fit, load_model, plan_fit, plot, predict, summary
from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.run import checkpoint
from fgbg_train.run.stopping import StopSignal


def test_a_saved_state_can_be_loaded(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "last.ckpt", {"step": 3, "model": {"w": torch.ones(2)}, "names": ["a"], "none": None})
    state = checkpoint.load(tmp_path / "last.ckpt")
    assert state["step"] == 3
    assert torch.equal(state["model"]["w"], torch.ones(2))
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_an_error_while_saving_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, {"step": 1})

    def full(_fd: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="last.ckpt: cannot be written .*no space left"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_full_disk_is_named_and_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, {"step": 1})
    with (
        limit(resource.RLIMIT_FSIZE, 200_000),
        pytest.raises(StorageError, match=r"last.ckpt: no space left to write it"),
    ):
        checkpoint.save(path, {"step": 2, "model": {"w": torch.ones(1_000_000)}})
    assert checkpoint.load(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


class Signalled(io.FileIO):
    """A file during whose third write SIGTERM arrives, as it may during a long write."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        if self.writes == 3:
            signal.raise_signal(signal.SIGTERM)
        return super().write(data)


def test_a_second_signal_while_saving_stops_at_once_and_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, {"step": 1})
    with StopSignal() as stop, monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda partial, mode: Signalled(partial, mode))
        checkpoint.save(path, {"step": 2, "model": {"w": torch.ones(100_000)}})
        assert stop.received  # the first signal lets the write end
        with pytest.raises(KeyboardInterrupt) as stopped:
            checkpoint.save(path, {"step": 3, "model": {"w": torch.ones(100_000)}})
    assert stopped.value.__suppress_context__
    assert checkpoint.load(path)["step"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_files_that_are_no_checkpoint_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    with pytest.raises(CheckpointError, match=r"x.ckpt: there is no such checkpoint"):
        checkpoint.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"x.ckpt: is no checkpoint, or is damaged"):
        checkpoint.load(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(CheckpointError, match=r"x.ckpt: is no checkpoint of fgbg-train"):
        checkpoint.load(path)
    torch.save({"format": checkpoint.FORMAT, "version": 9}, path)
    with pytest.raises(CheckpointError, match=r"has version 9; this program reads version 1"):
        checkpoint.load(path)
    checkpoint.save(path, {"model": {"w": torch.ones(1000)}})
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(path)


def test_a_flipped_bit_anywhere_in_the_weights_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    checkpoint.save(path, {"model": {"w": torch.rand(1000)}})
    whole = path.read_bytes()
    start = whole.index(torch.load(path, weights_only=True)["model"]["w"].numpy().tobytes())
    for byte in (0, 1234, 3999):
        damaged = bytearray(whole)
        damaged[start + byte] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"x.ckpt: is damaged: the checksum of its part .*data/0 is wrong"):
            checkpoint.load(path)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"model": [1, 2]}, "its model is no table of tensors"),
        ({"model": {"w": [1, 2]}}, "its model is no table of tensors"),
        ({"ema": 3}, "its ema is no table of tensors"),
        ({"size_px": "64"}, "its size_px is str"),
        ({"size_px": -5}, "its size_px is -5"),
        ({"config": "no table"}, "its config is str"),
        ({"step": True}, "its step is bool"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(value),
)
def test_parts_of_another_type_are_refused(parts: dict[str, Any], text: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.ckpt", parts)
    with pytest.raises(CheckpointError, match=text):
        checkpoint.load(tmp_path / "x.ckpt")


def test_missing_parts_are_named(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.ckpt", {"config": {}})
    with pytest.raises(CheckpointError, match="lacks size_px, model, ema"):
        load_model(tmp_path / "x.ckpt")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    torch.save({"format": checkpoint.FORMAT, "version": 1, "x": Evil()}, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(tmp_path / "x.ckpt")


def test_weights_of_another_architecture_are_refused_with_the_differences() -> None:
    weights = {"weight": torch.zeros(3, 3), "scale": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_weights(nn.Linear(2, 3), weights, Path("x.ckpt"))
    assert str(caught.value) == (
        "x.ckpt: its weights belong to another architecture "
        "(1 missing, such as bias; 1 unknown, such as scale; 1 with another shape, such as weight)"
    )


def test_the_folder_of_a_run_stands_for_its_best_checkpoint_everywhere(
    shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    of_folder, of_file = (load_model(path)(image) for path in (str(finished_run), finished_run / "best.ckpt"))
    assert torch.equal(of_folder.depth, of_file.depth)
    wanted: Any = {"splits": ["val"], "workers": 0, "device": "cpu", "limit": 3}
    assert evaluate(finished_run, shards, **wanted) == evaluate(finished_run / "best.ckpt", shards, **wanted)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert predict(str(finished_run), str(tmp_path / "a.png"), out=str(tmp_path / "out"), device="cpu")
    assert summary(finished_run)["mask"][0].parameters == summary(quick_config())["mask"][0].parameters


def test_a_run_without_val_stands_for_its_last_weights(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes((finished_run / "last.ckpt").read_bytes())
    assert checkpoint.find_checkpoint(tmp_path) == tmp_path / "last.ckpt"


def test_a_folder_without_checkpoints_is_named_with_what_it_is(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder without best.ckpt and last.ckpt; give a .ckpt"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match="it is a dataset; were the arguments swapped?"):
        evaluate(shards, tmp_path)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda config: fit(config, "shards"), "data"),
        (lambda config: plan_fit(config, "shards"), "data"),
        (lambda config: evaluate(config, "shards"), "checkpoint"),
        (lambda config: predict("run", config, out="out"), "pictures"),
        (lambda config: predict("run", [config], out="out"), "pictures"),
        (lambda config: predict("run", "tests", out=config), "out"),
        (lambda config: load_model(config), "checkpoint"),
        (lambda config: plot(config, "curves.png"), "runs"),
    ],
    ids=["fit", "plan_fit", "evaluate", "predict", "predict-list", "predict-out", "load_model", "plot"],
)
def test_swapped_arguments_get_a_sentence(call: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=f"`{name}`: expected a path or text, found FitConfig; were the arguments"):
        call(FitConfig())


def test_a_configuration_of_another_type_gets_a_sentence(shards: Path) -> None:
    with pytest.raises(ConfigError, match="`config`: expected a FitConfig, found str"):
        fit(shards, "small")  # type: ignore[arg-type]

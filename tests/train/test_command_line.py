"""The commands of `fgbg-train` as they are typed: what they print, their exit status, and their help."""

import dataclasses
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from fgbg_data.command_line import Command
from fgbg_train import FitConfig
from fgbg_train.cli import main
from fgbg_train.config import ModelConfig


def run(arguments: Sequence[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


def test_summary_counts_the_parameters_of_the_published_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "--preset", "eva4"]) == 0
    printed = capsys.readouterr().out
    assert "67,569,473" in printed
    assert "25,259,761" in printed


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("traain", "; did you mean 'fit'?"),
        ("evaluate", "; did you mean 'eval'?"),
        ("fitt", "; did you mean 'fit'?"),
        ("zz", ""),
    ],
)
def test_an_unknown_command_is_refused_with_the_nearest_one(
    typed: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([typed, "shards"]) == 2
    assert f": there is no command {typed!r}{hint}; see " in capsys.readouterr().err


def test_a_table_that_goes_to_a_file_has_its_full_width_and_no_colours_whatever_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as services that run tests set it
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["summary", "--preset", "small"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "layer            kind                    output  parameters  multiply-adds"
    assert not {"\x1b", "…"} & set(printed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "--config", "nowhere.toml"], "nowhere.toml: cannot be read (No such file or directory)"),
        (["fit", "anything", "--lr", "0"], "--lr 0.0: expected a number above 0"),
        (["fit", "anything", "--set", "augment.cutout=2"], "--set augment.cutout=2.0: expected 0 to 1"),
        (["fit", "anything", "--set", "loss.mask_dise=1"], "there is no setting 'loss.mask_dise'; did you mean"),
        (["fit", "anything", "--schedule", "2@38"], "--schedule 2@38>>><<< at character 5: expected 'x'"),
        (
            ["fit", "anything", "--networks", "mask", "--combine", "product"],
            "--combine has no effect, because no depth",
        ),
        (
            ["fit", "anything", "--networks", "mask", "--depth-net", "light"],
            "--depth-net has no effect, because no depth",
        ),
        (
            ["fit", "anything", "--networks", "depth", "--mask-net", "light"],
            "--mask-net has no effect, because no mask",
        ),
        (
            ["fit", "anything", "--networks", "depth", "--freeze-encoder", "mask"],
            "--freeze-encoder has no effect, because no mask network",
        ),
        (
            ["fit", "anything", "--pretrained", "--start", "tiny"],
            "--pretrained is short for --start timm, and cannot go",
        ),
        (["summary", "runs/a", "--preset", "eva4"], "--preset: has no effect beside CHECKPOINT"),
        (["fit", "anything", "--start", "tiny", "--mask-net", "autoed"], "--start tiny: has weights only for"),
        (
            ["fit", "anything", "--mask-net", "light:resnet18"],
            "--start tiny: has weights only for the encoder efficientn",
        ),
        (["fit", "anything", "--mask-net", "light:resnet5"], "'resnet5' is no encoder of timm; did you mean resnet5"),
        (["fit", "nothere"], "nothere: there is no such folder; expected one that holds a dataset"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"fgbg-train: {message}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_folder_that_cannot_be_written_is_one_line(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["fit", str(shards), "--out", str(tmp_path / "file" / "run"), "--device", "cpu"]) == 2
    assert capsys.readouterr().err == (
        f"fgbg-train: {tmp_path}/file/run/config.toml: cannot be written (Not a directory). Finished files are whole; "
        "fix that, and run the same command to go on\n"
    )


def test_each_command_that_uses_a_model_prints_what_it_did(
    shards: Path, finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best, out = str(finished_run / "best.ckpt"), str(tmp_path / "out")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(photos / name)
    for arguments, printed in (
        (["eval", best, str(shards), "-j", "0", "--limit", "3", "--split", "val", "--json"], '"samples": 3.0'),
        (["eval", best, str(shards), "--workers", "0", "--limit", "3"], "mask_iou_img"),
        (["predict", best, str(photos), "--out", out], f"2 pictures done, see {out}"),
        (["predict", best, f"{photos}/a.jpg", "-o", f"{out}/one"], f"1 picture done, see {out}/one"),
        (["export", best, str(tmp_path / "m.safetensors")], f"wrote {tmp_path}/m.safetensors"),
        (["plot", str(finished_run), "--out", str(tmp_path / "curves.png")], f"wrote {tmp_path}/curves.png"),
        (["fit", str(shards), "--dry-run"], "folder    runs/small-"),
        (["fit", str(shards), "--print-config", "--set", "augment.cutout=0", "--epochs", "2"], "cutout = 0.0"),
    ):
        status = run(arguments)
        captured = capsys.readouterr()
        assert status == 0, captured.err
        assert printed in captured.out


ALIASES = [
    ("fit", "--opt", "sgd", 'optimizer = "sgd"'),
    ("fit", "--clip-grad", "0.5", "clip = 0.5"),
    ("fit", "--model-ema-decay", "0.9", "ema = 0.9"),
    ("fit", "--grad-accum-steps", "2", "accumulate = 2"),
    ("fit", "--eval-metric", "rmse", 'best = "rmse"'),
    ("fit", "-j", "3", "workers = 3"),
]


@pytest.mark.parametrize(("command", "name", "value", "line"), ALIASES)
def test_names_of_timm_mean_the_same_and_the_help_lists_only_ours(
    command: str, name: str, value: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "anything", name, value, "--print-config"]) == 0
    assert line in capsys.readouterr().out
    assert run([command, "--help"]) == 0
    assert bool(re.search(rf"{name}\b", capsys.readouterr().out)) == (name == "-j")


@pytest.mark.parametrize("command", list(main.commands))
def test_every_alias_stands_for_an_option(command: str) -> None:
    found = main.commands[command]
    options = {name for param in found.params for name in param.opts}
    if isinstance(found, Command):
        assert set(found.aliases.values()) <= options
        assert not set(found.aliases) & options


def test_fit_shows_every_option_in_a_section() -> None:
    command = main.commands["fit"]
    assert isinstance(command, Command)
    in_sections = [name for names in command.sections.values() for name in names]
    options = [param.name for param in command.params if isinstance(param, click.Option)]
    assert sorted(in_sections) == sorted(name for name in options if name is not None)


def test_help_names_the_real_defaults() -> None:
    texts = {p.name: p.help or "" for p in main.commands["fit"].params if isinstance(p, click.Option)}
    words = {
        "out": "runs/PRESET-DATASET",
        "schedule": "by the number of samples",
        "epochs": "as scheduled",
        "limit": "all",
        "preset_name": "small",
        "exam": "none",
    }
    config = FitConfig()
    assert config.exam.photos == ""
    settings = {field.name: getattr(config, field.name) for field in dataclasses.fields(FitConfig)}
    settings |= {field.name: getattr(config.model, field.name) for field in dataclasses.fields(ModelConfig)}
    for name, value in settings.items():
        option = "preset" if name == "preset_name" else name
        if option in ("model", "loss", "augment", "depth_weights"):
            continue
        shown = re.search(r"\[([^]]*)\]$", texts[option])
        assert shown, option
        text = f"{value:g}" if isinstance(value, float) else "off" if value is False else str(value)
        assert shown[1] == words.get(name, text), option


@pytest.mark.parametrize(
    "statement", ["import fgbg_train", "import fgbg_train.cli", "from fgbg_train import FitConfig; FitConfig()"]
)
def test_importing_stays_light(statement: str) -> None:
    heavy = "torch", "timm", "numpy", "cv2", "h5py", "rich", "matplotlib", "lightning_fabric"
    check = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_the_test_of_lightness_can_fail() -> None:
    with pytest.raises(AssertionError):
        test_importing_stays_light("import numpy")


@pytest.mark.parametrize("module", ["fgbg_train", "fgbg_train.cli"])
def test_the_package_runs_as_a_program(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fgbg-train, version ")

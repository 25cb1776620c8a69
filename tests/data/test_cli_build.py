"""`fgbg-data build` as a user types it: options, the dry run, the summary and the help."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from helpers.build_command import QUICK, as_a_process, build, refused, snapshot
from PIL import Image

from fgbg_data import cli

# --- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--fit covr", "--fit covr: expected one of cover, stretch; did you mean 'cover'?"),
        (
            "--depth tinny",
            "--depth tinny: there is no such estimator; did you mean 'tiny'? `fgbg-data estimators` lists them all",
        ),
        ("--format zip", "--format zip: expected one of tar, hdf5"),
        ("--holdout fg", "--holdout fg: expected one of background, foreground, both, sample"),
        ("--image-format jpeg", "--image-format jpeg: expected one of jpg, png; did you mean 'jpg'?"),
        ("--hdf5-layout x", "--hdf5-layout x: expected one of pixels, encoded"),
        ("--device gpu", "--device gpu: expected one of auto, cpu, cuda"),
        ("--size 3", "--size 3: expected sides of 8 to 8192 pixels"),
        ("--scale 1", "--scale 1: expected LOW:HIGH, such as 0.4:0.7, or native"),
        ("--truncate 1", "--truncate 1.0: expected a share of at least 0 and below 1"),
        ("--samples 0", "--samples 0: expected at least 1"),
        ("--val nan", "--val nan and --test 0.0: expected shares of at least 0 that leave some to train"),
        ("--depth-bits 17", "--depth-bits 17: expected 1 to 16"),
        ("--jobs -2", "--jobs -2: expected at least 0"),
    ],
)
def test_values_that_cannot_work(options: str, message: str, folder: Path) -> None:
    assert refused(folder, *options.split()).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--positions many", "Error: Invalid value for '--positions': 'many' is not a valid integer."),
        ("--truncate x", "Error: Invalid value for '--truncate': 'x' is not a valid float."),
        ("--positons 3", "Error: No such option: --positons Did you mean --positions?"),
        ("more", "Error: Got unexpected extra argument (more)"),
    ],
)
def test_what_click_refuses(options: str, message: str, folder: Path) -> None:
    before = snapshot(folder)
    result = build(folder, *options.split())
    assert result.exit_code == 2
    assert re.sub(r"[^\w ]", "", message) in re.sub(r"[^\w ]", "", result.stderr)  # click changes its punctuation
    assert "Traceback" not in result.output
    assert snapshot(folder) == before


def test_options_win_over_the_file(folder: Path) -> None:
    toml = folder / "build.toml"
    toml.write_text(f'bg = "{folder}/none"\nseed = 4\nsamples = 3\nformat = ["hdf5"]\n')
    result = build(folder, "--config", str(toml), "--samples", "5")
    assert result.exit_code == 0, result.output
    manifest = json.loads((folder / "out" / "dataset.json").read_text())
    config = manifest["identity"]["config"]
    assert (config["seed"], config["samples"], config["format"]) == (4, 5, ["hdf5"])
    shutil.rmtree(folder / "out")
    toml.write_text("seeds = 4\n")
    assert refused(folder, "--config", str(toml)) == f"{toml}: 'seeds' is no option; did you mean 'seed'?"
    assert refused(folder, "--config", str(folder / "no.toml")).startswith(f"{folder / 'no.toml'}: cannot be read (No")


# --- the dry run -------------------------------------------------------------------------------------------


def test_dry_run_of_the_classic_set(tmp_path: Path) -> None:
    """102 x 104 sources give exactly 424,320 samples; nothing is written."""
    (tmp_path / "bg").mkdir()
    (tmp_path / "fg").mkdir()
    for number in range(102):
        Image.new("RGB", (8, 8), (number, 2, 3)).save(tmp_path / "bg" / f"b{number}.jpg")
    for number in range(104):
        cutout = Image.new("RGBA", (6, 8), (number, 2, 3, 255))
        cutout.putpixel((0, 0), (0, 0, 0, 0))
        cutout.save(tmp_path / "fg" / f"f{number}.png")
    before = snapshot(tmp_path)
    arguments = ["--bg", tmp_path / "bg", "--fg", tmp_path / "fg", "--out", tmp_path / "out", "--size", "32"]
    options = ["--depth", "none", "--jobs", "2", "--format", "tar,hdf5", "--dry-run"]
    result = CliRunner().invoke(cli.main, ["build", *map(str, arguments), *options])
    assert result.exit_code == 0, result.output
    assert snapshot(tmp_path) == before
    lines = result.stdout.splitlines()
    assert lines[0] == "102 backgrounds x 104 foregrounds x 20 positions x 2 (mirrored) = 424,320 samples"
    rows = {cells[0]: cells[1:] for line in lines if (cells := re.findall(r"[\w,]+", line)) and len(cells) == 5}
    # a tenth of 102 backgrounds, rounded up, is 11; a background gives 104 x 40 samples
    assert rows["train"] == ["332,800", "333", "80", "104"]
    assert rows["val"] == rows["test"] == ["45,760", "46", "11", "104"]
    assert re.search(r"expected: [\d.]+ GB \([\d.]+ [GT]B free\), about [\d hmins]+ with 2 workers", result.stdout)
    assert "--hdf5-layout encoded would be smaller" in result.stdout
    assert lines[-1] == "nothing was written (--dry-run)"


def test_dry_run_foretells_the_size(folder: Path) -> None:
    options = ("--positions", "4", "--format", "tar,hdf5", "--hdf5-layout", "encoded", "--size", "96")
    result = build(folder, *options, "--dry-run")
    amount, unit = re.search(r"expected: ([\d.]+) (\w+)", result.stdout).groups()  # type: ignore[union-attr]
    expected = float(amount) * {"kB": 1e3, "MB": 1e6}[unit]
    assert build(folder, *options).exit_code == 0
    real = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.suffix in (".tar", ".h5"))
    assert real == pytest.approx(expected, rel=0.15)


def test_dry_run_speaks_of_what_is_asked_and_what_is_finished(folder: Path) -> None:
    result = build(folder, "--samples", "1", "--no-mirror", "--dry-run")
    assert result.stdout.splitlines()[0] == (
        "4 backgrounds x 3 foregrounds x 1 position = 12 samples; this build makes 1 of them"
    )
    assert "with 1 worker\n" in result.stdout
    assert not (folder / "out").exists()
    assert build(folder, "--shard-size", "10").exit_code == 0
    (folder / "out" / "train" / "fgbg-train-000001.json").unlink()
    before = snapshot(folder)
    result = build(folder, "--shard-size", "10", "--dry-run")
    assert "2 of 3 shards are finished already" in result.stdout
    assert snapshot(folder) == before
    assert "holds another dataset" in refused(folder, "--dry-run", "--seed", "3")


# --- the command itself ------------------------------------------------------------------------------------


def test_summary_of_a_build(folder: Path) -> None:
    result = build(folder, "--samples", "6", "--val", "0.2")
    assert result.exit_code == 0, result.output
    out = folder / "out"
    assert f"{out}: 6 samples (train 5, val 1), " in result.stdout
    assert f"look at {out / 'preview.png'}; what it is stands in {out / 'README.md'}" in result.stdout
    assert re.search(r"image .*uint8 .*6 .*32 x 32 x 3", result.stdout)


def test_help_teaches() -> None:
    result = CliRunner().invoke(cli.main, ["build", "--help"])
    assert result.exit_code == 0
    options = [parameter for parameter in cli.main.commands["build"].params if isinstance(parameter, click.Option)]
    for option in options:
        assert option.help, option.name
        assert option.help.endswith((".", "]")), option.help
        assert f"{option.opts[0]}" in result.stdout
    assert "fgbg-data build --bg bg/ --fg fg/ --out shards/" in result.stdout
    assert "--fit cover|stretch " in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 110


def test_help_tells_the_real_defaults() -> None:
    from dataclasses import MISSING, fields

    from fgbg_data.config import BuildConfig

    texts = {
        option.name: option.help or ""
        for option in cli.main.commands["build"].params
        if isinstance(option, click.Option)
    }
    for field in fields(BuildConfig):
        shown = re.search(r"\[(.*)\]$", texts[field.name])
        if field.type is bool and field.name != "mirror":
            assert not field.default
            assert not shown
            continue
        assert shown, field.name
        words: dict[Any, str] = {MISSING: "required", None: "", ("tar",): "tar"}
        expected = (
            "mirror"
            if field.name == "mirror"
            else words.get(
                field.default, f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            )
        )
        assert expected in shown[1], field.name


def test_a_refusal_as_a_process(tmp_path: Path) -> None:
    done = as_a_process("--bg", tmp_path / "none", "--fg", tmp_path / "fg", "--out", tmp_path / "out", *QUICK)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"fgbg-data: {tmp_path / 'none'}: there is no such folder; --bg expects the folder of the background pictures\n"
    )

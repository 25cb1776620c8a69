"""`fgbg-data build` as a user types it: options, the dry run, the summary and the help."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from helpers.build_command import QUICK, refused_build, run_build, run_build_process, snapshot
from PIL import Image

from fgbg_data import cli
from fgbg_data.runtime.locks import build_lock

# --- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--depth tinny",
            "--depth tinny: there is no such estimator; did you mean 'tiny'? `fgbg-data estimators` lists them all",
        ),
        ("--format zip", "--format zip: expected one of tar, hdf5"),
        ("--size 3", "--size 3: expected sides of 8 to 8192 pixels"),
        ("--scale 1", "--scale 1: expected LOW:HIGH, such as 0.4:0.7, or native"),
        ("--truncate 1", "--truncate 1.0: expected a share of at least 0 and below 1"),
        ("--samples 0", "--samples 0: expected at least 1"),
        ("--val nan", "--val nan and --test 0.0: expected shares of at least 0 that leave some to train"),
        ("--depth-bits 17", "--depth-bits 17: expected 1 to 16"),
        ("--jobs -2", "--jobs -2: expected at least 0"),
    ],
)
def test_values_that_cannot_work_are_refused_before_anything_is_written(
    options: str, message: str, folder: Path
) -> None:
    assert refused_build(folder, *options.split()).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--fit covr", "Invalid value for '--fit': 'covr' is not one of 'cover', 'stretch'; did you mean 'cover'?"),
        ("--device x", "Invalid value for '--device': 'x' is not one of 'auto', 'cpu', 'cuda'"),
        ("--positions many", "Invalid value for '--positions': 'many' is not a valid integer"),
        ("--truncate x", "Invalid value for '--truncate': 'x' is not a valid float"),
        ("--positons 3", "No such option '--positons'. Did you mean '--positions'?"),
        ("more", "Got unexpected extra argument (more)"),
    ],
)
def test_words_that_are_not_understood_are_refused_with_a_pointer_to_the_help(
    options: str, message: str, folder: Path
) -> None:
    assert refused_build(folder, *options.split()) == f"fgbg-data build: {message}; see fgbg-data build --help"


def test_options_win_over_the_toml_file(folder: Path) -> None:
    toml = folder / "build.toml"
    toml.write_text(f'bg = "{folder}/none"\nseed = 4\nsamples = 3\nformat = ["hdf5"]\n')
    result = run_build(folder, "--config", str(toml), "--samples", "5")
    assert result.exit_code == 0, result.output
    manifest = json.loads((folder / "out" / "dataset.json").read_text())
    config = manifest["identity"]["config"]
    assert (config["seed"], config["samples"], config["format"]) == (4, 5, ["hdf5"])
    shutil.rmtree(folder / "out")
    toml.write_text("seeds = 4\n")
    assert refused_build(folder, "--config", str(toml)) == f"{toml}: 'seeds' is no option; did you mean 'seed'?"
    assert refused_build(folder, "--config", str(folder / "no.toml")).startswith(
        f"{folder / 'no.toml'}: cannot be read (No"
    )


# --- the dry run -------------------------------------------------------------------------------------------


def test_dry_run_counts_the_classic_set(tmp_path: Path) -> None:
    """102 x 104 sources give exactly 424,320 samples; nothing is written."""
    (tmp_path / "bg").mkdir()
    (tmp_path / "fg").mkdir()
    for number in range(102):
        Image.new("RGB", (8, 8), (number, 2, 3)).save(tmp_path / "bg" / f"b{number}.png")
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


def test_the_dry_run_refuses_what_the_build_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (made := folder / "out").mkdir()
    with build_lock(made):
        held = [run_build(folder, *more) for more in ((), ("--dry-run",))]
    monkeypatch.setattr("fgbg_data.building.forecast.free_bytes", lambda path: 1000)
    full = [run_build(folder, *more) for more in ((), ("--dry-run",))]
    idle = [run_build(folder, "--depth", "none", "--relief", "0.9", *more) for more in ((), ("--dry-run",))]
    same = [run_build(folder, "--bg", str(folder / "fg"), *more) for more in ((), ("--dry-run",))]
    for (real, dry), text in (
        (held, f"{made}: another build is running on this folder"),
        (full, "1.0 kB are free"),
        (idle, "--relief 0.9: has no effect here; it needs an estimator, and this is --depth none"),
        (same, "are one folder"),
    ):
        assert text in real.stderr
        assert dry.stderr == real.stderr
        assert dry.exit_code == real.exit_code == 2


def test_the_dry_run_says_where_few_sources_change_the_shares(folder: Path) -> None:
    few = run_build(folder, "--val", "0.1", "--dry-run").stdout
    text = (
        "val has 1 of 4 backgrounds, which is 25%: the share of 10% that was asked for is rounded up to whole pictures"
    )
    assert few.splitlines().count(f"note: {text}") == 1
    assert few.count("val has") == 1
    assert "was asked for" not in run_build(folder, "--val", "0.25", "--dry-run").stdout


def test_dry_run_predicts_the_size(folder: Path) -> None:
    options = ("--positions", "4", "--format", "tar,hdf5", "--hdf5-layout", "encoded", "--size", "96")
    result = run_build(folder, *options, "--dry-run")
    amount, unit = re.search(r"expected: ([\d.]+) (\w+)", result.stdout).groups()  # type: ignore[union-attr]
    expected = float(amount) * {"kB": 1e3, "MB": 1e6}[unit]
    assert run_build(folder, *options).exit_code == 0
    real = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.suffix in (".tar", ".h5"))
    assert real == pytest.approx(expected, rel=0.15)


def test_dry_run_counts_the_samples_asked_for_and_the_shards_that_are_finished(folder: Path) -> None:
    result = run_build(folder, "--samples", "1", "--no-mirror", "--dry-run")
    assert result.stdout.splitlines()[0] == (
        "4 backgrounds x 3 foregrounds x 1 position = 12 samples; this build makes 1 of them"
    )
    assert "with 1 worker\n" in result.stdout
    assert not (folder / "out").exists()
    assert run_build(folder, "--shard-size", "10").exit_code == 0
    (folder / "out" / "train" / "fgbg-train-000001.json").unlink()
    before = snapshot(folder)
    result = run_build(folder, "--shard-size", "10", "--dry-run")
    assert "2 of 3 shards are finished already" in result.stdout
    assert snapshot(folder) == before
    assert "holds another dataset" in refused_build(folder, "--dry-run", "--seed", "3")


# --- the command itself ------------------------------------------------------------------------------------


def test_a_build_ends_with_a_summary(folder: Path) -> None:
    result = run_build(folder, "--samples", "6", "--val", "0.2")
    assert result.exit_code == 0, result.output
    out = folder / "out"
    assert f"{out}: 6 samples (train 5, val 1), " in result.stdout
    assert f"look at {out / 'preview.png'}; {out / 'README.md'} says what the dataset is" in result.stdout
    assert re.search(r"image .*uint8 .*6 .*32 x 32 x 3", result.stdout)


def test_help_begins_with_an_example() -> None:
    result = CliRunner().invoke(cli.main, ["build", "--help"])
    assert result.exit_code == 0
    assert "fgbg-data build --bg bg/ --fg fg/ --out shards/" in result.stdout


def test_help_shows_the_real_defaults() -> None:
    from dataclasses import MISSING, fields

    from fgbg_data.config import BuildConfig

    texts = {
        option.name: option.help or ""
        for option in cli.main.commands["build"].params
        if isinstance(option, click.Option)
    }
    for field in fields(BuildConfig):
        shown = re.search(r"\[(.*)\]$", texts[field.name])
        if field.type is bool and field.name not in ("mirror", "occlude"):
            assert not field.default
            assert not shown
            continue
        assert shown, field.name
        words: dict[Any, str] = {MISSING: "required", None: "", ("tar",): "tar", ("over",): "over", (): "none"}
        expected = (
            field.name
            if field.name in ("mirror", "occlude")
            else words.get(
                field.default, f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            )
        )
        assert expected in shown[1], field.name


def test_a_refusal_ends_the_process_with_status_2_and_one_line(tmp_path: Path) -> None:
    done = run_build_process("--bg", tmp_path / "none", "--fg", tmp_path / "fg", "--out", tmp_path / "out", *QUICK)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"fgbg-data: {tmp_path / 'none'}: there is no such folder; --bg expects the folder of the background pictures\n"
    )

"""`fgbg-data build` as a user types it: what it refuses and how it says so, the dry run, and the help."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support import contents

from fgbg_data import cli
from fgbg_data.storage import build_lock

QUICK = ["--depth", "none", "--size", "32", "--positions", "1", "--jobs", "1", "--val", "0", "--test", "0"]


@pytest.fixture
def folder(pictures: Path, tmp_path: Path) -> Path:
    """A copy of the pictures to spoil."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    return tmp_path


def build(folder: Path, *options: str, **places: Path) -> Result:
    places = {"bg": folder / "bg", "fg": folder / "fg", "out": folder / "out"} | places
    arguments = [text for name, place in places.items() for text in (f"--{name}", str(place))]
    return CliRunner().invoke(cli.main, ["build", *arguments, *QUICK, *options])


def snapshot(folder: Path) -> dict[str, Any]:
    """Everything below a folder, to see that nothing was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
        for path in folder.rglob("*")
    }


def said(result: Result, *, lines: int = 1) -> str:
    """The message of a refusal, after checking that it is one."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert result.stderr.startswith("fgbg-data: ")
    assert len(result.stderr.splitlines()) == lines, result.stderr
    return result.stderr.strip().removeprefix("fgbg-data: ")


def refused(folder: Path, *options: str, lines: int = 1, **places: Path) -> str:
    """The message of a refusal that writes nothing."""
    before = snapshot(folder)
    message = said(build(folder, *options, **places), lines=lines)
    assert snapshot(folder) == before
    return message


# --- folders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "kind"), [("bg", "background"), ("fg", "foreground")])
def test_missing_and_empty_folders(option: str, kind: str, folder: Path) -> None:
    none, empty, file = folder / "none", folder / "empty", folder / "file"
    empty.mkdir()
    (empty / "notes.txt").write_text("x")
    file.write_text("x")
    expected = f"--{option} expects the folder of the {kind} pictures"
    assert refused(folder, **{option: none}) == f"{none}: there is no such folder; {expected}"
    assert refused(folder, **{option: file}) == f"{file}: is a file; {expected}"
    assert refused(folder, **{option: empty}) == (
        f"{empty}: holds no picture (found 1 .txt); --{option} expects files .bmp, .gif, .jpeg, .jpg, .png, .tif, "
        ".tiff, .webp, here or in subfolders"
    )


def test_the_second_folder_is_looked_at_before_the_first_is_decoded(folder: Path) -> None:
    (folder / "bg" / "bad.png").write_text("x")
    assert refused(folder, fg=folder / "none").startswith(f"{folder / 'none'}: there is no such folder")


def test_folders_that_are_not_given(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["build", "--bg", str(tmp_path)])
    assert said(result) == "--fg and --out missing: say where the folder is; see fgbg-data build --help"


def test_out_inside_the_sources_and_the_other_way_round(folder: Path) -> None:
    for option in ("bg", "fg"):
        source = folder / option
        for out in (source, source / "shards", folder / "x" / ".." / option / "deep" / "shards"):
            assert refused(folder, out=out) == (
                f"--out {out}: lies inside --{option} {source}, where the next build would take its pictures for "
                "sources. Choose a folder outside"
            )
    assert refused(folder, out=folder) == f"--bg {folder / 'bg'}: lies inside --out {folder}. Choose another --out"
    (folder / "link").symlink_to(folder / "bg")
    assert "lies inside --bg" in refused(folder, out=folder / "link" / "shards")


def test_a_neighbour_with_a_like_name_is_no_part_of_the_sources(folder: Path) -> None:
    assert build(folder, "--samples", "2", out=folder / "bg-shards").exit_code == 0


def test_out_is_a_file_or_below_one(folder: Path) -> None:
    file = folder / "file"
    file.write_text("x")
    assert refused(folder, out=file) == f"--out {file}: is a file. Choose another folder"
    below = file / "deep" / "shards"
    assert refused(folder, out=below) == f"--out {below}: {file} is a file. Choose another folder"


def test_out_that_is_no_dataset_and_not_empty(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    for name in ("thesis.doc", "a.txt", "b.txt", "c.txt"):
        (out / name).write_text("precious")
    for options in ((), ("--overwrite",), ("--dry-run",)):
        assert refused(folder, *options) == (
            f"{out}: is not empty and holds no dataset.json (found a.txt, b.txt, c.txt). Choose a new folder for --out"
        )


def test_an_empty_folder_is_taken(folder: Path) -> None:
    (folder / "out").mkdir()
    assert build(folder).exit_code == 0


def test_another_build_on_the_same_folder(folder: Path) -> None:
    assert build(folder).exit_code == 0
    before = snapshot(folder)
    with build_lock(folder / "out"):
        message = said(build(folder))
    assert message == (
        f"{folder / 'out'}: another build is running on this folder. Wait for it, or stop it, or choose another --out"
    )
    assert {name: value[1] for name, value in snapshot(folder).items()} == {
        name: value[1] for name, value in before.items()
    }
    assert build(folder).exit_code == 0


# --- pictures ----------------------------------------------------------------------------------------------


def test_no_foreground_has_transparency(folder: Path) -> None:
    shutil.copytree(folder / "bg", folder / "photos")
    for number in range(3):
        Image.new("RGBA", (9, 9), (number, 0, 0, 255)).save(folder / "photos" / f"opaque{number}.png")
    expected = (
        f"{folder / 'photos'}: no foreground has transparency (opaque0.png, opaque1.png, opaque2.png, room0.jpg, "
        "room1.jpg and 2 more). A cut-out needs an alpha channel: cut the object out and save it as PNG or WebP with "
        "transparency"
    )
    assert refused(folder, fg=folder / "photos") == expected
    assert refused(folder, "--skip-bad", fg=folder / "photos") == expected


def spoil(folder: Path) -> list[str]:
    """Add bad pictures of many kinds; return what must be said of each."""
    data = (folder / "bg" / "room0.jpg").read_bytes()
    (folder / "bg" / "cut.jpg").write_bytes(data[: len(data) // 2])
    (folder / "bg" / "deep").mkdir()
    (folder / "bg" / "deep" / "text [draft].png").write_text("not a picture")
    (folder / "bg" / "zero.webp").touch()
    Image.fromarray(np.zeros((8, 8, 4), np.uint8)).save(folder / "fg" / "clear.png")
    Image.new("RGB", (8, 8)).save(folder / "fg" / "photo.png")
    return [
        rf"  {folder}/bg/cut\.jpg: cannot be read \(.+\)",
        rf"  {folder}/bg/deep/text \[draft\]\.png: is no picture of a known kind \(13 bytes\)",
        rf"  {folder}/bg/zero\.webp: is empty \(0 bytes\)",
        rf"  {folder}/fg/clear\.png: is transparent everywhere; nothing of it would be visible",
        rf"  {folder}/fg/photo\.png: has no alpha channel; a foreground is a cut-out with transparency",
    ]


def test_bad_pictures_are_all_listed_before_anything_is_written(folder: Path) -> None:
    expected = spoil(folder)
    found = refused(folder, lines=6).splitlines()
    assert found[0] == "5 pictures cannot be used. Mend or remove them, or go on without them with --skip-bad:"
    for line, pattern in zip(found[1:], expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_skip_bad_goes_on_and_records(folder: Path) -> None:
    spoil(folder)
    result = build(folder, "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "skipped background deep/text [draft].png: is no picture of a known kind (13 bytes)" in result.stderr
    manifest = json.loads((folder / "out" / "dataset.json").read_text())
    skipped = [(entry["kind"], entry["file"]) for entry in manifest["identity"]["skipped"]]
    assert skipped == [
        ("background", "cut.jpg"),
        ("background", "deep/text [draft].png"),
        ("background", "zero.webp"),
        ("foreground", "clear.png"),
        ("foreground", "photo.png"),
    ]
    assert [source["id"] for source in manifest["identity"]["sources"]["backgrounds"]] == [
        f"room{number}" for number in range(4)
    ]
    assert str(folder) not in (folder / "out" / "dataset.json").read_text()
    (folder / "bg" / "zero.webp").unlink()
    assert "pictures left out by --skip-bad (5 there, 4 here)" in said_without_progress(build(folder, "--skip-bad"))


def said_without_progress(result: Result) -> str:
    """The message of a refusal that comes after lines about skipped pictures."""
    assert result.exit_code == 2
    return next(line for line in result.stderr.splitlines() if line.startswith("fgbg-data: "))


def test_nothing_is_left_after_skip_bad(folder: Path) -> None:
    for path in (folder / "bg").iterdir():
        path.write_text("x")
    assert refused(folder, "--skip-bad") == (
        f"{folder / 'bg'}: no background is left after --skip-bad; without that option every problem is listed"
    )


def test_one_bad_picture_is_told_in_the_singular(folder: Path) -> None:
    (folder / "bg" / "zero.png").touch()
    assert refused(folder, lines=2).splitlines()[0] == (
        "1 picture cannot be used. Mend or remove it, or go on without it with --skip-bad:"
    )


def test_a_wrong_sources_csv_is_told_with_the_pictures(folder: Path) -> None:
    (folder / "fg" / "sources.csv").write_text("file,licence\nthing9.png,CC0\n")
    assert refused(folder, lines=2).splitlines()[1] == (
        f"  {folder / 'fg' / 'sources.csv'}: names 'thing9.png', which is not in the folder"
    )


def test_sources_csv_reaches_the_manifest_and_the_card(folder: Path) -> None:
    """Also where a background and a foreground share an id."""
    Image.open(folder / "bg" / "room0.jpg").save(folder / "bg" / "thing0.jpg")
    (folder / "bg" / "sources.csv").write_text("file,licence,author\nthing0.jpg,CC0-1.0,Ann\n")
    (folder / "fg" / "sources.csv").write_text("file,licence,author\nthing0.png,CC-BY-4.0,Bob\n")
    assert build(folder).exit_code == 0
    provenance = json.loads((folder / "out" / "dataset.json").read_text())["provenance"]
    assert provenance == {
        "backgrounds/thing0": {"licence": "CC0-1.0", "author": "Ann"},
        "foregrounds/thing0": {"licence": "CC-BY-4.0", "author": "Bob"},
    }
    card = (folder / "out" / "README.md").read_text()
    assert "| CC-BY-4.0 | 1 |" in card
    assert "| not recorded | 6 |" in card
    assert "Authors: Ann, Bob." in card
    (folder / "bg" / "sources.csv").write_text("file,licence,author\nthing0.jpg,CC0-1.0,Cleo\n")
    result = build(folder)  # no other dataset: the pictures are the same
    assert result.exit_code == 0, result.output
    assert "Authors: Bob, Cleo." in (folder / "out" / "README.md").read_text()


@pytest.mark.parametrize("options", [("--scale", "native"), ("--scale", "0.5:1.5")], ids=["native", "scale"])
def test_a_cutout_that_cannot_fit(options: tuple[str, str], folder: Path) -> None:
    message = refused(folder, *options)
    assert "cannot fit on a 32x32 canvas" in message
    assert f"--scale {options[1]} --truncate 0" in message
    for number in range(3):
        assert f"thing{number} (" in message
    assert "Use a larger --size, a smaller --scale, or a larger --truncate" in message
    assert build(folder, *options, "--truncate", "0.9").exit_code == 0


def test_too_few_sources_for_the_splits(folder: Path) -> None:
    for path in sorted((folder / "bg").iterdir())[2:]:
        path.unlink()
    message = refused(folder, "--val", "0.1", "--test", "0.1")
    assert "needs more backgrounds than the 2 there are (at least 3)" in message
    assert "Add backgrounds, set --val 0 or --test 0, or use --holdout sample" in message
    assert "--samples 2: fewer than the 3 splits" in refused(
        folder, "--holdout", "foreground", "--val", "0.1", "--test", "0.1", "--samples", "2"
    )


# --- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--fit covr", "--fit 'covr': expected one of cover, stretch; did you mean 'cover'?"),
        (
            "--depth tinny",
            "--depth 'tinny': there is no such estimator; did you mean 'tiny'? `fgbg-data estimators` lists them all",
        ),
        ("--format zip", "--format 'zip': expected one of tar, hdf5"),
        ("--holdout fg", "--holdout 'fg': expected one of background, foreground, both, sample"),
        ("--image-format jpeg", "--image-format 'jpeg': expected one of jpg, png; did you mean 'jpg'?"),
        ("--hdf5-layout x", "--hdf5-layout 'x': expected one of pixels, encoded"),
        ("--device gpu", "--device 'gpu': expected one of auto, cpu, cuda"),
        ("--size 3", "--size 3: expected sides of 8 to 8192 pixels"),
        ("--scale 1", "--scale '1': expected LOW:HIGH, such as 0.4:0.7, or native"),
        ("--truncate 1", "--truncate 1.0: expected a share of at least 0 and below 1"),
        ("--samples 0", "--samples 0: expected at least 1"),
        ("--val nan", "--val nan --test 0.0: expected shares of at least 0 that leave some to train"),
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


# --- another dataset in the folder --------------------------------------------------------------------------


def test_another_plan_in_the_folder_is_named_and_can_be_replaced(folder: Path) -> None:
    """`--overwrite` replaces the dataset, and deletes only files that it names."""
    out = folder / "out"
    other = (
        "--seed",
        "1",
        "--no-mirror",
        "--samples",
        "9",
        "--shard-size",
        "4",
        "--format",
        "tar,hdf5",
        "--val",
        "0.3",
    )
    assert build(folder, *other).exit_code == 0
    (folder / "bg" / "new.jpg").write_bytes((folder / "bg" / "room1.jpg").read_bytes())
    message = refused(folder)
    assert message.startswith(f"{out}: holds another dataset (fingerprint ")
    for part in (
        "--seed (1 there, 0 here)",
        "--mirror (no there, yes here)",
        "--samples (9 there, all here)",
        "--shard-size (4 there, 1000 here)",
        "--format (tar,hdf5 there, tar here)",
        "--val (0.3 there, 0.0 here)",
        "backgrounds (0 gone or changed, 1 new)",
    ):
        assert part in message
    assert "--quality" not in message
    assert "hdf5-layout" not in message  # follows from --format
    assert message.endswith("Use a new folder, or --overwrite to replace it")

    for name in ("notes.txt", "val/mine.tar", "train/mine/precious.tar"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
    result = build(folder, "--overwrite")
    assert result.exit_code == 0, result.output
    assert build(folder, out=folder / "fresh").exit_code == 0
    mine = {"notes.txt": b"mine", "val/mine.tar": b"mine", "train/mine/precious.tar": b"mine"}
    assert contents(out) == contents(folder / "fresh") | mine
    again = contents(out)
    assert build(folder, "--overwrite").exit_code == 0  # nothing to replace: it is this dataset
    assert contents(out) == again


def test_what_differs_in_depth_is_said_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fgbg_data import depth

    monkeypatch.setitem(depth.ESTIMATORS, "fake", "support:FakeEstimator")
    assert build(folder, "--depth", "fake").exit_code == 0
    assert "differs in: --depth (fake there, none here))." in refused(folder)
    message = refused(folder, "--depth", "fake", "--estimator-batch", "2")
    assert "differs in: estimator's batch_size (4 there, 2 here))." in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"format_version": 1}',
        '{"format_version": 99}',
        '{"format_version": 1, "complete": true, "fingerprint": "x", "identity": null, "fields": {}, "splits": {}}',
        '{"format_version": 1, "complete": true, "fingerprint": 7, "identity": {}, "fields": {}, "splits": []}',
    ],
)
@pytest.mark.parametrize("options", [(), ("--overwrite",)], ids=["plain", "overwrite"])
def test_a_damaged_manifest(text: str, options: tuple[str, ...], folder: Path) -> None:
    assert build(folder, "--samples", "2").exit_code == 0
    (folder / "out" / "dataset.json").write_text(text)
    message = refused(folder, "--samples", "2", *options)
    assert str(folder / "out") in message
    assert "dataset.json" in message
    assert re.search("new folder|anew|Install the version", message), message


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
    options = [parameter for parameter in cli.build.params if isinstance(parameter, click.Option)]
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

    texts = {option.name: option.help or "" for option in cli.build.params if isinstance(option, click.Option)}
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


def as_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fgbg_data.cli", "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_refusal_as_a_process(tmp_path: Path) -> None:
    done = as_a_process("--bg", tmp_path / "none", "--fg", tmp_path / "fg", "--out", tmp_path / "out", *QUICK)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"fgbg-data: {tmp_path / 'none'}: there is no such folder; --bg expects the folder of the background pictures\n"
    )


def test_bad_pictures_as_a_process(folder: Path) -> None:
    """With threads, as the default has them, and no stray output of a decoder."""
    spoil(folder)
    before = snapshot(folder)
    done = as_a_process("--bg", folder / "bg", "--fg", folder / "fg", "--out", folder / "out", "--depth", "none")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("fgbg-data: 5 pictures cannot be used.")
    assert len(lines) == 6
    assert snapshot(folder) == before

"""`fgbg-data build` with unusable pictures: it lists all of them, or goes on without them when asked."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from helpers.build_command import refused_build, run_build, run_build_process, snapshot
from helpers.tiff_files import tiff
from PIL import Image


def test_foregrounds_without_any_transparency_are_refused(folder: Path) -> None:
    shutil.copytree(folder / "bg", folder / "photos")
    for number in range(3):
        Image.new("RGBA", (9, 9), (number, 0, 0, 255)).save(folder / "photos" / f"opaque{number}.png")
    expected = (
        f"{folder / 'photos'}: no foreground has transparency (opaque0.png, opaque1.png, opaque2.png, room0.jpg, "
        "room1.jpg and 2 more). A cut-out needs an alpha channel: cut the object out and save it as PNG or WebP with "
        "transparency"
    )
    assert refused_build(folder, fg=folder / "photos") == expected
    assert refused_build(folder, "--skip-bad", fg=folder / "photos") == expected


def test_foregrounds_whose_alpha_is_not_marked_are_refused_for_that_reason(folder: Path) -> None:
    (folder / "unmarked").mkdir()
    pixels = np.full((9, 9, 4), 200, np.uint8)
    pixels[2:7, 2:7, 3] = 0
    (folder / "unmarked" / "a.tif").write_bytes(tiff(pixels, 2, (0,)))
    refused = refused_build(folder, fg=folder / "unmarked", lines=2)
    assert "a.tif: has a channel that it does not call alpha (TIFF ExtraSamples 0)" in refused


def spoil(folder: Path) -> list[str]:
    """Add bad pictures of many kinds; return the problem that must be reported for each."""
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
    found = refused_build(folder, lines=6).splitlines()
    assert found[0] == "5 pictures cannot be used. Mend or remove them, or go on without them with --skip-bad:"
    for line, pattern in zip(found[1:], expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_skip_bad_goes_on_and_records_what_it_skipped(folder: Path) -> None:
    spoil(folder)
    result = run_build(folder, "--skip-bad")
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
    assert "--skip-bad left out 5 pictures and leaves out 4 now" in message_after_skipped_pictures(
        run_build(folder, "--skip-bad")
    )


def message_after_skipped_pictures(result: Result) -> str:
    """The message of a refusal that comes after lines about skipped pictures."""
    assert result.exit_code == 2
    return next(line for line in result.stderr.splitlines() if line.startswith("fgbg-data: "))


def test_skip_bad_refuses_when_no_picture_is_left(folder: Path) -> None:
    for path in (folder / "bg").iterdir():
        path.write_text("x")
    assert refused_build(folder, "--skip-bad") == (
        f"{folder / 'bg'}: no background is left after --skip-bad; without it every problem is listed"
    )


def test_one_bad_picture_is_named_in_the_singular(folder: Path) -> None:
    (folder / "bg" / "zero.png").touch()
    assert refused_build(folder, lines=2).splitlines()[0] == (
        "1 picture cannot be used. Mend or remove it, or go on without it with --skip-bad:"
    )


def test_wrong_lines_of_sources_csv_are_listed_with_the_pictures(folder: Path) -> None:
    (folder / "fg" / "sources.csv").write_text("file,licence\nthing9.png,CC0\n")
    assert refused_build(folder, lines=2).splitlines()[1] == (
        f"  {folder / 'fg' / 'sources.csv'}: names 'thing9.png', which is not in the folder"
    )


def test_sources_csv_reaches_the_manifest_and_the_card(folder: Path) -> None:
    """Also where a background and a foreground share an id."""
    Image.open(folder / "bg" / "room0.jpg").save(folder / "bg" / "thing0.jpg")
    (folder / "bg" / "sources.csv").write_text("file,licence,author\nthing0.jpg,CC0-1.0,Ann\n")
    (folder / "fg" / "sources.csv").write_text("file,licence,author\nthing0.png,CC-BY-4.0,Bob\n")
    assert run_build(folder).exit_code == 0
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
    result = run_build(folder)  # no other dataset: the pictures are the same
    assert result.exit_code == 0, result.output
    assert "Authors: Bob, Cleo." in (folder / "out" / "README.md").read_text()


@pytest.mark.parametrize("options", [("--scale", "native"), ("--scale", "0.5:1.5")], ids=["native", "scale"])
def test_cutouts_that_cannot_fit_are_named_with_the_options_that_help(options: tuple[str, str], folder: Path) -> None:
    message = refused_build(folder, *options)
    assert "cannot fit on a 32x32 canvas" in message
    assert f"--scale {options[1]} and --truncate 0" in message
    for number in range(3):
        assert f"thing{number} (" in message
    assert "Use a larger --size, a smaller --scale, or a larger --truncate" in message
    assert run_build(folder, *options, "--truncate", "0.9").exit_code == 0


def test_too_few_sources_are_refused_with_the_options_that_help(folder: Path) -> None:
    for path in sorted((folder / "bg").iterdir())[2:]:
        path.unlink()
    message = refused_build(folder, "--val", "0.1", "--test", "0.1")
    assert "needs at least 3 backgrounds, found 2. " in message
    assert "Add backgrounds, set --val 0 or --test 0, or use --holdout sample" in message
    assert "--samples 2: fewer than the 3 splits" in refused_build(
        folder, "--holdout", "foreground", "--val", "0.1", "--test", "0.1", "--samples", "2"
    )


def test_bad_pictures_end_the_process_with_one_list_and_no_stray_output(folder: Path) -> None:
    """With threads, as the default has them, and no stray output of a decoder."""
    spoil(folder)
    before = snapshot(folder)
    done = run_build_process("--bg", folder / "bg", "--fg", folder / "fg", "--out", folder / "out", "--depth", "none")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("fgbg-data: 5 pictures cannot be used.")
    assert len(lines) == 6
    assert snapshot(folder) == before

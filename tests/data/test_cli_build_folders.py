"""`fgbg-data build` and its folders: missing sources are refused, and an output folder that holds something else."""

import os
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.build_command import message_of, refused_build, run_build, snapshot
from helpers.datasets import contents

from fgbg_data import cli
from fgbg_data.runtime.locks import build_lock


@pytest.mark.parametrize(("option", "kind"), [("bg", "background"), ("fg", "foreground")])
def test_missing_and_empty_source_folders_are_refused(option: str, kind: str, folder: Path) -> None:
    none, empty, file = folder / "none", folder / "empty", folder / "file"
    empty.mkdir()
    (empty / "notes.txt").write_text("x")
    file.write_text("x")
    expected = f"--{option} expects the folder of the {kind} pictures"
    assert refused_build(folder, **{option: none}) == f"{none}: there is no such folder; {expected}"
    assert refused_build(folder, **{option: file}) == f"{file}: is a file; {expected}"
    assert refused_build(folder, **{option: empty}) == (
        f"{empty}: holds no picture (found 1 .txt); --{option} expects files .avif, .bmp, .gif, .heic, .heif, "
        ".jfif, .jpe, .jpeg, .jpg, .jxl, .png, .tif, .tiff, .webp, here or in subfolders"
    )


def test_both_folders_are_checked_before_a_picture_is_decoded(folder: Path) -> None:
    (folder / "bg" / "bad.png").write_text("x")
    assert refused_build(folder, fg=folder / "none").startswith(f"{folder / 'none'}: there is no such folder")


def test_missing_options_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["build", "--bg", str(tmp_path)])
    assert message_of(result) == "--fg and --out missing: name the folder; see fgbg-data build --help"


def test_overlapping_folders_are_refused(folder: Path) -> None:
    for option in ("bg", "fg"):
        source = folder / option
        for out in (source, source / "shards", folder / "x" / ".." / option / "deep" / "shards"):
            assert refused_build(folder, out=out) == (
                f"--out {out}: lies inside --{option} {source}, where the next build would take its pictures for "
                "sources. Choose a folder outside"
            )
    assert (
        refused_build(folder, out=folder) == f"--bg {folder / 'bg'}: lies inside --out {folder}. Choose another --out"
    )
    (folder / "link").symlink_to(folder / "bg")
    assert "lies inside --bg" in refused_build(folder, out=folder / "link" / "shards")


def test_an_output_folder_with_a_similar_name_is_accepted(folder: Path) -> None:
    assert run_build(folder, "--samples", "2", out=folder / "bg-shards").exit_code == 0


def test_an_output_that_is_a_file_or_below_one_is_refused(folder: Path) -> None:
    file = folder / "file"
    file.write_text("x")
    assert refused_build(folder, out=file) == f"--out {file}: is a file. Choose another folder"
    below = file / "deep" / "shards"
    assert refused_build(folder, out=below) == f"--out {below}: {file} is a file. Choose another folder"


def test_an_output_folder_with_other_files_is_refused(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    for name in ("thesis.doc", "a.txt", "b.txt", "c.txt"):
        (out / name).write_text("precious")
    for options in ((), ("--overwrite",), ("--dry-run",)):
        assert refused_build(folder, *options) == (
            f"{out}: is not empty and holds no dataset.json (found a.txt, b.txt, c.txt). Choose a new folder for --out"
        )


def test_an_empty_output_folder_is_accepted(folder: Path) -> None:
    (folder / "out").mkdir()
    assert run_build(folder).exit_code == 0


def test_a_second_build_on_one_folder_is_refused(folder: Path) -> None:
    assert run_build(folder).exit_code == 0
    before = snapshot(folder)
    with build_lock(folder / "out"):
        message = message_of(run_build(folder))
    assert message == (
        f"{folder / 'out'}: another build is running on this folder (process {os.getpid()} of {socket.gethostname()}). "
        "Wait for it, or stop it, or choose another --out"
    )
    assert {name: value[1] for name, value in snapshot(folder).items()} == {
        name: value[1] for name, value in before.items()
    }
    assert run_build(folder).exit_code == 0


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
    assert run_build(folder, *other).exit_code == 0
    (folder / "bg" / "new.jpg").write_bytes((folder / "bg" / "room1.jpg").read_bytes())
    message = refused_build(folder)
    assert message.startswith(f"{out}: holds another dataset (fingerprint ")
    for part in (
        "--seed was 1 and is 0 now",
        "--mirror was no and is yes now",
        "--samples was 9 and is all now",
        "--shard-size was 4 and is 1000 now",
        "--format was tar,hdf5 and is tar now",
        "--val was 0.3 and is 0.0 now",
        "backgrounds: 0 gone or changed, 1 new",
    ):
        assert part in message
    assert "--quality" not in message
    assert "hdf5-layout" not in message  # follows from --format
    assert message.endswith("Use a new folder, or --overwrite to replace it")

    for name in ("notes.txt", "val/mine.tar", "train/mine/precious.tar"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
    result = run_build(folder, "--overwrite")
    assert result.exit_code == 0, result.output
    assert run_build(folder, out=folder / "fresh").exit_code == 0
    mine = {"notes.txt": b"mine", "val/mine.tar": b"mine", "train/mine/precious.tar": b"mine"}
    assert contents(out) == contents(folder / "fresh") | mine
    again = contents(out)
    assert run_build(folder, "--overwrite").exit_code == 0  # nothing to replace: it is this dataset
    assert contents(out) == again


def test_a_difference_in_depth_is_named_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    assert run_build(folder, "--depth", "fake").exit_code == 0
    assert "): --depth was fake and is none now. Use" in refused_build(folder)
    message = refused_build(folder, "--depth", "fake", "--estimator-batch", "2")
    assert "): the estimator's batch_size was 4 and is 2 now. Use" in message


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
def test_a_damaged_manifest_is_refused_with_advice(text: str, options: tuple[str, ...], folder: Path) -> None:
    assert run_build(folder, "--samples", "2").exit_code == 0
    (folder / "out" / "dataset.json").write_text(text)
    message = refused_build(folder, "--samples", "2", *options)
    assert str(folder / "out") in message
    assert "dataset.json" in message
    assert re.search("new folder|anew|Install the version", message), message

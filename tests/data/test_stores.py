"""Datasets and sources behind URLs: the same bytes as in a folder, resumed, and refused in one line."""

import importlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner
from helpers.build_command import message_of
from helpers.datasets import contents
from helpers.source_pictures import draw_pictures
from helpers.stores import FailingFileSystem, failing_store, memory_store, stored

from fgbg_data import BuildConfig, build, cli, convert, merge, open_dataset, plan_build, relabel, resplit, stats, verify
from fgbg_data.errors import ConfigError, FgbgError, FingerprintError, StorageError
from fgbg_data.runtime import locations, mirror, remote
from fgbg_data.runtime.files import write_text, write_whole
from fgbg_data.runtime.scratch import cache_folder, local_folder

OPTIONS: dict[str, Any] = {
    "depth": "none",
    "size": 32,
    "positions": 2,
    "shard_size": 6,
    "val": 0.3,
    "test": 0.0,
    "jobs": 1,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    return draw_pictures(folder, backgrounds=3, foregrounds=2)


@pytest.fixture(scope="module")
def local(sources: Path) -> Path:
    """The dataset that every test below makes behind a URL, made in a folder."""
    build(BuildConfig(bg=sources / "bg", fg=sources / "fg", out=sources / "local", **OPTIONS), progress=False)
    return sources / "local"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fgbg-data"


def config(sources: Path, out: str, **options: Any) -> BuildConfig:
    return BuildConfig(**(OPTIONS | {"bg": sources / "bg", "fg": sources / "fg", "out": out} | options))


# --- what is made -----------------------------------------------------------------------------------------


def test_a_build_into_a_url_writes_the_bytes_of_a_local_build_and_leaves_nothing_here(
    sources: Path, local: Path, cache: Path
) -> None:
    with memory_store() as url:
        manifest = build(config(sources, f"{url}/ds"), progress=False)
        assert manifest.complete
        assert stored(f"{url}/ds") == contents(local)
        assert verify(f"{url}/ds", jobs=1).ok
        assert not [path for path in cache.rglob("*") if path.is_file()]
        assert open_dataset(f"{url}/ds")[0].key == open_dataset(local)[0].key


def test_a_file_url_is_a_local_folder(sources: Path, local: Path, tmp_path: Path) -> None:
    build(config(sources, f"file://{tmp_path}/ds", bg=f"file://{sources}/bg"), progress=False)
    assert contents(tmp_path / "ds") == contents(local)


def test_sources_behind_urls_are_copied_once_and_give_the_same_dataset(sources: Path, local: Path, cache: Path) -> None:
    with memory_store() as url:
        fsspec.filesystem("memory").put(str(sources / "bg"), "/bucket/bg", recursive=True)
        fsspec.filesystem("memory").put(str(sources / "fg"), "/bucket/fg", recursive=True)
        remote_sources = {"bg": f"{url}/bg", "fg": f"{url}/fg"}
        build(config(sources, f"{url}/ds", **remote_sources), progress=False)
        assert stored(f"{url}/ds") == contents(local)
        copies = {path: path.stat().st_mtime_ns for path in cache.rglob("*.jpg")}
        assert len(copies) == 3
        assert plan_build(config(sources, f"{url}/ds", **remote_sources), progress=False).finished_shards == 5
        assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.jpg")} == copies
        next(iter(copies)).unlink()  # a copy that was removed is made again
        assert verify(f"{url}/ds", rerender=50, jobs=1, **remote_sources).ok


def test_a_changed_source_behind_a_url_is_copied_again(sources: Path) -> None:
    memory = fsspec.filesystem("memory")
    with memory_store() as url:
        memory.pipe_file("/bucket/bg/a.jpg", b"first")
        memory.pipe_file("/bucket/bg/b.jpg", b"second")
        mirror.copy_folder(f"{url}/bg", lambda name: True, 100)
        folder = mirror.local_folder_of(f"{url}/bg")
        memory.pipe_file("/bucket/bg/a.jpg", b"other")  # of the same length
        memory.rm_file("/bucket/bg/b.jpg")
        mirror.copy_folder(f"{url}/bg", lambda name: True, 100)
        assert {path.name: path.read_bytes() for path in folder.glob("*.jpg")} == {"a.jpg": b"other"}
        memory.pipe_file("/bucket/bg/c.jpg", bytes(96))
        with pytest.raises(StorageError, match="its 2 files are 101 B, and this machine may keep 100 B"):
            mirror.copy_folder(f"{url}/bg", lambda name: True, 100)


@pytest.mark.parametrize("command", ["convert", "folder", "merge", "split", "relabel"])
def test_datasets_are_made_of_datasets_behind_urls(command: str, sources: Path, local: Path, tmp_path: Path) -> None:
    def make(data: str, out: str) -> None:
        if command == "convert":
            convert(data, out, format="tar,hdf5", jobs=1, progress=False)
        if command == "folder":
            convert(data, out, format="folder", jobs=1, progress=False)
        if command == "merge":
            merge([data, data], out, prefixes=["a", "b"], jobs=1, progress=False)
        if command == "split":
            resplit(data, out, val=0.4, test=0, shard_size=5, jobs=1, progress=False)
        if command == "relabel":
            relabel(data, out, depth="fake", jobs=1, progress=False)

    make(str(local), str(tmp_path / "here"))
    with memory_store() as url:
        fsspec.filesystem("memory").put(str(local), "/bucket/ds", recursive=True)
        make(f"{url}/ds", f"{url}/{command}")
        assert stored(f"{url}/{command}") == contents(tmp_path / "here")
        assert verify(f"{url}/{command}", jobs=1).ok


def test_the_reading_commands_take_urls(local: Path, tmp_path: Path) -> None:
    with memory_store() as url:
        fsspec.filesystem("memory").put(str(local), "/bucket/ds", recursive=True)
        assert stats(f"{url}/ds", jobs=1) == stats(local, jobs=1)
        for arguments in (
            ["info", f"{url}/ds"],
            ["verify", f"{url}/ds", "--quick", "--jobs", "1"],
            ["preview", f"{url}/ds", "--out", str(tmp_path / "sheet.png")],
            ["view", f"{url}/ds", "--export", str(tmp_path / "page.html"), "--samples", "2"],
        ):
            done = CliRunner().invoke(cli.main, arguments)
            assert done.exit_code == 0, done.output


# --- stopped and resumed ----------------------------------------------------------------------------------


def test_a_listing_gives_resume_and_check_compares_digests(sources: Path, local: Path) -> None:
    memory = fsspec.filesystem("memory")
    with memory_store() as url:
        build(config(sources, f"{url}/ds"), progress=False)
        memory.rm_file("/bucket/ds/train/fgbg-train-000001.json")
        memory.pipe_file("/bucket/ds/train/fgbg-train-000000.tar", b"cut off")
        name = "/bucket/ds/val/fgbg-val-000000.tar"
        memory.pipe_file(name, bytes(memory.size(name)))
        build(config(sources, f"{url}/ds"), progress=False)
        assert [name for name, data in stored(f"{url}/ds").items() if data != contents(local)[name]] == [
            "val/fgbg-val-000000.tar"
        ]
        build(config(sources, f"{url}/ds", check=True), progress=False)
        assert stored(f"{url}/ds") == contents(local)


def test_requests_that_fail_at_random_change_nothing_and_are_mentioned_once(
    sources: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    with failing_store(0.2) as url:
        with pytest.warns(UserWarning, match="requests are tried again") as seen:
            build(config(sources, f"{url}/ds"), progress=False)
        assert FailingFileSystem.failures > 10
        FailingFileSystem.share = 0.0
        assert stored(f"{url}/ds") == contents(local)
    shown = {str(warning.message) for warning in seen}
    assert shown == {
        "failing://bucket fails or does not answer (Please reduce your request rate); requests are tried again"
    }


@pytest.mark.filterwarnings("ignore:.*requests are tried again")
def test_a_store_that_stays_away_ends_a_build_in_one_line_and_the_next_one_goes_on(
    sources: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.3)
    with failing_store(0.0) as url:
        put = FailingFileSystem.put_file
        made: list[str] = []

        def put_four(self: FailingFileSystem, path: str, target: str, **options: Any) -> None:
            if len(made) == 4:
                raise OSError("connection refused")
            if ".lock" not in target:
                made.append(target)
            put(self, path, target, **options)

        monkeypatch.setattr(FailingFileSystem, "put_file", put_four)
        with pytest.raises(StorageError, match=r"cannot be written \(connection refused; tried again for .* run the"):
            build(config(sources, f"{url}/ds"), progress=False)
        monkeypatch.setattr(FailingFileSystem, "put_file", put)
        assert sorted(stored(f"{url}/ds")) == [
            "dataset.json",
            "train/fgbg-train-000000.json",
            "train/fgbg-train-000000.tar",
            "train/fgbg-train-000001.tar",
        ]
        build(config(sources, f"{url}/ds"), progress=False)
        assert stored(f"{url}/ds") == contents(local)


def test_overwrite_behind_a_url_deletes_only_the_files_of_the_other_dataset(sources: Path, local: Path) -> None:
    with memory_store() as url:
        build(config(sources, f"{url}/ds", positions=3), progress=False)
        write_text(f"{url}/ds/train/mine.txt", "keep")
        with pytest.raises(FingerprintError, match="`positions` was 3 and is 2 now"):
            build(config(sources, f"{url}/ds"), progress=False)
        build(config(sources, f"{url}/ds", overwrite=True), progress=False)
        assert stored(f"{url}/ds") == contents(local) | {"train/mine.txt": b"keep"}


# --- refused ----------------------------------------------------------------------------------------------


def refusal(sources: Path, out: str, *options: str) -> str:
    """Run the command, which must refuse, and return its one line."""
    folders = ["--bg", str(sources / "bg"), "--fg", str(sources / "fg"), "--out", out]
    return message_of(CliRunner().invoke(cli.main, ["build", *folders, "--depth", "none", "--jobs", "1", *options]))


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("nosuch://bucket/ds", "nosuch://bucket/ds: cannot be opened (Protocol not known: nosuch)"),
        (
            "hf://datasets/me/ds",
            "cannot be written to. Build into a folder, and upload it by `fgbg-data push`",
        ),
        ("https://example.org/ds", "https:// does not promise that a file appears whole. Use a local folder"),
        ("gs://bucket/ds", "gs:// needs the package gcsfs. Install it with `pip install gcsfs`"),
    ],
)
def test_urls_that_take_no_dataset_are_refused_in_one_line(sources: Path, out: str, expected: str) -> None:
    assert expected in refusal(sources, out)


def test_a_missing_s3fs_names_the_extra(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # An earlier test may have imported it.
    monkeypatch.setattr(importlib.import_module("fsspec.registry"), "_registry", {})
    assert 's3:// needs the package s3fs. Install it with `pip install "fgbg[s3]"`' in refusal(sources, "s3://b/ds")


def test_a_store_without_permission_to_write_is_refused_before_any_work(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: FailingFileSystem, path: str, data: bytes) -> None:
        raise PermissionError("Access Denied")

    with failing_store(0.0) as url:
        monkeypatch.setattr(FailingFileSystem, "pipe_file", denied)
        assert refusal(sources, f"{url}/ds") == f"{url}/ds: cannot be written (Access Denied)"
        assert stored(url) == {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"cache_gb": 0.0}, "cache_gb=0.0: expected more than 0"),
        ({"cache_gb": 1e-6}, "the unfinished shards of 1 worker take about"),
    ],
)
def test_the_bound_of_the_local_disk_is_kept(sources: Path, options: dict[str, Any], expected: str) -> None:
    with memory_store() as url, pytest.raises(FgbgError, match=expected):
        build(config(sources, f"{url}/ds", **options), progress=False)


def test_out_inside_the_sources_is_refused_behind_urls_too(sources: Path) -> None:
    with memory_store() as url, pytest.raises(ConfigError, match="lies inside bg="):
        plan_build(config(sources, f"{url}/bg/ds", bg=f"{url}/bg"), progress=False)


def test_an_empty_remote_source_folder_is_refused_by_its_url(sources: Path) -> None:
    with memory_store() as url, pytest.raises(FgbgError, match=f"{url}/none: holds no picture"):
        plan_build(config(sources, f"{url}/ds", bg=f"{url}/none"), progress=False)


# --- one file ---------------------------------------------------------------------------------------------


def test_an_error_while_a_file_is_written_puts_nothing(tmp_path: Path) -> None:
    with memory_store() as url:
        with suppress(ZeroDivisionError), write_whole(f"{url}/a.bin", tmp_path) as path:
            path.write_bytes(b"half" + bytes(1 // 0))
        assert stored(url) == {}
        assert list(tmp_path.glob("*.partial")) == []


def test_names_sizes_and_bytes_of_remote_files() -> None:
    with memory_store() as url:
        write_text(f"{url}/ds/train/a.json", "abcdef")
        write_text(f"{url}/ds/b.txt", "xy")
        assert locations.names_in(f"{url}/ds") == {"b.txt": 2, "train": None}
        assert locations.names_in(f"{url}/none") == {}
        assert locations.size(f"{url}/ds/b.txt") == 2
        assert locations.size(f"{url}/ds/train") is None
        assert locations.size(f"{url}/ds/none") is None
        assert bytes(locations.open_bytes(f"{url}/ds/train/a.json")[2:4]) == b"cd"
        locations.remove(f"{url}/ds/b.txt")
        locations.remove(f"{url}/ds/b.txt")
        assert locations.names_in(f"{url}/ds") == {"train": None}


def test_the_local_folder_of_a_url_lies_in_the_cache_and_depends_on_the_url_alone(tmp_path: Path) -> None:
    assert local_folder(tmp_path) == tmp_path
    assert local_folder("s3://bucket/a") == local_folder("s3://bucket/a") != local_folder("s3://bucket/b")
    assert local_folder("s3://bucket/a").is_relative_to(cache_folder())


def test_shards_behind_a_url_are_copied_once_within_a_bound(local: Path) -> None:
    with failing_store(0.0) as url:  # what is in the memory of this process is never copied
        fsspec.filesystem("memory").put(str(local), "/bucket/ds", recursive=True)
        here, there = open_dataset(local), open_dataset(f"{url}/ds", copies_gb=1)
        assert [sample.image.tobytes() for sample in there] == [sample.image.tobytes() for sample in here]
        copies = sorted((cache_folder() / "copies").iterdir())
        assert len(copies) > 1
        largest = max(path.stat().st_size for path in copies)
        bounded = open_dataset(f"{url}/ds", copies_gb=(largest + 10) / 1e9, fields="image,mask")
        for copy in copies:
            copy.unlink()
        assert len(list(bounded)) == len(here)
        assert len(list((cache_folder() / "copies").iterdir())) == 1

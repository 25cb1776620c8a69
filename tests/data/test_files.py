"""Files are written whole or not at all."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fgbg_data.errors import StorageError
from fgbg_data.runtime import files
from fgbg_data.runtime.files import PARTIAL, clear_partials, free_bytes, write_new_text, write_whole


def test_partial_replaces_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    with write_whole(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "one"

    def fail() -> None:
        with write_whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_full_disk_is_one_of_our_errors(tmp_path: Path) -> None:
    def fill() -> None:
        with write_whole(tmp_path / "file") as temporary:
            temporary.touch()
            with open("/dev/full", "wb", buffering=0) as full:
                full.write(b"x")

    with pytest.raises(StorageError, match="file: no space left to write it.*run the same command to go on"):
        fill()
    assert not list(tmp_path.iterdir())


def test_other_trouble_with_the_disk_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()  # a folder is in the way

    def write() -> None:
        with write_whole(tmp_path / "file") as temporary:
            temporary.write_text("x")

    with pytest.raises(StorageError, match="file: cannot be written .*Is a directory.*run the same command to go on"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_hdf5_says_full_in_its_own_way(tmp_path: Path) -> None:
    """A file of limited size stands for a full disk, in a process of its own."""
    code = """
import resource, signal, sys
import numpy
from pathlib import Path
from fgbg_data.runtime.files import write_whole
from fgbg_data.sample import Sample
from fgbg_data.shards import ShardSpec, load_format
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
pixels = numpy.ones((64, 64, 3), "uint8")
sample = Sample(key="k", meta={}, arrays={"image": pixels, "mask": pixels[..., 0]})
spec = ShardSpec(samples=20, image_format="jpg",
                 shapes={"image": (64, 64, 3), "mask": (64, 64)}, depth_bits=0)
with write_whole(Path(sys.argv[1]) / "shard.h5") as temporary:
    with load_format("hdf5").open_writer(temporary, spec) as writer:
        for _ in range(20):
            writer.write(sample, {})
        writer.finish()
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "StorageError" in done.stderr
    assert "no space left" in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_may_have_the_longest_name_that_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("漢" * 83 + ".jpeg2")
    with write_whole(path) as temporary:
        temporary.write_text("whole")
        assert temporary.name.endswith(PARTIAL)
    assert path.read_text() == "whole"
    assert clear_partials(tmp_path) == 0


def test_dead_partials_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / f"a.tar.0123{PARTIAL}").touch()
    (tmp_path / "train" / "a.tar").touch()
    assert clear_partials(tmp_path) == 1
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.tar"]


def test_half_written_files_are_cleared_by_their_own_build_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_whole(tmp_path / "a.tar") as ours:
        ours.write_text("half")
        monkeypatch.setattr(files, "owner", "another1")
        with write_whole(tmp_path / "a.tar") as other:
            other.write_text("whole")
            monkeypatch.undo()
            assert clear_partials(tmp_path, files.owner) == 1
            assert not ours.exists()
            ours.write_text("again")
        assert (tmp_path / "a.tar").read_text() == "whole"
    assert (tmp_path / "a.tar").read_text() == "again"


def test_one_of_many_that_write_a_new_file_succeeds(tmp_path: Path) -> None:
    path, start = tmp_path / "dataset.json", threading.Barrier(8)
    written: list[str] = []

    def write(text: str) -> None:
        start.wait()
        if write_new_text(path, text):
            written.append(text)

    threads = [threading.Thread(target=write, args=(str(number) * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written == [path.read_text()]
    assert list(tmp_path.iterdir()) == [path]


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0

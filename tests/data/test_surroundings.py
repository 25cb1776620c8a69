"""Builds work wherever they are run: in pools and threads, with closed streams, beside modules of the user."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import contents

from fgbg_data import (
    BuildConfig,
    build,
    export_page,
    label_pictures,
    open_dataset,
    preview,
    resplit,
    verify,
)
from fgbg_data.errors import BuildError, ConfigError
from fgbg_data.options import load_toml
from fgbg_data.runtime.parallel import in_parallel, map_with_progress

SMALL = [
    *["--samples", "12", "--size", "32", "--depth", "none", "--shard-size", "4"],
    *["--val", "0", "--test", "0", "-j", "2"],
]


def command(pictures: Path, out: Path, *others: str) -> list[str]:
    sources = ["--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--out", str(out)]
    return [sys.executable, "-P", "-m", "fgbg_data.cli", "build", *sources, *SMALL, *others]


def config(pictures: Path, out: Path) -> BuildConfig:
    return BuildConfig(
        bg=pictures / "bg", fg=pictures / "fg", out=out, samples=12, size="32", depth="none", shard_size=4, jobs=2
    )


def samples_built(settings: BuildConfig) -> int:
    return build(settings, progress=False).samples


def test_a_build_in_a_worker_of_a_pool(pictures: Path, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:  # its workers are daemons, which may have no children
        assert pool.map(samples_built, [config(pictures, tmp_path / "out")]) == [12]


def test_two_builds_in_two_threads(pictures: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "other"]
    made: list[int] = []
    threads = [
        threading.Thread(target=lambda out=out: made.append(samples_built(config(pictures, out)))) for out in outs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [12, 12]
    assert contents(outs[0]) == contents(outs[1])


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", ">&- 2>&- <&-"])
def test_closed_standard_streams_stop_no_build(closed: str, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(["bash", "-c", f'"$@" {closed}', "bash", *command(pictures, out)], timeout=60)
    assert done.returncode == 0
    check = [sys.executable, "-m", "fgbg_data.cli", "verify", str(out), "-j", "2"]
    assert subprocess.run(["bash", "-c", f'"$@" {closed}', "bash", *check], timeout=60).returncode == 0


def test_modules_of_the_working_folder_are_not_run(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("random", "types", "queue", "copy", "numpy", "select", "pickle", "cv2", "signal", "fgbg_data"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\nraise SystemExit(9)")
    done = subprocess.run(command(pictures, tmp_path / "out"), cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_names_that_standard_output_cannot_show_are_escaped(pictures: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command(pictures, tmp_path / "出力"), env=env, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert rb"\u51fa\u529b: 12 samples" in done.stdout


def test_a_reader_that_has_enough_of_the_output_is_no_error(pictures: Path, tmp_path: Path) -> None:
    build(config(pictures, tmp_path / "out"), progress=False)
    show = f"{sys.executable} -m fgbg_data.cli info {tmp_path / 'out'} --json"
    done = subprocess.run(["bash", "-c", f"{show} | true; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("bad", ["/proc/nope", "/dev/null/x", "n" * 300])
def test_an_output_that_cannot_be_is_one_line(bad: str, pictures: Path, tmp_path: Path) -> None:
    out = bad if bad.startswith("/") else str(tmp_path / bad)
    done = subprocess.run(command(pictures, Path(out)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert out in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whom", ["parent", "group"])
def test_sigterm_and_sighup_are_answered_like_ctrl_c(
    number: signal.Signals, whom: str, pictures: Path, tmp_path: Path
) -> None:
    out, scratch = tmp_path / "out", tmp_path / "tmp"
    scratch.mkdir()
    long = ["--samples", "400", "--positions", "200"]
    program = subprocess.Popen(
        command(pictures, out, *long),
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while program.poll() is None and not list(out.glob("*/*.json")):
        time.sleep(0.01)
    (os.killpg if whom == "group" else os.kill)(program.pid, number)
    _, errors = program.communicate(timeout=30)
    assert program.returncode == 130
    assert (
        errors.strip().splitlines()[-1] == f"stopped. Finished shards in {out} are whole; run the same command to go on"
    )
    assert not list(scratch.iterdir())
    assert not list(out.rglob("*.partial"))


def test_sigterm_stops_a_build_that_is_process_1(pictures: Path, tmp_path: Path) -> None:
    unshare = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody make a PID namespace")
    out = tmp_path / "out"
    program = subprocess.Popen(
        [*unshare, *command(pictures, out, "--samples", "4000", "--positions", "2000")],
        stderr=subprocess.PIPE,
        text=True,
    )
    while program.poll() is None and not list(out.glob("*/*.json")):
        time.sleep(0.01)
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    _, errors = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "run the same command to go on" in errors


def exit_at(number: int) -> int:
    if number == 3:
        print("the library says why", file=sys.stderr, flush=True)
        os._exit(7)
    return number


def crash_at(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def want_memory(number: int) -> int:
    raise MemoryError


def test_a_worker_that_ends_tells_why() -> None:
    def error_of(function: object) -> str:
        with pytest.raises(BuildError) as caught:
            list(map_with_progress(function, range(6), jobs=2, progress=False, verb="do"))  # type: ignore[type-var]
        return caught.value.problem

    ended = "a worker ended with exit status 7; the last line that it wrote: the library says why. "
    assert error_of(exit_at).startswith(ended)
    assert error_of(crash_at).startswith("a worker ended by the signal SIGSEGV. Run the same command again")
    assert error_of(want_memory).startswith("memory ran out in a worker. ")


def test_an_error_that_cannot_be_pickled_arrives_with_its_text() -> None:
    class Work:
        def open(self) -> object:
            def fail(task: int, number: int) -> None:
                class Odd(Exception):
                    def __reduce__(self) -> str:
                        raise TypeError("no")

                raise Odd("what was wrong")

            return fail

    with pytest.raises(RuntimeError, match="what was wrong"):
        list(in_parallel(Work(), [1, 2], jobs=2))  # type: ignore[arg-type]


def test_a_home_folder_in_options_and_arguments(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pictures, tmp_path / "pictures")
    sources = ["--bg", "~/pictures/bg", "--fg=~/pictures/fg", "--out=~/shards"]
    done = subprocess.run([sys.executable, "-P", "-m", "fgbg_data.cli", "build", *sources, *SMALL], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shards" / "dataset.json").is_file()
    assert not (tmp_path / "~").exists()
    assert len(open_dataset("~/shards")) == 12


@pytest.mark.parametrize("call", [export_page, preview, resplit, verify, label_pictures])
def test_a_home_folder_that_is_not_known_is_one_of_our_errors(call: Callable[..., Any], pictures: Path) -> None:
    unknown = "~nobody-has-this-name/out"
    arguments = [unknown] if call is verify else [pictures / "bg", unknown]
    with pytest.raises(ConfigError, match=f"'{unknown}': no home folder is known for it"):
        call(*arguments)


def test_pictures_in_the_home_folder_are_labelled(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(pictures / "bg" / "room0.jpg", tmp_path)
    assert label_pictures("~/room0.jpg", "~/out", depth="fake") == [tmp_path / "out" / "room0.depth.png"]


def test_a_toml_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "build.toml").write_bytes(b"\xef\xbb\xbfsamples = 5\r\n")
    assert load_toml(tmp_path / "build.toml") == {"samples": 5}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_on_a_full_disk_stops_nothing(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "build.log").symlink_to("/dev/full")
    assert samples_built(config(pictures, out)) == 12
    assert capsys.readouterr().err == ""


def test_what_systems_put_into_an_output_folder_does_not_count(pictures: Path, tmp_path: Path) -> None:
    for name in ("lost+found", "@eaDir", "System Volume Information", ".Trash-1000"):
        (tmp_path / "out" / name).mkdir(parents=True)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".nfs0001"):
        (tmp_path / "out" / name).write_text("")
    assert samples_built(config(pictures, tmp_path / "out")) == 12

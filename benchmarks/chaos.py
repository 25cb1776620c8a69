"""Make one plan of shards in several ways while processes are killed at random, and compare every byte.

    python benchmarks/chaos.py --shards 300 --parts 8

The ways: one process that nobody disturbs; parts at once, each killed with SIGKILL at random and started again; and a
cluster of Dask whose worker processes are killed at random. Afterwards each dataset is verified, and nothing may be
left behind: no half-written file, no folder of parts, no process.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from fgbg_data import verify, write_demo
from fgbg_data.dataset.file_names import NOT_DATA

LEFT_BEHIND = ("*.partial", ".parts", ".source-depth")


def command(sources: Path, out: Path, samples: int, *more: str) -> list[str]:
    folders = ["--bg", str(sources / "bg"), "--fg", str(sources / "fg"), "--out", str(out)]
    options = f"--samples {samples} --shard-size 10 --size 48 --depth-mode both --estimator-batch 4".split()
    return [sys.executable, "-m", "fgbg_data.cli", "build", *folders, *options, *more]


def run(*arguments: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stderr}")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not NOT_DATA & set(path.relative_to(folder).parts)
    }


def kill_family(process: psutil.Process) -> None:
    for each in [*process.children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def make_by_parts(sources: Path, out: Path, samples: int, parts: int, kills: int, rng: random.Random) -> int:
    """Run all parts at once; kill some of them at random, and start those again; return the number of kills."""

    def start(part: int) -> "subprocess.Popen[bytes]":
        arguments = command(sources, out, samples, "--part", f"{part}/{parts}", "--jobs", "1")
        return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    running = {part: start(part) for part in range(1, parts + 1)}
    killed = 0
    while running:
        time.sleep(rng.uniform(0.3, 2.0))
        for part, process in list(running.items()):
            if process.poll() == 0:
                del running[part]
            elif process.poll() is not None:
                raise SystemExit(f"part {part} ended with status {process.returncode}")
        if running and killed < kills:
            part = rng.choice(sorted(running))
            if running[part].poll() is None:
                kill_family(psutil.Process(running[part].pid))
                running[part].wait()
                killed += 1
                running[part] = start(part)
    run(*command(sources, out, samples, "--jobs", "2"))
    return killed


def make_by_dask(sources: Path, out: Path, samples: int, kills: int, rng: random.Random) -> int:
    """Build on a cluster of Dask on this machine, and kill its worker processes at random; return how many."""
    program = subprocess.Popen(
        command(sources, out, samples, "--backend", "dask", "--jobs", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    killed = 0
    while program.poll() is None:
        time.sleep(rng.uniform(2.0, 6.0))
        made = len(list(out.glob("*/*.json")))
        if program.poll() is None and made and killed < kills:
            workers = [
                child
                for child in psutil.Process(program.pid).children(recursive=True)
                if "spawn_main" in " ".join(child.cmdline())
            ]
            if workers:
                os.kill(rng.choice(workers).pid, signal.SIGKILL)
                killed += 1
    _, errors = program.communicate()
    if program.returncode:
        raise SystemExit(f"the build on Dask ended with status {program.returncode}\n{errors}")
    return killed


def check(name: str, out: Path, whole: dict[str, bytes], seconds: float, killed: int) -> None:
    found = contents(out)
    differ = sorted(path for path in found.keys() | whole.keys() if found.get(path) != whole.get(path))
    left = [str(path.relative_to(out)) for pattern in LEFT_BEHIND for path in out.rglob(pattern)]
    left += [str(child) for child in psutil.Process().children(recursive=True)]
    report = verify(out)
    good = not differ and not left and report.ok
    print(
        f"{name:>12}: {len(found)} files, {report.samples} samples in {report.shards} shards, {killed} kills, "
        f"{seconds:.0f} s: {'the same bytes, verified, nothing left' if good else 'DIFFERS'}",
        flush=True,
    )
    if not good:
        raise SystemExit(f"differ: {differ[:5]}; left: {left[:5]}; problems: {report.problems[:5]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=300)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=["parts", "dask"], default=["parts", "dask"])
    asked = parser.parse_args()
    rng, samples = random.Random(asked.seed), 10 * asked.shards
    with tempfile.TemporaryDirectory(prefix="fgbg-chaos-") as folder:
        root = Path(folder)
        write_demo(root / "demo")
        started = time.monotonic()
        run(*command(root / "demo", root / "one", samples, "--jobs", "1"))
        whole = contents(root / "one")
        check("one process", root / "one", whole, time.monotonic() - started, 0)
        if "parts" in asked.ways:
            started = time.monotonic()
            killed = make_by_parts(root / "demo", root / "parts", samples, asked.parts, asked.kills, rng)
            check(f"{asked.parts} parts", root / "parts", whole, time.monotonic() - started, killed)
        if "dask" in asked.ways:
            started = time.monotonic()
            killed = make_by_dask(root / "demo", root / "dask", samples, asked.kills, rng)
            check("dask", root / "dask", whole, time.monotonic() - started, killed)


if __name__ == "__main__":
    main()

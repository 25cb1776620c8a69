"""Measure what it costs to make a dataset by parts or on Dask instead of by worker processes.

    python benchmarks/parts.py --samples 4000 --rounds 3

Two workers make the same plan in three ways: as `--jobs 2`, as two parts with one worker each at once, and on a cluster
of Dask with two workers. The ways take turns, so that a machine that becomes slower is unfair to none, and each round
gives one ratio. Counted is the time in which shards are made, by the times of their records: to start programs, check
sources and finish takes the same few seconds for small and for large datasets, and is shown apart.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fgbg_data import write_demo


def command(sources: Path, out: Path, samples: int, *more: str) -> list[str]:
    folders = ["--bg", str(sources / "bg"), "--fg", str(sources / "fg"), "--out", str(out)]
    options = ["--samples", str(samples), "--shard-size", "50", *more]
    return [sys.executable, "-m", "fgbg_data.cli", "build", *folders, *options]


WAYS = {
    "processes": [["--jobs", "2"]],
    "parts": [["--part", "1/2", "--jobs", "1"], ["--part", "2/2", "--jobs", "1"]],
    "dask": [["--backend", "dask", "--jobs", "2"]],
}
"""Way -> the options of the programs that run at once."""


def measure(sources: Path, out: Path, samples: int, way: str) -> tuple[float, float]:
    """Return the samples a second while shards were made, and the seconds of everything."""
    started = time.monotonic()
    programs = [
        subprocess.Popen(command(sources, out, samples, *more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for more in WAYS[way]
    ]
    for program in programs:
        _, errors = program.communicate()
        if program.returncode:
            raise SystemExit(errors.decode())
    seconds = time.monotonic() - started
    times = sorted(path.stat().st_mtime for path in out.glob("*/*.json"))
    shards = len(times)
    first = 2  # the first shard of each worker holds the start of its program
    return samples * (shards - first) / shards / (times[-1] - times[first - 1]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="fgbg-parts-") as folder:
        root = Path(folder)
        write_demo(root / "demo")
        for number in range(asked.rounds):
            rates = {}
            for way in sorted(WAYS, key=lambda name: (list(WAYS).index(name) + number) % len(WAYS)):
                rates[way], seconds = measure(root / "demo", root / f"{way}{number}", asked.samples, way)
                print(f"round {number + 1}, {way}: {rates[way]:.1f} samples/s, {seconds:.1f} s in all", flush=True)
            for way, rate in rates.items():
                ratios[way].append(rate / rates["processes"])
    for way, found in ratios.items():
        print(
            f"{way:>10}: {statistics.median(found):.3f} of the samples/s of processes "
            f"({min(found):.3f} to {max(found):.3f})"
        )


if __name__ == "__main__":
    main()

"""Compare what two checkouts write from the same inputs: datasets byte for byte, and a training run weight for weight.

    python tools/compare_bytes.py OLD NEW

OLD and NEW are folders that hold `fgbg_data` and `fgbg_train`. Run it after a change that must not change any byte.
It prints a line for each step, and exits with status 1 if anything differs.
"""

import argparse
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = "--bg pictures/bg --fg pictures/fg"
SMALL = "--size 96 --shard-size 16 --val 0.2 --test 0.2"
STEPS = {
    "demo": "fgbg_data.cli demo pictures",
    "build": f"fgbg_data.cli build {SOURCES} {SMALL} --samples 60 --format tar,hdf5 --out built",
    "build composed": f"fgbg_data.cli build {SOURCES} {SMALL} --samples 40 --depth-mode both --stand drawn "
    "--out composed",
    "build png": f"fgbg_data.cli build {SOURCES} {SMALL} --samples 40 --depth none --image-format png --format hdf5 "
    "--hdf5-layout encoded --holdout both --jobs 1 --seed 3 --out encoded",
    "convert": "fgbg_data.cli convert built --format folder --out files",
    "convert back": "fgbg_data.cli convert files --format tar --out back",
    "convert composed": "fgbg_data.cli convert composed --format hdf5 --out composed_h5",
    "merge": "fgbg_data.cli merge built built --prefix a --prefix b --out merged",
    "split": "fgbg_data.cli split built --val 0.2 --test 0.2 --holdout foreground --shard-size 10 --out resplit",
    "fit": "fgbg_train.cli fit built --out run --schedule 1@32x8,1@48x8 --device cpu --workers 0 --seed 1",
}
"""Step -> module and arguments, in order; each runs in one folder."""
TIMES = ("seconds", "waiting_frac", "samples_per_s")
"""Columns of log.csv that hold times."""


def run(checkout: Path, folder: Path) -> dict[str, str]:
    """Run every step with the packages of a checkout; return the digest of what each wrote."""
    digests = {}
    for step, words in STEPS.items():
        before = files(folder)
        environment = os.environ | {"PYTHONPATH": str(checkout.resolve()), "XDG_CACHE_HOME": str(folder / "cache")}
        command = [sys.executable, "-m", *words.split()]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{checkout}: {step}: {done.stderr.strip()}")
        written = sorted(files(folder) - before)
        digests[step] = digest(folder, written) if step != "fit" else digest_of_run(folder / "run")
        print(f"{checkout}: {step}: {len(written)} files, {digests[step]}", flush=True)
    return digests


def files(folder: Path) -> set[str]:
    """Return the files of a folder that are part of a dataset."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in found)
    return {name for name in names if not name.endswith((".log", ".lock")) and not name.startswith("cache/")}


def digest(folder: Path, names: list[str]) -> str:
    """Return one digest over names and bytes of files."""
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def digest_of_run(run: Path) -> str:
    """Return a digest over the weights of both checkpoints and the columns of log.csv that hold no times."""
    import torch

    total = hashlib.sha256()
    for name in ("last.ckpt", "best.ckpt"):
        state = torch.load(run / name, map_location="cpu", weights_only=True)
        for part in ("model", "ema"):
            for key, tensor in sorted((state[part] or {}).items()):
                total.update(f"{name} {part} {key}".encode())
                total.update(tensor.contiguous().numpy().tobytes())
    with (run / "log.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            kept = {key: value for key, value in row.items() if key not in TIMES}
            total.update(repr(sorted(kept.items())).encode())
    return total.hexdigest()[:16]


def main() -> None:
    """Compare two checkouts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    found = []
    for checkout in (options.old, options.new):
        with tempfile.TemporaryDirectory() as folder:
            found.append(run(checkout, Path(folder)))
    differing = [step for step in STEPS if found[0][step] != found[1][step]]
    print(f"differing: {', '.join(differing)}" if differing else f"all {len(STEPS)} steps wrote the same")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()

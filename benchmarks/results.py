"""What do the networks learn, and what is each choice worth? The table and curves of docs/results.md.

    python benchmarks/results.py --images IMAGES --out /tmp/results

IMAGES holds `bg/` and `fg/`. Two datasets of 2,000 samples are built: `shards`, whose val and test backgrounds are
held out, and `shards-both`, where backgrounds and foregrounds are (`--holdout both`). Each variant is one run of
`fgbg-train fit` with the same schedule, and differs from `base` in one choice. The table has, for each variant and
test split, what `summary.json` says: metrics at the dataset's full size, beside the baselines; and the time.

All of it can be stopped and started again by the same command: what is finished stays. `results.md` and `curves.png` in
OUT are written anew after each run, with the variants that are finished. `--only NAME` runs one of them.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from fgbg_train import plot

METRICS = {
    "mask_iou": "mask IoU",
    "baseline_mask_iou": "all foreground",
    "mask_iou_img": "IoU per image",
    "rmse": "depth RMSE",
    "baseline_rmse": "mean depth map",
    "delta1": "delta < 1.25",
}
COMMON = ("--freeze-encoder", "depth")


class Variant(NamedTuple):
    """A run: its dataset, and the options in which it differs."""

    what: str
    options: tuple[str, ...] = ()
    holdout: str = "background"


VARIANTS = {
    "base": Variant("preset `small`"),
    "product": Variant("depth network sees image x mask", ("--combine", "product")),
    "no-cutout": Variant("without cutout", ("--set", "augment.cutout=0")),
    "no-colour": Variant("without colour jitter", ("--set", "augment.colour=0")),
    "no-background": Variant("without other colours of the background", ("--set", "augment.background=0")),
    "learn-all": Variant("depth network learns its encoder too", ("--freeze-encoder", "none")),
    "random": Variant("encoders start at random", ("--start", "random", "--freeze-encoder", "none")),
    "holdout-both": Variant("new backgrounds, new foregrounds, or both", holdout="both"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--schedule", default="auto", help="of every run")
    parser.add_argument("--only", choices=list(VARIANTS), action="append", help="may be given again")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = options.only or list(VARIANTS)
    for number, name in enumerate(wanted, 1):
        print(f"--- {number}/{len(wanted)} {name}: {VARIANTS[name].what}", flush=True)
        shards = build(options, VARIANTS[name].holdout)
        fit(shards, options.out / name, options.schedule, VARIANTS[name])
        report(options)
    print((options.out / "results.md").read_text())


def build(options: argparse.Namespace, holdout: str) -> Path:
    """Build the dataset of a way of holding out, or go on with it."""
    shards: Path = options.out / ("shards" if holdout == "background" else f"shards-{holdout}")
    sources = ["--bg", str(options.images / "bg"), "--fg", str(options.images / "fg"), "--out", str(shards)]
    plan = ["--samples", str(options.samples), "--holdout", holdout, "--shard-size", "250", "--format", "tar,hdf5"]
    run("fgbg_data.cli", "build", *sources, *plan, unless=shards / "preview.png")
    return shards


def fit(shards: Path, folder: Path, schedule: str, variant: Variant) -> None:
    """Train one variant, or go on with it."""
    started = time.monotonic()
    options = ["--out", str(folder), "--schedule", schedule, *COMMON, *variant.options]
    run("fgbg_train.cli", "fit", str(shards), *options, unless=folder / "summary.json")
    print(f"{folder.name}: {(time.monotonic() - started) / 60:.1f} minutes in this go", flush=True)


def run(module: str, *arguments: str, unless: Path) -> None:
    """Run a command, or leave it where its last file is there; its mistakes end this program."""
    if unless.exists():
        return
    finished = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def report(options: argparse.Namespace) -> None:
    """Write results.md and curves.png of all variants that are finished."""
    summaries = {
        name: json.loads(path.read_text())
        for name in VARIANTS
        if (path := options.out / name / "summary.json").exists()
    }
    lines = [
        f"{options.samples} samples, `--schedule {options.schedule} {' '.join(COMMON)}`, at the dataset's full size.",
        "",
    ]
    lines += ["| variant | | split | " + " | ".join(METRICS.values()) + " | minutes |"]
    lines += ["|---|---|---|" + "---|" * (len(METRICS) + 1)]
    for name, summary in summaries.items():
        for split, found in summary["test"].items():
            cells = [f"{found[metric]:.3f}" if metric in found else "" for metric in METRICS]
            minutes = f"{summary['seconds'] / 60:.1f}"
            lines.append("| " + " | ".join([name, VARIANTS[name].what, split, *cells, minutes]) + " |")
    machine: dict[str, Any] = next(iter(summaries.values()))["machine"]
    lines += ["", f"{machine['cores']} cores, {machine['device']} {machine['gpu']}".rstrip() + ".", ""]
    (options.out / "results.md").write_text("\n".join(lines))
    plot([options.out / name for name in summaries], options.out / "curves.png")


if __name__ == "__main__":
    main()

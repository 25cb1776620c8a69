"""Inferred against composed depth: what each costs to build, and what `fit` makes of each.

    python benchmarks/depth_modes.py --samples 800

Of the demo pictures, which the package draws. (a) seconds and estimator calls of a whole build with `--depth-mode`
infer, compose and both. (b) on the dataset of `both`: `fit` with its defaults on either field, with equal seeds;
each best checkpoint is measured on the test split by either field. What is better on its own label was easier to
learn, which says nothing about which label is nearer to the truth: there is none here. Let nothing else run.
"""

import argparse
import tempfile
import time
from pathlib import Path

from fgbg_data import BuildConfig, build
from fgbg_data.building.forecast import estimator_calls
from fgbg_data.building.prepare import prepare
from fgbg_data.demo import write_demo
from fgbg_train import FitConfig, evaluate, fit

DEPTH_FIELDS = ("depth", "depth_composed")
METRICS = ("mask_iou", "rmse", "mae", "abs_rel", "delta1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=800)
    parser.add_argument("--schedule", default="auto", help="of the training")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fgbg-bench-") as folder:
        data = builds(Path(folder), options.samples)
        fits(Path(folder), data, options.schedule, options.seed)


def builds(folder: Path, samples: int) -> Path:
    """Measure (a); return the dataset with both fields."""
    write_demo(folder / "demo")
    print("| build | estimator calls | s | MB |\n|---|---|---|---|")
    for mode in ("infer", "compose", "both"):
        made = BuildConfig(
            bg=folder / "demo" / "bg",
            fg=folder / "demo" / "fg",
            out=folder / mode,
            samples=samples,
            shard_size=200,
            depth_mode=mode,  # type: ignore[arg-type]
        )
        calls = estimator_calls(prepare(made))
        started = time.perf_counter()
        manifest = build(made)
        seconds = time.perf_counter() - started
        print(
            f"| {mode}, {manifest.samples} samples | {calls} | {seconds:.1f} | {manifest.bytes / 1e6:.1f} |", flush=True
        )
    print()
    return folder / "both"


def fits(folder: Path, data: Path, schedule: str, seed: int) -> None:
    """Measure (b)."""
    print(f"| trained on | measured by | {' | '.join(METRICS)} |\n|---|---|{'---|' * len(METRICS)}")
    for trained in DEPTH_FIELDS:
        made = FitConfig(schedule=schedule, depth_field=trained, seed=seed, best="rmse")
        run = fit(data, made, out=folder / f"run-{trained}")
        for measured in DEPTH_FIELDS:
            found = evaluate(run / "best.ckpt", data, splits=["test"], depth_field=measured)["test"]
            print(f"| {trained} | {measured} | {' | '.join(f'{found[name]:.4f}' for name in METRICS)} |", flush=True)


if __name__ == "__main__":
    main()

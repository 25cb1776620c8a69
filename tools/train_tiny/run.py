"""The whole recipe of the embedded estimator, in stages that each go on where they stopped.

    python tools/train_tiny/run.py                       # everything, in the order of the list of stages
    python tools/train_tiny/run.py render --views 12000  # one stage

Everything is kept in the cache (~/.cache/fgbg-tiny, or --cache, or FGBG_TINY_CACHE). Needs requirements.txt beside
this file and the Debian packages that `assets.py` names.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

import shards  # noqa: E402  (the two folders above must come first)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Render, teach, label, train, export and judge the embedded depth estimator."
    )
    parser.add_argument(
        "stages", nargs="*", default=list(STAGES), metavar="STAGE", help=f"some of: {', '.join(STAGES)}"
    )
    default = os.environ.get("FGBG_TINY_CACHE", str(Path.home() / ".cache" / "fgbg-tiny"))
    parser.add_argument("--cache", type=Path, default=Path(default), help="shards, checkpoints (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--views", type=int, default=5200, help="path-traced views in all (default: %(default)s)")
    parser.add_argument("--variant", default="llvm_ad_rgb", help="Mitsuba's back end; cuda_ad_rgb on a GPU")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="of the training")
    parser.add_argument("--plan", default="second", help="name of the plan in plans.py (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="of the training, instead of the plan's")
    parser.add_argument("--teacher-steps", type=int, default=600, help="of the teacher's head (default: %(default)s)")
    parser.add_argument(
        "--rgbd-train", type=Path, default=Path("../shared/rgbd_train"), help="real photos with depth, for training"
    )
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"), help="photos for the teacher to label")
    parser.add_argument("--rgbd", type=Path, default=Path("../shared/rgbd"), help="real photos with depth, for judging")
    arguments = parser.parse_args()
    unknown = [s for s in arguments.stages if s not in STAGES]
    if unknown:
        parser.error(f"unknown stage {unknown[0]!r}; choose from {', '.join(STAGES)}")
    return arguments


def assets(a: argparse.Namespace) -> None:
    """Convert the models, photos and cut-outs."""
    from assets import prepare

    prepare(a.cache / "assets", a.jobs)


def render(a: argparse.Namespace) -> None:
    """Render what the training draws from."""
    shards.render("cutouts", 14, a.cache, a.jobs, a.variant)
    shards.render("raycast", 30, a.cache, a.jobs)
    shards.render("pathtraced", -(-a.views // (shards.SCENES * shards.VIEWS)), a.cache, a.jobs, a.variant)


def features(a: argparse.Namespace) -> None:
    """Compute the backbone's features of crops with known depth."""
    from features import prepare

    prepare(a.cache, a.rgbd_train)


def teach(a: argparse.Namespace) -> None:
    """Train the teacher's head on the features."""
    from teach import fit

    fit(a.cache, a.teacher_steps)


def labels(a: argparse.Namespace) -> None:
    """Let the teacher label photos."""
    import distil
    from teacher import Teacher

    distil.write_demo_backgrounds(a.cache)
    files = distil.sources(a.cache, a.photos, a.rgbd_train)
    distil.prepare(Teacher(a.cache / "runs" / "teacher" / "last.pt"), files, a.cache / "labels")


def train(a: argparse.Namespace) -> None:
    """Train the plan, and before it the plan that it starts from."""
    from plans import PLANS
    from train import fit

    plan = PLANS[a.plan]
    plan = replace(plan, steps=a.steps or plan.steps)
    workers = a.jobs if a.device == "cpu" else 1
    if plan.init and not (a.cache / plan.init).exists():
        fit(a.cache, PLANS[Path(plan.init).parent.name], a.device, workers=workers, rgbd_train=a.rgbd_train)
    fit(a.cache, plan, a.device, workers=workers, rgbd_train=a.rgbd_train)


def export(a: argparse.Namespace) -> None:
    """Put the plan's averaged weights into the package."""
    from export import WEIGHTS
    from export import export as write

    size = write(a.cache / "runs" / a.plan / "last.pt")
    print(f"{WEIGHTS}: {size} bytes")


def evaluate(a: argparse.Namespace) -> None:
    """Print the table of real photos."""
    import evaluate as judge

    print(judge.table({label: judge.judge(predict, a.rgbd) for label, predict in judge.packaged().items()}))


STAGES: dict[str, Callable[[argparse.Namespace], None]] = {
    "assets": assets,
    "render": render,
    "features": features,
    "teach": teach,
    "labels": labels,
    "train": train,
    "export": export,
    "evaluate": evaluate,
}


if __name__ == "__main__":
    arguments = parse()
    for stage in arguments.stages:
        print(f"== {stage}", flush=True)
        STAGES[stage](arguments)

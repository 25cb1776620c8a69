"""Judge depth estimators on real photos with measured depth: the table of `docs/tiny.md`, also for other weights.

    python tools/train_tiny/evaluate.py --rgbd ../shared/rgbd [--weights FILE.safetensors|FILE.pt ...]

For the weights in the package, `fgbg-data depth --exam FOLDER --depth-scale 1` prints the same numbers. Both score with
`fgbg_data.exam`, by its default protocol: see docs/exam.md. Means are over images, then over scenes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fgbg_data.exam.depth_scores import depth_scores
from fgbg_data.exam.estimates import constant_baseline as constant
from fgbg_data.exam.estimates import noise_baseline as noise
from fgbg_data.exam.estimates import ramp_baseline as ramp
from fgbg_data.exam.estimates import score_estimates
from fgbg_data.exam.opening import open_exam
from fgbg_data.exam.protocol import ExamProtocol
from fgbg_data.exam.scores import MEAN, POOLED

Array = np.ndarray
Predict = Callable[[Array], Array]
PROTOCOL = ExamProtocol(depth_scale=1)  # the unit differs by scene, and no score of the table depends on it
SMOOTH = "tiny, enlarged bilinearly"
"""A row of both tables of docs/tiny.md: the packaged estimator without its guided filter."""


def metrics(prediction: Array, depth: Array) -> tuple[float, float, float] | None:
    """Return DELTA1, ABS_REL and order of one image, or None where too little depth is known.

    Args:
        prediction: (h, w) relative inverse depth, larger = nearer, any size.
        depth: (H, W) float32, larger = farther, 0 = unknown.
    """
    found = depth_scores(prediction, depth, PROTOCOL)
    return (found["delta1"], found["abs_rel"], found.get("order", float("nan"))) if found else None


def judge(predict: Predict, rgbd: Path) -> dict[str, tuple[float, float, float]]:
    """Return the three means of every scene, and of the scenes as "mean"."""
    columns = score_estimates(predict, open_exam(rgbd, PROTOCOL, progress=False)).compute()
    rows = {name: values for name, values in columns.items() if name != POOLED}
    rows["mean"] = rows.pop(MEAN)
    return {name: (values["delta1"], values["abs_rel"], values["order"]) for name, values in rows.items()}


def estimator(weights: Path | None, device: str = "cpu", *, smooth: bool = False) -> Predict:
    """Return the packaged estimator, or the same network with other weights (a checkpoint or an exported file).

    Args:
        weights: a checkpoint or an exported file; None means the weights of the package.
        device: where the network runs.
        smooth: enlarge its maps bilinearly, without the guided filter.
    """
    from fgbg_data.depth.tiny import TinyEstimator

    tiny = TinyEstimator(device=device)
    if weights is not None:
        from export import read_weights

        kept = {k: v for k, v in read_weights(weights).items() if not k.endswith("num_batches_tracked")}
        tiny.load({k: v.float().numpy() for k, v in kept.items()})
    estimate = tiny.estimate_smooth if smooth else tiny.estimate
    return lambda image: estimate(image[None])[0]


def packaged() -> dict[str, Predict]:
    """Return the baselines, and the packaged estimator without and with its guided filter."""
    baselines = {"constant": constant, "noise": noise, "ramp": ramp}
    return {**baselines, SMOOTH: estimator(None, smooth=True), "tiny": estimator(None)}


def table(rows: dict[str, dict[str, tuple[float, float, float]]]) -> str:
    """Return the results as a Markdown table, DELTA1 / ABS_REL / order in each cell."""
    names = list(next(iter(rows.values())))
    lines = ["| DELTA1 / ABS_REL / order | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, scores in rows.items():
        cells = [" / ".join(f"{v:.3f}".lstrip("0") for v in scores[name]) for name in names]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Judge the embedded estimator on real depth.")
    parser.add_argument("--rgbd", type=Path, required=True, help="folder of the six scenes")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="checkpoints to judge as well")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    arguments = parser.parse_args()
    from fgbg_data.runtime.threads import set_num_threads

    set_num_threads(arguments.threads)
    candidates = packaged() | {path.name: estimator(path) for path in arguments.weights}
    print(table({label: judge(predict, arguments.rgbd) for label, predict in candidates.items()}))


if __name__ == "__main__":
    main()

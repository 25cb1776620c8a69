"""Judge depth estimators on real photos with measured depth: the table of `docs/tiny.md`.

    python tools/train_tiny/evaluate.py --rgbd ../shared/rgbd [--weights FILE.safetensors|FILE.pt ...]

Protocol: valid = depth > 0 and below the image's 99.5th percentile; the prediction is fitted to the inverse
depth by least squares with a scale and a shift per image (a negative scale counts as none: the best constant);
the fit is clamped to half the smallest and 1.5 times the largest true inverse depth. DELTA1 = share of pixels
within a factor of 1.25; ABS_REL = mean relative error of depth; order = share of 20,000 seeded pixel pairs, whose
depths differ by more than 10 %, that are put in the right order. Means are over images, then over scenes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

Array = np.ndarray
Predict = Callable[[Array], Array]
SCENES = ("kitchen", "labfloor", "hall", "corridor", "street_pseudo", "strawberry")
COLUMNS = ("DELTA1", "ABS_REL", "order")
PAIRS = 20_000
UNKNOWN = 65535  # the largest code: out of range


def load_scene(folder: Path) -> Iterator[tuple[Array, Array]]:
    """Yield (H, W, 3) uint8 RGB and (H, W) float32 depth, 0 = unknown."""
    for path in sorted(folder.glob("*.jpg")):
        depth = cv2.imread(str(path.with_suffix(".depth.png")), cv2.IMREAD_UNCHANGED)
        image = cv2.imread(str(path))
        if image is None or depth is None:
            raise FileNotFoundError(f"{path}: the picture or its .depth.png cannot be read")
        yield image[..., ::-1].copy(), np.where(depth == UNKNOWN, 0, depth).astype(np.float32)


def align(prediction: Array, truth: Array) -> Array:
    """Fit (n,) predictions to (n,) inverse depths by least squares, with a scale that is not negative."""
    p, t = prediction - prediction.mean(), truth - truth.mean()
    scale = max(float((p * t).sum()) / max(float((p * p).sum()), 1e-12), 0.0)
    fitted: Array = scale * p + truth.mean()
    return fitted


def metrics(prediction: Array, depth: Array) -> tuple[float, float, float] | None:
    """Return DELTA1, ABS_REL and order of one image, or None where too little depth is known.

    Args:
        prediction: (h, w) relative inverse depth, larger = nearer, any size.
        depth: (H, W) float32, larger = farther, 0 = unknown.
    """
    height, width = depth.shape
    if prediction.shape != depth.shape:
        prediction = cv2.resize(prediction.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    known = depth > 0
    if known.sum() < 500:
        return None
    valid = known & (depth < np.percentile(depth[known], 99.5))
    if valid.sum() < 500:
        return None
    truth = 1 / depth[valid].astype(np.float64)
    truth /= truth.max()
    raw = prediction[valid].astype(np.float64)
    fitted = np.clip(align(raw, truth), truth.min() / 2, 1.5 * truth.max())
    ratio = np.maximum(fitted / truth, truth / fitted)
    relative = np.abs(truth / fitted - 1)
    one, two = np.random.default_rng(0).integers(0, len(truth), (2, PAIRS))
    differ = np.maximum(truth[one] / truth[two], truth[two] / truth[one]) > 1.1
    right = ((raw[one] > raw[two]) == (truth[one] > truth[two]))[differ]
    return float((ratio < 1.25).mean()), float(relative.mean()), float(right.mean()) if differ.any() else float("nan")


def judge(predict: Predict, rgbd: Path) -> dict[str, tuple[float, float, float]]:
    """Return the three means of every scene, and of the scenes as "mean"."""
    out: dict[str, tuple[float, float, float]] = {}
    for scene in SCENES:
        rows = [metrics(predict(image), depth) for image, depth in load_scene(rgbd / scene)]
        kept = np.array([r for r in rows if r is not None], np.float64)
        if len(kept) == 0:
            raise FileNotFoundError(f"{rgbd / scene}: no picture with depth; expected NNN.jpg + NNN.depth.png")
        a, b, c = np.nanmean(kept, 0)
        out[scene] = (float(a), float(b), float(c))
    a, b, c = np.mean(list(out.values()), 0)
    return {**out, "mean": (float(a), float(b), float(c))}


def ramp(image: Array) -> Array:
    """Predict "lower is nearer"."""
    return np.repeat(np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None], image.shape[1], 1)


def constant(image: Array) -> Array:
    """Predict the same everywhere."""
    return np.zeros(image.shape[:2], np.float32)


def noise(image: Array) -> Array:
    """Predict noise, the same for every picture."""
    return np.random.default_rng(0).random(image.shape[:2]).astype(np.float32)


def estimator(weights: Path | None, device: str = "cpu") -> Predict:
    """Return the packaged estimator, or the same network with other weights (a checkpoint or an exported file)."""
    from fgbg_data.depth.tiny import TinyEstimator

    tiny = TinyEstimator(device=device)
    if weights is not None:
        from export import read_weights

        kept = {k: v for k, v in read_weights(weights).items() if not k.endswith("num_batches_tracked")}
        tiny.load({k: v.float().numpy() for k, v in kept.items()})
    return lambda image: tiny.estimate(image[None])[0]


def table(rows: dict[str, dict[str, tuple[float, float, float]]]) -> str:
    """Return the results as a Markdown table, DELTA1 / ABS_REL / order in each cell."""
    names = [*SCENES, "mean"]
    lines = [f"| {' / '.join(COLUMNS)} | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, scores in rows.items():
        cells = [" / ".join(f"{v:.3f}".lstrip("0") for v in scores[name]) for name in names]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Judge the embedded estimator on real depth.")
    parser.add_argument("--rgbd", type=Path, required=True, help="folder of the six scenes")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="checkpoints to judge as well")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    from fgbg_data.runtime.threads import set_num_threads

    set_num_threads(arguments.threads)
    candidates: dict[str, Predict] = {"constant": constant, "noise": noise, "ramp": ramp}
    candidates |= {path.name: estimator(path) for path in arguments.weights} or {"tiny": estimator(None)}
    rows = {}
    for label, predict in candidates.items():
        rows[label] = judge(predict, arguments.rgbd)
    print(table(rows))


if __name__ == "__main__":
    main()

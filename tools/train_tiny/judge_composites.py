"""Judge depth estimators on composites, which is what they label: is the pasted thing one object in front?

    python tools/train_tiny/judge_composites.py --shared ../shared [--weights FILE.safetensors|FILE.pt ...]

Half of the 200 composites are made from `images/fg` and `images/bg`, half from `real/cutouts` and `real/backgrounds`;
seeds fix all of them, and every kind of cut-out comes equally often. The mask is known exactly. Three numbers:

nearer: share of composites whose median depth inside the mask is nearer than the median of a ring, 3 to 15 pixels
    outside of the mask, around its upper half (below, a thing touches the ground that it stands on). A map that only
    knows "lower is nearer" does well here, so read it together with the next number.
step: share of the outline's pixels, in the upper three quarters of the mask, across which depth falls outwards by at
    least 5 % of the map's range within 8 pixels; the mean over composites.
edges: F-score of the depth map's edges against the mask's outline, with a tolerance of 3 pixels. Edges are those of
    Canny's detector on the map, scaled from its 1st to its 99th percentile; the mean over three thresholds. The
    background has edges of its own, so only those within 12 pixels of the outline count against the precision.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

Array = np.ndarray
Predict = Callable[[Array], Array]
SIDE = 224
COUNT = 200
RING = (3, 15)
TOLERANCE, BAND = 3, 12
REACH, FALL = 4, 0.05
STEPS = (0.02, 0.04, 0.08)
"""Thresholds of an edge: change per pixel, as a share of the range of the map."""


def composites(shared: Path, count: int = COUNT, side: int = SIDE) -> Iterator[tuple[Array, Array]]:
    """Yield (side, side, 3) uint8 RGB and its mask, (side, side) bool."""
    folders = sorted(p for p in (shared / "real" / "cutouts").glob("*") if p.is_dir())
    sources = (
        ([sorted((shared / "images" / "fg").glob("*.png"))], sorted((shared / "images" / "bg").glob("*.jpg"))),
        ([sorted(p.glob("*.png")) for p in folders], sorted((shared / "real" / "backgrounds").glob("*.jpg"))),
    )
    for kinds, backgrounds in sources:
        if not backgrounds or not kinds or not all(kinds):
            raise FileNotFoundError(f"{shared}: expected images/fg, images/bg, real/cutouts and real/backgrounds")
    for number in range(count):
        rng = np.random.default_rng([2024, number])
        kinds, backgrounds = sources[number % 2]
        kind = kinds[(number // 2) % len(kinds)]
        background = cv2.imread(str(backgrounds[int(rng.integers(len(backgrounds)))]))[..., ::-1]
        rgba = cv2.imread(str(kind[int(rng.integers(len(kind)))]), cv2.IMREAD_UNCHANGED)
        yield compose(rng, cover(background, side), rgba[..., [2, 1, 0, 3]])


def cover(image: Array, side: int) -> Array:
    """Resize (H, W, 3) so that it covers a square, and cut out the middle."""
    scale = side / min(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    top, left = (large.shape[0] - side) // 2, (large.shape[1] - side) // 2
    return np.ascontiguousarray(large[top : top + side, left : left + side])


def compose(rng: np.random.Generator, background: Array, rgba: Array) -> tuple[Array, Array]:
    """Paste (h, w, 4) uint8 onto a square background, 30 to 75 % of its side long, its foot in the lower half."""
    side = background.shape[0]
    rows, cols = np.where(rgba[..., 3] > 127)
    rgba = rgba[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    scale = side * rng.uniform(0.3, 0.75) / max(rgba.shape[:2])
    over = cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    height, width = over.shape[:2]
    top = int(np.clip(side * rng.uniform(0.6, 1.0) - height, 0, side - height))
    left = int(rng.integers(0, side - width + 1))
    alpha = np.zeros((side, side), np.float32)
    alpha[top : top + height, left : left + width] = over[..., 3] / np.float32(255)
    colour = np.zeros_like(background)
    colour[top : top + height, left : left + width] = over[..., :3]
    if rng.random() < 0.5:
        alpha, colour = alpha[:, ::-1], colour[:, ::-1]
    out = colour * alpha[..., None] + background * (1 - alpha[..., None])
    return (out + 0.5).astype(np.uint8), alpha > 0.5


def is_nearer(depth: Array, mask: Array) -> bool:
    """Say whether (H, W) inverse depth is larger inside the mask than in the ring around the mask's upper half."""
    rows = np.where(mask.any(1))[0]
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    ring = (distance > RING[0]) & (distance <= RING[1])
    ring[(rows[0] + rows[-1]) // 2 :] = False
    return bool(ring.any() and np.median(depth[mask]) > np.median(depth[ring]))


def step_share(depth: Array, mask: Array) -> float:
    """Return the share of the upper outline across which (H, W) inverse depth falls outwards by FALL of its range."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    signed = cv2.GaussianBlur(inside - outside, (0, 0), 1.5)
    rows = np.where(mask.any(1))[0]
    y, x = np.where(mask & (inside < 1.5))
    upper = y <= rows[0] + 0.75 * (rows[-1] - rows[0])
    y, x = y[upper], x[upper]
    inwards = np.stack([cv2.Sobel(signed, cv2.CV_32F, *d, ksize=3)[y, x] for d in ((0, 1), (1, 0))])
    inwards /= np.maximum(np.linalg.norm(inwards, axis=0), 1e-6)
    top = np.array([[mask.shape[0] - 1], [mask.shape[1] - 1]])
    ends = [np.clip(np.rint(np.stack([y, x]) + s * REACH * inwards), 0, top).astype(int) for s in (1, -1)]
    inner, outer = (depth[e[0], e[1]] for e in ends)
    low, high = np.percentile(depth, (1, 99))
    return float((inner - outer > FALL * max(float(high - low), 1e-9)).mean())


def edge_score(depth: Array, mask: Array) -> float:
    """Return the F-score of the edges of (H, W) depth against the outline of the mask, both at full size."""
    low, high = np.percentile(depth, (1, 99))
    codes = (np.clip((depth - low) / max(float(high - low), 1e-9), 0, 1) * 255).astype(np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    outline = mask & (inner == 0)
    from_outline = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, 5)
    across = cv2.Sobel(codes, cv2.CV_16S, 1, 0, ksize=3)
    down = cv2.Sobel(codes, cv2.CV_16S, 0, 1, ksize=3)
    scores = []
    for step in STEPS:
        high_mark = step * 255 * 8  # a Sobel kernel of 3 x 3 gives eight times the change per pixel
        edges = cv2.Canny(across, down, high_mark / 2, high_mark, L2gradient=True) > 0
        near = edges & (from_outline <= BAND)
        if not near.any():
            scores.append(0.0)
            continue
        from_edges = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5)
        precision = float((from_outline[near] <= TOLERANCE).mean())
        recall = float((from_edges[outline] <= TOLERANCE).mean())
        scores.append(2 * precision * recall / max(precision + recall, 1e-9))
    return float(np.mean(scores))


def judge(predict: Predict, shared: Path, count: int = COUNT) -> tuple[float, float, float]:
    """Return the share of composites that are nearer, the mean share of steps, and the mean F-score of edges."""
    rows = []
    for image, mask in composites(shared, count):
        depth = predict(image)
        if depth.shape != mask.shape:
            depth = cv2.resize(depth, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        rows.append((is_nearer(depth, mask), step_share(depth, mask), edge_score(depth, mask)))
    nearer, step, edges = np.mean(np.array(rows, np.float64), 0)
    return float(nearer), float(step), float(edges)


def main() -> None:
    """Print the table."""
    from evaluate import SMOOTH, constant, estimator, ramp

    parser = argparse.ArgumentParser(description="Judge the embedded estimator on composites of known masks.")
    parser.add_argument("--shared", type=Path, required=True, help="folder that holds images and real")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="checkpoints to judge as well")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    arguments = parser.parse_args()
    from fgbg_data.runtime.threads import set_num_threads

    set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    rows: dict[str, Predict] = {"constant": constant, "ramp": ramp}
    rows |= {SMOOTH: estimator(None, smooth=True), "tiny": estimator(None)}
    rows |= {str(path): estimator(path) for path in arguments.weights}
    print("| composites | nearer | step | edges |\n|---|---|---|---|")
    for label, predict in rows.items():
        cells = " | ".join(f"{v:.3f}".lstrip("0") for v in judge(predict, arguments.shared))
        print(f"| {label} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

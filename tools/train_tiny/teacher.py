"""The teacher as an estimator: backbone and head, averaged over sizes and mirror images.

python tools/train_tiny/teacher.py --shared ../shared    # judge it on real photos and on composites
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from dino import PATCH, Backbone  # noqa: E402  (the two folders above must come first)
from teacher_net import Head  # noqa: E402

from fgbg_data.depth.tiny_net import normalise  # noqa: E402

Array = np.ndarray
SHORT_SIDES = (224, 322)
"""Sizes of the picture that the guesses are averaged over, in pixels."""


class Teacher:
    """Guesses relative inverse depth of single pictures, larger = nearer.

    Args:
        checkpoint: of `teach.py`.
        short_sides: sizes that are averaged; multiples of 14.
        mirrored: average with the guess for the mirror image, too.
    """

    def __init__(self, checkpoint: Path, short_sides: tuple[int, ...] = SHORT_SIDES, mirrored: bool = True) -> None:
        self.backbone = Backbone()
        self.head = Head()
        self.head.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
        self.head.eval()
        self.short_sides, self.mirrored = short_sides, mirrored

    def __call__(self, image: Array) -> Array:
        """(H, W, 3) uint8 RGB -> (H, W) float32 of median 0 and mean absolute deviation 1."""
        height, width = image.shape[:2]
        total = np.zeros((height, width), np.float32)
        for side in self.short_sides:
            inner = tuple(max(PATCH, round(s * side / min(height, width) / PATCH) * PATCH) for s in (height, width))
            how = cv2.INTER_AREA if inner[0] < height else cv2.INTER_LINEAR
            small = cv2.resize(image, inner[::-1], interpolation=how)
            x = normalise(torch.from_numpy(small[None]).permute(0, 3, 1, 2).float() / 255)
            x = torch.cat([x, x.flip(-1)]) if self.mirrored else x
            with torch.inference_mode():
                depth = self.head(self.backbone(x), x)
            depth = (depth[0] + depth[1].flip(-1)) / 2 if self.mirrored else depth[0]
            total += standardised(cv2.resize(depth.numpy(), (width, height), interpolation=cv2.INTER_LINEAR))
        return total / len(self.short_sides)


class Together:
    """The mean of the standardised guesses of several estimators, whose errors differ."""

    def __init__(self, *members: Callable[[Array], Array]) -> None:
        self.members = members

    def __call__(self, image: Array) -> Array:
        """(H, W, 3) uint8 RGB -> (H, W) float32 of median 0, about 1 wide."""
        total: Array = np.mean([standardised(member(image)) for member in self.members], 0)
        return total


def mirrored(member: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return the estimator that averages with the guess for the mirror image."""
    return lambda image: (member(image) + member(image[:, ::-1].copy())[:, ::-1]) / 2


def standardised(depth: Array) -> Array:
    """(H, W) -> the same minus its median, over its mean absolute deviation."""
    centred = depth - np.median(depth)
    out: Array = centred / max(float(np.abs(centred).mean()), 1e-6)
    return out


def main() -> None:
    """Print the tables of real photos and of composites."""
    import evaluate
    import judge_composites

    parser = argparse.ArgumentParser(description="Judge the teacher on real photos, and on composites of known masks.")
    parser.add_argument("--shared", type=Path, required=True, help="folder that holds rgbd, images and real")
    default = Path(os.environ.get("FGBG_TINY_CACHE", Path.home() / ".cache/fgbg-tiny")) / "runs" / "teacher" / "last.pt"
    parser.add_argument("--weights", type=Path, default=default, help="checkpoint (default: %(default)s)")
    parser.add_argument("--sides", type=int, nargs="+", default=list(SHORT_SIDES), help="short sides, multiples of 14")
    parser.add_argument("--single", action="store_true", help="do not average with the mirror image")
    parser.add_argument("--with-tiny", action="store_true", help="average with the packaged tiny")
    parser.add_argument("--composites", type=int, default=200, help="how many of them (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    teacher: Callable[[Array], Array] = Teacher(arguments.weights, tuple(arguments.sides), not arguments.single)
    if arguments.with_tiny:
        teacher = Together(teacher, mirrored(evaluate.estimator(None)))
    print(evaluate.table({"teacher": evaluate.judge(teacher, arguments.shared / "rgbd")}), flush=True)
    if arguments.composites:
        scores = judge_composites.judge(teacher, arguments.shared, arguments.composites)
        print("nearer, step, edges:", *(f"{v:.3f}" for v in scores))


if __name__ == "__main__":
    main()

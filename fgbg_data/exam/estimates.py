"""Depth estimates take an exam: any function from pictures to depth is scored, and so are baselines."""

from collections.abc import Callable

import numpy as np

from fgbg_data.errors import SourceError
from fgbg_data.exam.depth_scores import depth_scores
from fgbg_data.exam.opening import Exam
from fgbg_data.exam.scores import ExamScores, ramp
from fgbg_data.sample import Array

Estimate = Callable[[Array], Array]
"""(H, W, 3) uint8 RGB -> (h, w) finite relative inverse depth, larger is nearer, of any size, scale and shift."""


def score_estimates(estimate: Estimate, exam: Exam, *, report: Callable[[int], None] = lambda done: None) -> ExamScores:
    """Score depth estimates on the pictures of an exam that have depth.

    Args:
        estimate: estimates the depth of one picture.
        exam: the exam.
        report: called with the number of finished pictures.

    Raises:
        SourceError: no picture of the exam has depth, or a file changed since it was opened.
    """
    scores = ExamScores()
    entries = [entry for entry in exam.entries if entry.depth is not None]
    if not entries:
        raise SourceError("holds no depth; expected x.depth.png or x.depth.npy beside each picture", where=exam.path)
    for done, entry in enumerate(entries, start=1):
        picture = exam.read(entry)
        assert picture.depth is not None  # because the entry has a file of depth
        scores.add(entry.name, entry.set_name, depth_scores(estimate(picture.image), picture.depth, exam.protocol))
        report(done)
    return scores


def constant_baseline(image: Array) -> Array:
    """Predict the same depth everywhere."""
    return np.zeros(image.shape[:2], np.float32)


def noise_baseline(image: Array) -> Array:
    """Predict noise, the same for every picture of a size."""
    return np.random.default_rng(0).random(image.shape[:2]).astype(np.float32)


def ramp_baseline(image: Array) -> Array:
    """Predict that what is lower is nearer."""
    return ramp(image.shape[:2])


BASELINE_ESTIMATES: dict[str, Estimate] = {
    "constant": constant_baseline,
    "noise": noise_baseline,
    "ramp": ramp_baseline,
}
"""Name of a baseline -> the function that makes it."""

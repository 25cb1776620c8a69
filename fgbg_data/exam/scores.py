"""The scores of the pictures of an exam, from which those of sets follow: merging them is exact, in any order."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fgbg_data.exam.depth_scores import DEPTH_SCORES, depth_scores
from fgbg_data.exam.entry import ExamPicture
from fgbg_data.exam.mask_scores import MASK_SCORES, centred_ellipse, mask_scores
from fgbg_data.exam.protocol import ExamProtocol
from fgbg_data.sample import Array

COUNTS = ("pictures", "masks", "without_object", "depths")
"""Numbers of pictures: all, with a mask that was scored, among these without an object, and with depth that was
scored."""
PREFIX = "baseline_"
"""Stands before the name of a score that a baseline without a model gets."""
BASELINES = (f"{PREFIX}mask_iou_img", f"{PREFIX}delta1", f"{PREFIX}abs_rel", f"{PREFIX}order")
"""What baselines get: a centred ellipse as mask, and "lower is nearer" as depth."""
SCORES = (*MASK_SCORES, *DEPTH_SCORES)
"""Names of all scores, in the order of tables."""
LOWER_IS_BETTER = frozenset({"false_area", "abs_rel", "rmse", "silog"})
"""Scores that are better if they are lower."""

POOLED, MEAN = "pooled", "mean of sets"
"""Names of the columns behind the sets: over all pictures alike, and the mean of the columns of the sets."""
SYNTHETIC = "synthetic"
"""Name of the column of a dataset that stands beside the real pictures."""


@dataclass
class ExamScores:
    """The scores of pictures.

    Every mean is computed at the end and rounded correctly, so the order of adding and merging does not matter.
    """

    rows: dict[str, tuple[str, dict[str, float]]] = field(default_factory=dict)
    """Name of a picture -> its set and its scores."""

    def add(self, name: str, set_name: str, values: Mapping[str, float]) -> None:
        """Add the scores of a picture.

        Args:
            name: name of the picture, which must be new.
            set_name: its set.
            values: what `score_picture` returned.
        """
        if name in self.rows:
            raise ValueError(f"{name} has been scored already")
        self.rows[name] = set_name, dict(values)

    def merge(self, other: "ExamScores") -> "ExamScores":
        """Return the scores of the pictures of both; no picture may be in both."""
        merged = ExamScores(dict(self.rows))
        for name, (set_name, values) in other.rows.items():
            merged.add(name, set_name, values)
        return merged

    def compute(self) -> dict[str, dict[str, float]]:
        """Return column -> name -> value: a column for each set, and with several sets `pooled` and `mean of sets`.

        A score is left out where no picture has it, so no value is ever NaN.
        """
        sets: dict[str, list[dict[str, float]]] = {}
        for set_name, values in self.rows.values():
            sets.setdefault(set_name, []).append(values)
        columns = {name: summarise(sets[name]) for name in sorted(sets)}
        if len(columns) < 2:
            return columns
        names = [name for name in (*SCORES, *BASELINES) if any(name in column for column in columns.values())]
        every = {name: [column[name] for column in columns.values() if name in column] for name in names}
        pooled = summarise(values for _, values in self.rows.values())
        return {**columns, POOLED: pooled, MEAN: {name: _mean(values) for name, values in every.items()}}


def summarise(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the numbers of pictures and the scores of some pictures together.

    All scores are means over pictures, except `mask_iou`, which is pooled over pixels.

    Args:
        rows: the scores of each picture, as `score_picture` returns them.
    """
    rows = list(rows)
    found: dict[str, float] = {
        "pictures": len(rows),
        "masks": sum("either_px" in row for row in rows),
        "without_object": sum("false_area" in row for row in rows),
        "depths": sum("delta1" in row for row in rows),
    }
    if found["masks"] > found["without_object"]:
        found["mask_iou"] = sum(row.get("both_px", 0) for row in rows) / sum(row.get("either_px", 0) for row in rows)
    for name in (*SCORES, *BASELINES):
        values = [row[name] for row in rows if name in row]
        if values:
            found[name] = _mean(values)
    return {name: found[name] for name in (*COUNTS, *SCORES, *BASELINES) if name in found}


def score_picture(
    picture: ExamPicture, mask: Array | None, depth: Array | None, protocol: ExamProtocol
) -> dict[str, float]:
    """Score predictions of one picture, and baselines beside them.

    Args:
        picture: what is known.
        mask: predicted mask, (H, W) bool; None if nothing predicts one.
        depth: predicted relative inverse depth, (h, w), larger is nearer; None if nothing predicts it.
        protocol: how depth is scored.
    """
    found: dict[str, float] = {}
    if picture.mask is not None and mask is not None:
        found |= mask_scores(mask, picture.mask)
        if picture.mask.any():
            ellipse = centred_ellipse((picture.mask.shape[0], picture.mask.shape[1]))
            found[f"{PREFIX}mask_iou_img"] = float((ellipse & picture.mask).sum() / (ellipse | picture.mask).sum())
    if picture.depth is not None and depth is not None:
        found |= depth_scores(depth, picture.depth, protocol)
        baseline = depth_scores(ramp(picture.depth.shape), picture.depth, protocol)
        found |= {PREFIX + name: baseline[name] for name in ("delta1", "abs_rel", "order") if name in baseline}
    return found


def ramp(shape: tuple[int, ...]) -> Array:
    """Return the baseline "lower is nearer" as relative inverse depth: (H, W) float32."""
    return np.repeat(np.linspace(0, 1, shape[0], dtype=np.float32)[:, None], shape[1], 1)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)

"""Baselines, which need no model: a mask that is all foreground, and the mean depth map of train.

A model that does not beat both baselines has learned nothing.
"""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from fgbg_data.exam.scores import PREFIX
from fgbg_train.data.batches import BatchReader, Targets, to_device
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item, cut
from fgbg_train.measure.metrics import better

MOST_SAMPLES = 2000
"""Largest number of samples of a split that are used. The order of a split is a permutation, so its first samples are a
fair subset."""
BATCH = 64
"""Images in one batch."""


def worse_than_baseline(measured: Mapping[str, float]) -> list[str]:
    """Return the metrics in which a model is no better than its baseline.

    >>> worse_than_baseline({"rmse": 0.32, "baseline_rmse": 0.13, "mask_iou": 0.8, "baseline_mask_iou": 0.1})
    ['rmse']

    Args:
        measured: metrics of a model, and what `measure` returned for the same split.
    """
    baselines = {name.removeprefix(PREFIX): value for name, value in measured.items() if name.startswith(PREFIX)}
    return [name for name, value in baselines.items() if name in measured and not better(name, measured[name], value)]


def mean_depth(train: SampleReader, *, skip_errors: bool = False) -> Tensor | None:
    """Return the mean inverse depth of each pixel: (1, H, W) float64 in [0, 1]; None if the split has no depth.

    Raises:
        DataError: a sample cannot be read.
    """
    if not train.has_depth:
        return None
    total, count = torch.zeros(1, *train.full, dtype=torch.float64), 0
    for targets in read(train, skip_errors=skip_errors):
        assert targets.depth is not None  # because the split has depth
        total += targets.depth.double().sum(0)
        count += len(targets.depth)
    return total / count


def measure(split: SampleReader, mean: Tensor | None, *, skip_errors: bool = False) -> dict[str, float]:
    """Measure both baselines on a split, pooled over pixels at the size of the dataset.

    Args:
        split: a split of the dataset.
        mean: what `mean_depth` returned for train of that dataset.
        skip_errors: replace samples that cannot be read.

    Returns:
        `baseline_mask_iou`, for a mask that is foreground everywhere, and `baseline_rmse`, for the mean depth map. Each
        is left out if the dataset lacks the field.

    Raises:
        DataError: a sample cannot be read.
    """
    foreground = squares = 0.0
    pixels = 0
    for targets in read(split, skip_errors=skip_errors):
        pixels += targets.mask.numel()
        foreground += float(targets.mask.double().sum())
        if mean is not None and targets.depth is not None:
            squares += float((targets.depth.double() - mean).square().sum())
    found = {f"{PREFIX}mask_iou": foreground / pixels} if split.has_mask else {}
    if mean is not None and split.has_depth:
        found[f"{PREFIX}rmse"] = math.sqrt(squares / pixels)
    return found


def read(split: SampleReader, *, skip_errors: bool) -> Iterator[Targets]:
    """Yield the first samples of a split, in batches at the size of the dataset.

    Raises:
        DataError: a sample cannot be read.
    """
    reader = BatchReader({split.split: split}, skip_errors=skip_errors)
    for indices in cut(min(split.num_samples, MOST_SAMPLES), BATCH):
        batch = reader.read([Item(split.split, index, None, None) for index in indices])
        yield to_device(batch, torch.device("cpu"))

"""What a model must beat to have learnt anything: the mean depth map of train, and a mask that is all foreground."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from fgbg_train.data.samples import FULL_SIZE, SplitReader, StreamDataset, Targets, to_device
from fgbg_train.data.stream import Item, val_batches
from fgbg_train.errors import DataError

MOST_SAMPLES = 2000
"""Of a split that are looked at. The order of a split is a permutation, so that its first samples are a fair subset."""
BATCH = 64


def mean_depth(train: SplitReader, *, skip_errors: bool = False) -> Tensor | None:
    """Return the mean inverse depth of each pixel: (1, H, W) float64 in [0, 1]; None where there is no depth."""
    if not train.has_depth:
        return None
    total, count = torch.zeros(1, *train.full, dtype=torch.float64), 0
    for targets in read(train, skip_errors=skip_errors):
        assert targets.depth is not None  # as the split has it
        total += targets.depth.double().sum(0)
        count += len(targets.depth)
    return total / count


def measure(split: SplitReader, mean: Tensor | None, *, skip_errors: bool = False) -> dict[str, float]:
    """Measure both guesses on a split, pooled over pixels at the dataset's size.

    Args:
        split: of the dataset that `mean` is of.
        mean: what `mean_depth` returned.
        skip_errors: put other samples in the place of those that cannot be read.

    Returns:
        `baseline_mask_iou`: of a mask that is foreground everywhere; `baseline_rmse`: of the mean depth map. Each
        only where the dataset has the field.
    """
    foreground = squares = 0.0
    pixels = 0
    for targets in read(split, skip_errors=skip_errors):
        pixels += targets.mask.numel()
        foreground += float(targets.mask.double().sum())
        if mean is not None and targets.depth is not None:
            squares += float((targets.depth.double() - mean).square().sum())
    found = {"baseline_mask_iou": foreground / pixels} if split.has_mask else {}
    if mean is not None and split.has_depth:
        found["baseline_rmse"] = math.sqrt(squares / pixels)
    return found


def read(split: SplitReader, *, skip_errors: bool) -> Iterator[Targets]:
    """Give the first samples of a split, in batches at the dataset's size.

    Raises:
        DataError: one cannot be read.
    """
    dataset = StreamDataset({split.split: split}, skip_errors=skip_errors)
    for places in val_batches(min(split.num_samples, MOST_SAMPLES), BATCH):
        batch = dataset.__getitems__([Item(split.split, i, FULL_SIZE, FULL_SIZE) for i in places])
        if batch.error:
            raise DataError(batch.error)
        yield to_device(batch, torch.device("cpu"))

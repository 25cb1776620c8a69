"""Measure a model on batches, or on a whole split."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor

from fgbg_train import losses
from fgbg_train.config import LossConfig
from fgbg_train.data.batches import Batch, BatchReader, Targets, to_device
from fgbg_train.data.loader import Loader
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item, Segment, cut
from fgbg_train.measure.tally import Tally
from fgbg_train.models.blocks import height_width, resize
from fgbg_train.models.cascade import Cascade, Prediction


class Score(NamedTuple):
    """What measuring gives."""

    tally: Tally
    """Sums over all batches of all processes."""
    first: tuple[Targets, Prediction] | None
    """The first batch of this process and its prediction, for pictures; None if the process had no samples."""


@torch.no_grad()
def score(model: Cascade, batches: Iterable[Batch], fabric: Fabric, weights: LossConfig) -> Score:
    """Measure a model on batches, over all processes. Predictions are enlarged to the size of the targets.

    Args:
        model: the model of this process; it is left in evaluation mode.
        batches: the parts of the batches that this process measures.
        fabric: the launched fabric.
        weights: weights of the loss terms.
    """
    model.eval()
    tally, first = Tally(), None
    for batch in batches:
        if not batch.keys:
            continue
        targets = to_device(batch, fabric.device)
        with fabric.autocast():
            small = model(targets.image)
        prediction = enlarge(small, height_width(targets.mask))
        tally.add(prediction, targets, losses.terms(prediction, targets.mask, targets.depth, weights))
        first = first or (targets, prediction)
    return Score(tally.over_processes(fabric), first)


def score_split(
    model: Cascade,
    reader: SampleReader,
    fabric: Fabric,
    weights: LossConfig,
    *,
    side_px: int,
    batch: int,
    workers: int,
    skip_errors: bool,
) -> Tally:
    """Measure a model on a whole split, at the size of the dataset, over all processes.

    Args:
        model: the model of this process; it is left in evaluation mode.
        reader: reads the samples of the split.
        fabric: the launched fabric.
        weights: weights of the loss terms.
        side_px: shorter side of the images that the networks see, in pixels.
        batch: images of all processes in one batch.
        workers: processes that decode, for each device.
        skip_errors: replace samples that cannot be read.

    Raises:
        DataError: a sample cannot be read.
    """
    parts = [
        [Item(reader.split, index, side_px, None) for index in indices[fabric.global_rank :: fabric.world_size]]
        for indices in cut(reader.num_samples, batch)
    ]
    loader = Loader(
        BatchReader({reader.split: reader}, skip_errors=skip_errors),
        workers=workers,
        pin=fabric.device.type == "cuda",
    )
    batches = loader.read([Segment(reader.split, frozenset({side_px, None}), parts)])
    return score(model, batches, fabric, weights).tally


def enlarge(prediction: Prediction, size: tuple[int, int]) -> Prediction:
    """Resize each map of a prediction to (height, width)."""

    def resized(x: Tensor | None) -> Tensor | None:
        return None if x is None else resize(x.float(), size)

    return Prediction(resized(prediction.mask_logits), resized(prediction.depth), resized(prediction.reference))

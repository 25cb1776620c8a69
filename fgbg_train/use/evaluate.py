"""Measure a model on the splits of a dataset."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from fgbg_data.errors import option
from fgbg_train.config import FitConfig, LossConfig, from_table, merge, to_table
from fgbg_train.data.loader import Loader
from fgbg_train.data.samples import FULL_SIZE, Batch, SplitReader, StreamDataset, Targets, splits_of, to_device
from fgbg_train.data.stream import Item, Segment, val_batches
from fgbg_train.devices import gather, make_fabric
from fgbg_train.errors import ConfigError, DataError
from fgbg_train.measure import baseline, losses
from fgbg_train.measure.tally import Tally
from fgbg_train.models.blocks import height_width, resize
from fgbg_train.models.cascade import Cascade, Prediction
from fgbg_train.run import checkpoint


def enlarge(prediction: Prediction, size: tuple[int, int]) -> Prediction:
    """Bring every map of a prediction to (height, width)."""

    def fit(x: Tensor | None) -> Tensor | None:
        return None if x is None else resize(x.float(), size)

    return Prediction(fit(prediction.mask_logits), fit(prediction.depth), fit(prediction.reference))


def checked(batch: Batch) -> Batch:
    """Return the batch, or raise what a worker found wrong with it."""
    if batch.error:
        raise DataError(f"{batch.error}. {option('on_error', 'skip')} goes on without such samples and counts them")
    return batch


@torch.no_grad()
def score(
    model: Cascade,
    batches: Iterable[Batch],
    fabric: Fabric,
    weights: LossConfig,
    *,
    first: "list[tuple[Targets, Prediction]] | None" = None,
) -> Tally:
    """Measure a model on batches, over all processes; predictions are enlarged to the targets' size.

    Args:
        model: of this process; it is left in evaluation mode.
        batches: this process's parts.
        fabric: launched.
        weights: of the loss terms.
        first: gets the first batch and its prediction.
    """
    model.eval()
    tally = Tally()
    for batch in batches:
        if not checked(batch).keys:
            continue
        targets = to_device(batch, fabric.device)
        with fabric.autocast():
            small = model(targets.image)
        prediction = enlarge(small, height_width(targets.mask))
        tally.add(prediction, targets, losses.terms(prediction, targets.mask, targets.depth, weights))
        if first is not None and not first:
            first.append((targets, prediction))
    merged = Tally()
    for part in gather(fabric, tally.state()):
        merged = merged.merge(Tally.from_state(part))
    return merged


def score_split(
    model: Cascade, reader: SplitReader, fabric: Fabric, config: FitConfig, *, size_px: int, batch: int
) -> Tally:
    """Measure a model on a whole split: images at `size_px`, predictions enlarged to the dataset's size."""
    places = [
        [Item(reader.split, i, size_px, FULL_SIZE) for i in batch_places[fabric.global_rank :: fabric.world_size]]
        for batch_places in val_batches(reader.num_samples, batch)
    ]
    dataset = StreamDataset({reader.split: reader}, skip_errors=config.on_error == "skip")
    loader = Loader(dataset, workers=config.workers, pin=fabric.device.type == "cuda")
    batches = loader.read([Segment(reader.split, frozenset({size_px, FULL_SIZE}), places)])
    return score(model, batches, fabric, config.loss)


def evaluate(
    weights: Path | str,
    data: Path | str,
    *,
    splits: Sequence[str] = (),
    size_px: int = 0,
    batch: int = 64,
    options: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, float]]:
    """Measure a checkpoint on a dataset.

    Args:
        weights: the checkpoint.
        data: the dataset, of any source and format.
        splits: which; none: all of the dataset's but train.
        size_px: shorter side of the images that the networks see; 0: that of the training.
        batch: images at once.
        options: settings of `FitConfig` on how to compute: device, workers, limit, precision, on_error; and
            depth_field, where the depth is to be measured by another than it was trained on.

    Returns:
        For every split its metrics and losses, and beside them what `fgbg_train.baseline` guesses without a model.
    """
    path = Path(weights)
    state = checkpoint.load(path)
    table = to_table(checkpoint.load_config(path, state))
    config = from_table(merge(table, {"device": "auto", "devices": 1, "limit": 0, **(options or {})}))
    there, _ = splits_of(data, *splits, "val", "test", "train")
    wanted = tuple(splits) or tuple(s for s in there if s != "train") or there
    unknown = [s for s in wanted if s not in there]
    if unknown:
        raise ConfigError(f"{data} has no split {', '.join(unknown)}; there are {', '.join(there)}")
    fabric = make_fabric(config)
    fabric.launch()
    model = checkpoint.model_of(path, state).to(fabric.device)
    field, skip = config.depth_field, config.on_error == "skip"
    readers = [SplitReader(str(data), split, config.limit, depth_field=field) for split in wanted]
    mean = None
    if "train" in there:
        mean = baseline.mean_depth(SplitReader(str(data), "train", depth_field=field), skip_errors=skip)
    found = {}
    for reader in readers:
        if config.model.networks != "mask":
            reader.check_depth(asked="depth_field" in (options or {}))
        if not reader.has_depth and config.model.networks == "depth":
            raise DataError(f"{data}: the split {reader.split} has no depth to measure a depth network by")
        tally = score_split(model, reader, fabric, config, size_px=size_px or state["size_px"], batch=batch)
        guessed = baseline.measure(reader, mean, skip_errors=skip)
        found[reader.split] = {"samples": float(tally.images), **tally.compute(), **guessed}
    return found

"""Measures a model on the splits of a dataset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from fgbg_data.options import at_least, nearest
from fgbg_train.config import DepthField, Device, OnError, Precision
from fgbg_train.data.sample_reader import SampleReader, splits_of
from fgbg_train.devices import make_fabric
from fgbg_train.errors import ConfigError, DataError
from fgbg_train.measure import baseline
from fgbg_train.measure.score import score_split
from fgbg_train.run.checkpoint import find_checkpoint, load, load_config, model_of
from fgbg_train.settings import checked_location


def evaluate(
    checkpoint: Path | str,
    data: Path | str,
    *,
    splits: Sequence[str] = (),
    size_px: int | None = None,
    batch: int = 64,
    device: Device = "auto",
    workers: int = 2,
    precision: Precision | None = None,
    depth_field: DepthField | None = None,
    limit: int = 0,
    on_error: OnError = "fail",
) -> dict[str, dict[str, float]]:
    """Measure a checkpoint on a dataset.

    >>> evaluate("runs/demo", "shards/", splits=["test"])["test"]["mask_iou"]  # doctest: +SKIP
    0.86

    Args:
        checkpoint: a checkpoint, the folder of a run (its best checkpoint), or the `.safetensors` file of `export`.
        data: folder or URL of a dataset, which need not be the one of the training.
        splits: names of splits; without any, all splits but train are measured.
        size_px: shorter side of the images that the networks see, in pixels; None is that of the training.
        batch: images of all processes in one batch.
        device: where to compute; `auto` takes a GPU if there is one.
        workers: number of processes that decode samples.
        precision: precision of the floats in the networks; None is that of the training.
        depth_field: the field of the dataset that depth is compared with; None is that of the training.
        limit: use at most this number of samples of each split; 0 uses all.
        on_error: what to do with a sample that cannot be read: `fail`, or `skip` it and take another one.

    Returns:
        Split -> metric -> value: the number of samples, losses and metrics at the size of the dataset, and
        `baseline_mask_iou` and `baseline_rmse`, which need no model.

    Raises:
        FgbgError: the checkpoint, the dataset or an option cannot be used as asked.
    """
    at_least("batch", batch, 1)
    if size_px is not None:
        at_least("size_px", size_px, 1)
    path, data = find_checkpoint(checkpoint), checked_location("data", data)
    state = load(path)
    trained = load_config(path, state)
    config = dataclasses.replace(
        trained,
        device=device,
        devices=1,
        workers=workers,
        precision=precision or trained.precision,
        depth_field=depth_field or trained.depth_field,
        limit=limit,
        on_error=on_error,
    )
    available, _ = splits_of(data, *splits, "val", "test", "train")
    wanted = tuple(splits) or tuple(s for s in available if s != "train") or available
    unknown = [split for split in wanted if split not in available]
    if unknown:
        hint = nearest(unknown[0], available)
        raise ConfigError(f"has no split {unknown[0]!r}, only {', '.join(available)}{hint}", where=data)
    fabric = make_fabric(config)
    fabric.launch()
    model = model_of(path, state).to(fabric.device)
    skip = on_error == "skip"
    readers = [SampleReader(str(data), split, limit, depth_field=config.depth_field) for split in wanted]
    mean = None
    if "train" in available:
        train = SampleReader(str(data), "train", depth_field=config.depth_field)
        mean = baseline.mean_depth(train, skip_errors=skip)
    found = {}
    for reader in readers:
        if config.model.networks != "mask":
            reader.check_depth(required=depth_field is not None)
        if not reader.has_depth and config.model.networks == "depth":
            raise DataError(f"the split {reader.split!r} has no depth to measure a depth network by", where=data)
        tally = score_split(
            model,
            reader,
            fabric,
            config.loss,
            side_px=size_px or state["size_px"],
            batch=batch,
            workers=workers,
            skip_errors=skip,
        )
        baselines = baseline.measure(reader, mean, skip_errors=skip)
        found[reader.split] = {"samples": float(tally.images), **tally.compute(), **baselines}
    return found

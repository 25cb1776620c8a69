"""Measures a model on real pictures whose masks or depth are known."""

import dataclasses
from pathlib import Path

from fgbg_data.exam.opening import Exam, open_exam
from fgbg_data.exam.protocol import DEFAULT, ExamProtocol
from fgbg_data.exam.report import ExamReport
from fgbg_data.exam.scores import summarise
from fgbg_data.options import at_least
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_train.config import Device, FitConfig, Precision
from fgbg_train.data.sample_reader import SampleReader, splits_of
from fgbg_train.devices import make_fabric
from fgbg_train.errors import DataError
from fgbg_train.measure.exam import predictor, score_exam, score_samples
from fgbg_train.run.checkpoint import find_checkpoint, load, load_config, model_of
from fgbg_train.settings import checked_location, checked_path

MOST_SAMPLES = 2000
"""Largest number of samples of a dataset that are compared with the real pictures."""


def examine(
    checkpoint: Path | str,
    photos: Path | str,
    *,
    dataset: Path | str | None = None,
    protocol: ExamProtocol = DEFAULT,
    size_px: int | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    limit: int = 0,
    progress: Progress = None,
) -> ExamReport:
    """Measure a checkpoint on real pictures, each at its own size.

    >>> examine("runs/demo", "photos/").columns["pooled"]["mask_iou_img"]  # doctest: +SKIP
    0.41

    Args:
        checkpoint: a checkpoint, the folder of a run (its best checkpoint), or the `.safetensors` file of `export`.
        photos: a folder of pictures with their masks and depth (see `docs/exam.md`), or a COCO file (.json).
        dataset: a dataset whose split test (or val, if it has no test) is scored in the same way, for the gap between
            synthetic and real pictures.
        protocol: unit and kind of the depth of the pictures, alignment, cap and crop.
        size_px: shorter side of the images that the networks see, in pixels; None is that of the training.
        device: where to compute; `auto` takes a GPU if there is one.
        precision: precision of the floats in the networks; None is that of the training.
        limit: use at most this number of samples of the dataset; 0 uses 2,000.
        progress: how progress is shown; see `fgbg_data.runtime.progress`.

    Returns:
        Scores for each set of pictures. `str()` of it is a table.

    Raises:
        FgbgError: a picture, the checkpoint, the dataset or an option cannot be used as asked.
    """
    if size_px is not None:
        at_least("size_px", size_px, 1)
    at_least("limit", limit, 0)
    path = find_checkpoint(checkpoint)
    state = load(path)
    trained = load_config(path, state)
    config = dataclasses.replace(trained, device=device, devices=1, precision=precision or trained.precision)
    reader = None if dataset is None else _reader(checked_location("dataset", dataset), config, limit)
    fabric = make_fabric(config)
    fabric.launch()
    shown = reporter(progress)
    exam = open_exam(checked_path("photos", photos), protocol, progress=shown)
    _check_networks(exam, config)
    predict = predictor(model_of(path, state).to(fabric.device), fabric, size_px or state["size_px"])
    with activity(shown, "exam", len(exam.entries), "pictures"):
        scores = score_exam(predict, exam, fabric, report=shown.update)
    synthetic: dict[str, float] = {}
    about: dict[str, str] = {}
    if reader is not None:
        found = score_samples(predict, reader, exam)
        synthetic = summarise(values for _, values in found.rows.values())
        about["synthetic"] = f"split {reader.split} of {dataset}"
    return ExamReport(
        exam=str(exam.path),
        columns=scores.compute(),
        protocol=exam.describe() | about,
        notes=exam.notes,
        synthetic=synthetic,
    )


def _reader(data: str, config: FitConfig, limit: int) -> SampleReader:
    """Return the samples of a dataset that are compared with real pictures."""
    splits, _ = splits_of(data, "test", "val", "train")
    split = next((name for name in ("test", "val") if name in splits), None)
    if split is None:
        raise DataError(f"has no split test or val to compare with, only {', '.join(splits)}", where=data)
    return SampleReader(data, split, limit or MOST_SAMPLES, depth_field=config.depth_field)


def _check_networks(exam: Exam, config: FitConfig) -> None:
    """Refuse an exam that asks nothing that the networks predict."""
    networks = config.model.networks
    if not (exam.has_masks and networks != "depth") and not (exam.has_depth and networks != "mask"):
        has = "depth" if exam.has_depth else "masks"
        raise DataError(f"holds only {has}, and the model predicts none", where=exam.path)

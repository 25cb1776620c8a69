"""Measures a model on real pictures whose masks or depth are known."""

import dataclasses
from pathlib import Path

from PIL import Image

from fgbg_data.drawing.sheets import save_png
from fgbg_data.exam.opening import Exam, open_exam
from fgbg_data.exam.panel import (
    ANSWER,
    choose,
    draw_panel,
    known_depth_picture,
    mask_answer,
    mask_picture,
    ordering_score,
    predicted_depth_picture,
)
from fgbg_data.exam.protocol import DEFAULT, ExamProtocol
from fgbg_data.exam.report import ExamReport
from fgbg_data.exam.scores import ExamScores, summarise
from fgbg_data.options import at_least
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_train.config import Device, FitConfig, Precision
from fgbg_train.data.sample_reader import SampleReader, splits_of
from fgbg_train.devices import make_fabric
from fgbg_train.errors import DataError
from fgbg_train.measure.exam import check_asked, predictor, score_exam, score_samples
from fgbg_train.measure.picture import Predict
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
    panel: Path | str | None = None,
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
        panel: write a picture (PNG) of the worst, the middle and the best predictions to this path.
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
    check_asked(exam, config.model.networks)
    predict = predictor(model_of(path, state).to(fabric.device), fabric, size_px or state["size_px"])
    with activity(shown, "exam", len(exam.entries), "pictures"):
        scores = score_exam(predict, exam, fabric, report=shown.update)
    if panel is not None:
        save_png(draw_predictions(predict, exam, scores), checked_path("panel", panel))
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


def draw_predictions(predict: Predict, exam: Exam, scores: ExamScores) -> Image.Image:
    """Draw the worst, the middle and the best predictions of an exam.

    Args:
        predict: predicts one picture.
        exam: the exam.
        scores: what `predict` got for its pictures.
    """
    chosen = choose(scores, ordering_score(scores))
    by_name = {entry.name: entry for entry in exam.entries}
    rows = []
    for name in chosen:
        picture = exam.read(by_name[name])
        probability, depth = predict(picture.image)
        cells = {"picture": picture.image}
        if picture.mask is not None and probability is not None:
            mask = probability >= 0.5
            cells |= {"mask": mask_picture(picture.mask), "predicted mask": mask_picture(mask)}
            cells[ANSWER] = mask_answer(picture.image, mask, picture.mask)
        if picture.depth is not None and depth is not None:
            cells |= {"depth": known_depth_picture(picture.depth), "predicted depth": predicted_depth_picture(depth)}
        rows.append(cells)
    return draw_panel(rows, list(chosen.values()))


def _reader(data: str, config: FitConfig, limit: int) -> SampleReader:
    """Return the samples of a dataset that are compared with real pictures."""
    splits, _ = splits_of(data, "test", "val", "train")
    split = next((name for name in ("test", "val") if name in splits), None)
    if split is None:
        raise DataError(f"has no split test or val to compare with, only {', '.join(splits)}", where=data)
    return SampleReader(data, split, limit or MOST_SAMPLES, depth_field=config.depth_field)

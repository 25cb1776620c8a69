"""A model takes an exam: real pictures, each predicted at its own size, one after the other."""

from collections.abc import Callable, Iterator

import torch
from lightning_fabric import Fabric

from fgbg_data.exam.entry import ExamPicture
from fgbg_data.exam.opening import Exam
from fgbg_data.exam.scores import ExamScores, score_picture
from fgbg_train.config import Networks
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.devices import gather
from fgbg_train.errors import DataError
from fgbg_train.measure.metrics import positive_depth
from fgbg_train.measure.picture import Picture, Plane, Predict, predict_picture
from fgbg_train.models.cascade import Cascade


def check_asked(exam: Exam, networks: Networks) -> None:
    """Refuse an exam that asks nothing that the networks predict.

    Raises:
        DataError: it has only depth and there is no depth network, or only masks and there is no mask network.
    """
    if not (exam.has_masks and networks != "depth") and not (exam.has_depth and networks != "mask"):
        has = "depth" if exam.has_depth else "masks"
        raise DataError(f"holds only {has}, and the model predicts none", where=exam.path)


def predictor(model: Cascade, fabric: Fabric, side_px: int) -> Predict:
    """Return a function that predicts one picture of any size.

    Args:
        model: the networks, on the device of `fabric`; they are set to evaluation mode.
        fabric: the launched fabric.
        side_px: shorter side of the images that the networks see, in pixels.
    """
    model.eval()

    def predict(image: Picture) -> tuple[Plane | None, Plane | None]:
        with fabric.autocast():
            return predict_picture(model, image, side_px, fabric.device)

    return predict


def score_exam(
    predict: Predict, exam: Exam, fabric: Fabric, *, report: Callable[[int], None] = lambda done: None
) -> ExamScores:
    """Score predictions on an exam, over all processes; every process must call this.

    Args:
        predict: predicts one picture.
        exam: the exam.
        fabric: the launched fabric; each process takes its share of the pictures.
        report: called with the number of finished pictures of this process.

    Raises:
        SourceError: a picture of the exam changed since it was opened, and cannot be used any more.
    """
    scores = ExamScores()
    mine = exam.entries[fabric.global_rank :: fabric.world_size]
    for done, entry in enumerate(mine, start=1):
        picture = exam.read(entry)
        scores.add(entry.name, entry.set_name, _scored(predict, picture, exam))
        report(done)
    total = ExamScores()
    for rows in gather(fabric, scores.rows):
        total = total.merge(ExamScores(rows))
    return total


def score_samples(predict: Predict, reader: SampleReader, exam: Exam) -> ExamScores:
    """Score predictions on the samples of a dataset in the way of an exam.

    The relative inverse depth of a dataset is compared as the positive depth of `measure.metrics`.

    Args:
        predict: predicts one picture.
        reader: reads the samples.
        exam: the exam whose way of scoring is taken.

    Raises:
        FgbgError: a sample cannot be read.
    """
    scores = ExamScores()
    for index, picture in enumerate(_pictures(reader, exam)):
        scores.add(str(index), reader.split, _scored(predict, picture, exam))
    return scores


def _scored(predict: Predict, picture: ExamPicture, exam: Exam) -> dict[str, float]:
    probability, depth = predict(picture.image)
    return score_picture(picture, None if probability is None else probability >= 0.5, depth, exam.protocol)


def _pictures(reader: SampleReader, exam: Exam) -> Iterator[ExamPicture]:
    """Yield the samples of a split at the size of the dataset, with the fields that the exam also has."""
    for index in range(reader.num_samples):
        pixels = reader.read(index, None)
        depth = None
        if pixels.depth is not None and exam.has_depth:
            depth = positive_depth(torch.from_numpy(pixels.depth.astype("float32") / 65535)).numpy()
        yield ExamPicture(pixels.image, pixels.mask >= 128 if reader.has_mask and exam.has_masks else None, depth)

"""Depth estimators take an exam of real pictures, and are compared with each other and with baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from fgbg_data.config import Device
from fgbg_data.drawing.sheets import save_png
from fgbg_data.errors import ConfigError
from fgbg_data.exam.estimates import BASELINE_ESTIMATES, Estimate, score_estimates
from fgbg_data.exam.opening import Exam, open_exam
from fgbg_data.exam.panel import choose, draw_panel, known_depth_picture, ordering_score, predicted_depth_picture
from fgbg_data.exam.protocol import DEFAULT, ExamProtocol
from fgbg_data.exam.report import ExamReport
from fgbg_data.exam.scores import ExamScores
from fgbg_data.labelling import estimate_checked, load_checked
from fgbg_data.options import to_path
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.sample import Array


def examine_estimators(
    exam: str | Path,
    estimators: Sequence[str],
    *,
    protocol: ExamProtocol = DEFAULT,
    device: Device = "auto",
    panel: str | Path | None = None,
    progress: Progress = None,
) -> dict[str, ExamReport]:
    """Score depth estimators on real pictures whose depth is known, and baselines beside them.

        reports = examine_estimators("photos", ["tiny", "depth-anything-v2-small"])
        print(comparison_table(reports))

    Args:
        exam: a folder of pictures with their depth (see `docs/exam.md`).
        estimators: names of estimators.
        protocol: unit and kind of the depth, alignment, cap and crop.
        device: `auto`, `cpu` or `cuda`.
        panel: write a picture (PNG) of the worst, the middle and the best depth of the first estimator to this path,
            beside that of the others.
        progress: see `fgbg_data.runtime.progress`.

    Returns:
        Name -> report: first the baselines (`constant`, `noise`, and `ramp`: lower is nearer), then the estimators. A
        report has a column for each set of pictures, `pooled`, and `mean of sets`.

    Raises:
        FgbgError: an option or an estimator cannot be used, or some pictures cannot; all of these are listed at once.
    """
    if not estimators:
        raise ConfigError("expected at least one estimator")
    shown = reporter(progress)
    opened = open_exam(exam, protocol, progress=shown)
    predictors: dict[str, Estimate] = dict(BASELINE_ESTIMATES)
    for name in estimators:
        predictors[name] = _predictor(name, device, opened.path)
    scores: dict[str, ExamScores] = {}
    for name, estimate in predictors.items():
        with activity(shown, name, len(opened.entries), "pictures"):
            scores[name] = score_estimates(estimate, opened, report=shown.update)
    if panel is not None:
        picture = _draw(opened, scores, {name: predictors[name] for name in estimators})
        save_png(picture, to_path("panel", panel))
    return {
        name: ExamReport(
            exam=str(opened.path),
            columns=found.compute(),
            protocol=opened.protocol.of_depth(),
            notes=opened.notes,
        )
        for name, found in scores.items()
    }


def _predictor(name: str, device: Device, where: Path) -> Estimate:
    """Load an estimator, and return a function that estimates one picture."""
    estimator = load_checked(name, device, 1)
    return lambda image: estimate_checked(estimator, [image], [where])[0]


def _draw(exam: Exam, scores: Mapping[str, ExamScores], predictors: Mapping[str, Estimate]) -> Image.Image:
    """Draw the worst, the middle and the best pictures of the first estimator, with the depth of all."""
    first = scores[next(iter(predictors))]
    chosen = choose(first, ordering_score(first))
    by_name = {entry.name: entry for entry in exam.entries}
    rows: list[dict[str, Array]] = []
    for name in chosen:
        picture = exam.read(by_name[name])
        assert picture.depth is not None  # because it was scored
        cells = {"picture": picture.image, "depth": known_depth_picture(picture.depth)}
        rows.append(cells | {name: predicted_depth_picture(p(picture.image)) for name, p in predictors.items()})
    return draw_panel(rows, list(chosen.values()))

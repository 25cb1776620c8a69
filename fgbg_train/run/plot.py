"""Curves of runs, drawn from nothing but their log.csv."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fgbg_data.exam.scores import PREFIX
from fgbg_data.runtime.files import write_whole
from fgbg_train.errors import DataError
from fgbg_train.run.folder import LOG
from fgbg_train.run.log import BASELINE, EXAM, read_rows
from fgbg_train.settings import checked_path, checked_paths

PANELS = {
    "loss": "loss",
    "mask_iou": "mask IoU (higher is better)",
    "rmse": "depth RMSE (lower is better)",
    "delta1": "depth delta < 1.25 (higher is better)",
}
"""Column of log.csv -> title of its curves."""
EXAM_PANELS = {
    "exam_mask_iou_img": "exam: mask IoU (higher is better)",
    "exam_boundary_f": "exam: boundary F (higher is better)",
    "exam_false_area": "exam: false area without objects (lower is better)",
    "exam_delta1": "exam: aligned depth delta < 1.25 (higher is better)",
}
"""The same for columns of an exam; each of its sets has a thin line."""
TRAIN, VAL = "train", "val"

Rows = Sequence[dict[str, str]]


def plot(runs: Sequence[Path | str] | Path | str, out: Path | str) -> Path:
    """Draw the curves of one run or of several into one picture.

    >>> plot(["runs/demo", "runs/other"], out="curves.png")  # doctest: +SKIP
    PosixPath('curves.png')

    Training is a thin line; val and an exam are thick ones. A dashed line is a baseline, which needs no model, on val
    or the exam. For one run, its image sizes stand above the curves.

    Args:
        runs: a folder of a run, or several.
        out: the picture; its suffix (.png, .svg, .pdf) gives the format.

    Returns:
        The path of the picture.

    Raises:
        DataError: a folder holds no log, nothing has been logged, or the format is unknown.
        StorageError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folders = checked_paths("runs", runs)
    target = checked_path("out", out)
    logs = {folder: read_rows(folder / LOG) for folder in folders}
    empty = [str(folder) for folder, rows in logs.items() if not rows]
    if empty:
        raise DataError(f"no {LOG} with rows in {', '.join(empty)}")
    titles = PANELS | EXAM_PANELS
    shown = [name for name in titles if any(row.get(name) for rows in logs.values() for row in rows)]
    num_rows, num_columns = -(-len(shown) // 2), min(2, len(shown))
    figure = Figure(figsize=(6.5 * num_columns, 3.6 * num_rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flat
    for axes, name in zip(grid, shown, strict=False):
        for i, (folder, rows) in enumerate(logs.items()):
            before = "" if len(logs) == 1 else f"{folder.name} "
            if name in EXAM_PANELS:
                _draw_exam(axes, name, rows, f"C{i}", before)
            else:
                _draw_splits(axes, name, rows, f"C{i}", before)
        if len(logs) == 1:
            _mark_sizes(axes, logs[folders[0]])
        axes.set_title(titles[name], fontsize=11, pad=16)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    for axes in grid:  # the cell that is left over if the number of panels is odd
        axes.set_axis_off()
    named = {label: line for axes in figure.axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside upper right", ncols=4)
    with write_whole(target) as temporary:
        try:
            figure.savefig(temporary, format=target.suffix[1:], dpi=110)
        except ValueError as error:
            raise DataError(f"the curves cannot be written ({error})", where=target) from error
    return target


def _draw_splits(axes: Any, name: str, rows: Rows, colour: str, before: str) -> None:
    """Draw a column of train and val, and the baseline on val."""
    for split, width, marker in ((TRAIN, 1.0, "x"), (VAL, 2.2, "o")):
        points = _points(rows, split, name)
        if points:
            style = {"linewidth": width, "marker": marker, "markersize": 4}
            axes.plot(*zip(*points, strict=True), colour, label=before + split, **style)
    for row in rows:
        if row["split"] == BASELINE and row.get(name):
            axes.axhline(float(row[name]), color=colour, linestyle="--", linewidth=1.2, label="baseline")


def _draw_exam(axes: Any, name: str, rows: Rows, colour: str, before: str) -> None:
    """Draw a column of an exam, and its baseline; of a single run also each set in a colour of its own."""
    if points := _points(rows, EXAM, name):
        axes.plot(*zip(*points, strict=True), colour, linewidth=2.2, marker="s", markersize=4, label=f"{before}{EXAM}")
    baseline = [row.get(name.replace(f"{EXAM}_", f"{EXAM}_{PREFIX}")) for row in rows if row["split"] == EXAM]
    if baseline and baseline[-1]:
        axes.axhline(float(baseline[-1]), color=colour, linestyle="--", linewidth=1.2, label="baseline")
    sets = [] if before else dict.fromkeys(row["split"] for row in rows if row["split"].startswith(f"{EXAM}/"))
    for number, split in enumerate(sets, start=1):
        if points := _points(rows, split, name):
            axes.plot(*zip(*points, strict=True), f"C{number}", linewidth=1.0, marker=".", label=split)


def _points(rows: Rows, split: str, name: str) -> list[tuple[int, float]]:
    """Return (epoch, value) of a column for one split."""
    return [(int(row["epoch"]), float(row[name])) for row in rows if row["split"] == split and row.get(name)]


def sizes(rows: Rows) -> list[tuple[int, int]]:
    """Return (epoch, image size in px) of the first epoch, and of each epoch whose size differs from the one before."""
    found = [(int(row["epoch"]), int(row["size_px"])) for row in rows if row["split"] == TRAIN]
    return found[:1] + [now for before, now in zip(found, found[1:], strict=False) if now[1] != before[1]]


def _mark_sizes(axes: Any, rows: Rows) -> None:
    """Write the image sizes above the curves, with a dotted line at each change."""
    for epoch, size_px in sizes(rows):
        if epoch > 1:
            axes.axvline(epoch - 0.5, color="grey", linestyle=":", linewidth=1)
        left, transform = (epoch - 0.45, axes.get_xaxis_transform()) if epoch > 1 else (0.01, axes.transAxes)
        axes.text(left, 1.01, f"{size_px} px", transform=transform, fontsize=8, color="grey")

"""Curves of runs, drawn from nothing but their log.csv."""

from collections.abc import Sequence
from pathlib import Path

from fgbg_train.errors import DataError
from fgbg_train.run.log import read_rows

PANELS = {
    "loss": "loss",
    "mask_iou": "mask IoU (higher is better)",
    "rmse": "depth RMSE (lower is better)",
    "delta1": "depth delta < 1.25 (higher is better)",
}
TRAIN, VAL = "train", "val"


def plot_runs(runs: Sequence[Path], out: Path) -> None:
    """Draw the curves of runs into one picture; the file type follows the ending of `out`.

    Training is a thin line, val a thick one. With one run, the sizes of its images stand above.

    Raises:
        DataError: a folder holds no log, or nothing has been logged.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    logs = {run: read_rows(run / "log.csv") for run in runs}
    empty = [str(run) for run, rows in logs.items() if not rows]
    if empty:
        raise DataError(f"no log.csv with rows in {', '.join(empty)}")
    panels = [p for p in PANELS if any(row.get(p) for rows in logs.values() for row in rows)]
    rows_of_panels = -(-len(panels) // 2)
    figure = Figure(figsize=(6.5 * min(2, len(panels)), 3.6 * rows_of_panels + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(rows_of_panels, min(2, len(panels)), squeeze=False).flat
    for axes, name in zip(places, panels, strict=False):
        for i, (run, rows) in enumerate(logs.items()):
            for split, width in ((TRAIN, 1.0), (VAL, 2.2)):
                points = [(int(r["epoch"]) + 1, float(r[name])) for r in rows if r["split"] == split and r.get(name)]
                if points:
                    label = split if len(runs) == 1 else f"{run.name} {split}"
                    axes.plot(*zip(*points, strict=True), f"C{i}", linewidth=width, marker=".", label=label)
        if len(runs) == 1:
            for epoch, size_px in sizes(logs[runs[0]]):
                if epoch:
                    axes.axvline(epoch + 0.5, color="grey", linestyle=":", linewidth=1)
                left, place = (epoch + 0.55, axes.get_xaxis_transform()) if epoch else (0.01, axes.transAxes)
                axes.text(left, 1.01, f"{size_px} px", transform=place, fontsize=8, color="grey")
        axes.set_title(PANELS[name], fontsize=11, pad=16)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    for axes in places:  # of an odd number of panels
        axes.set_axis_off()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    try:
        figure.savefig(out, dpi=110)
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: the curves cannot be written ({error})") from error


def sizes(rows: Sequence[dict[str, str]]) -> list[tuple[int, int]]:
    """Return (epoch, size in px) of the first epoch, and of every one that has another size than the one before."""
    found = [(int(row["epoch"]), int(row["size_px"])) for row in rows if row["split"] == TRAIN]
    return found[:1] + [now for before, now in zip(found, found[1:], strict=False) if now[1] != before[1]]

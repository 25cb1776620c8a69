"""Curves of runs, drawn from nothing but their log.csv."""

from collections.abc import Sequence
from pathlib import Path

from fgbg_train.errors import DataError
from fgbg_train.log import read_rows

PANELS = {
    "loss": "loss",
    "mask_iou": "mask IoU (higher is better)",
    "rmse": "depth RMSE (lower is better)",
    "delta1": "depth delta < 1.25 (higher is better)",
}
TRAIN, VAL = "train", "val"


def plot_runs(runs: Sequence[Path], out: Path) -> None:
    """Draw the curves of runs into one picture; the file type follows the ending of `out`.

    Training is a thin line, val a thick one. With one run, dotted lines mark where the image size changes.

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
    figure = Figure(figsize=(6 * len(panels), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for i, (run, rows) in enumerate(logs.items()):
            for split, width in ((TRAIN, 1.0), (VAL, 2.2)):
                points = [(int(r["epoch"]) + 1, float(r[name])) for r in rows if r["split"] == split and r.get(name)]
                if points:
                    label = split if len(runs) == 1 else f"{run.name} {split}"
                    axes.plot(*zip(*points, strict=True), f"C{i}", linewidth=width, marker=".", label=label)
        if len(runs) == 1:
            for epoch, size_px in size_changes(logs[runs[0]]):
                axes.axvline(epoch + 0.5, color="grey", linestyle=":", linewidth=1)
                place = axes.get_xaxis_transform()
                axes.text(epoch + 0.55, 0.02, f"{size_px} px", transform=place, fontsize=8, color="grey")
        axes.set(xlabel="epoch", title=PANELS[name])
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper right")
    try:
        figure.savefig(out, dpi=110)
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: the curves cannot be written ({error})") from error


def size_changes(rows: Sequence[dict[str, str]]) -> list[tuple[int, int]]:
    """Return (epoch, size in px) of every epoch that has another training size than the one before."""
    sizes = [(int(row["epoch"]), int(row["size_px"])) for row in rows if row["split"] == TRAIN]
    return [now for before, now in zip(sizes, sizes[1:], strict=False) if now[1] != before[1]]

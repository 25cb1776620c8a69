"""Shows the ground that is found in each background, before anything is built."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from fgbg_data.building.estimating import load_for_workers
from fgbg_data.building.find_grounds import Background, find_grounds
from fgbg_data.compositing.resize import fit_background
from fgbg_data.compositing.sources import find_pictures
from fgbg_data.config import Device, Fit
from fgbg_data.drawing.grounds import draw_ground
from fgbg_data.drawing.sheets import GAP_PX, save_png
from fgbg_data.errors import EstimatorError, option
from fgbg_data.ground.ground import Ground
from fgbg_data.ground.notes import GroundNote, read_notes
from fgbg_data.options import parse_size, to_path, to_size_text
from fgbg_data.pictures import load_rgb, quiet
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.sample import Array

COLUMNS = 6
"""Pictures in a row of the sheet."""
CELL_PX = 224
"""Longer side of a picture on the sheet: larger ones are shrunk."""
CAPTION_PX = 26
"""Height of the two lines of text below a picture."""


@dataclass(frozen=True, kw_only=True)
class GroundReport:
    """What was found in one background."""

    file: str
    """Path relative to the folder of the backgrounds, with `/`."""
    area: float
    """Share of the picture on which things can stand; 0 without ground."""
    horizon: float | None
    """Row of the horizon in the middle of the canvas, as a share of its height from the top; None without ground."""
    reason: str = ""
    """Why it has no ground; empty if it has one."""


def survey_ground(
    backgrounds: str | Path,
    sheet: str | Path,
    *,
    depth: str = "tiny",
    device: Device = "auto",
    size: int | str | tuple[int, int] = "224",
    fit: Fit = "cover",
    progress: Progress = None,
) -> list[GroundReport]:
    """Find the ground of each background and draw what was found, as a build with `place="ground"` finds it.

        survey_ground("bg", "sheet.png")

    On the sheet, the ground is tinted green, the horizon is red, and figures of 1.7 m stand on the ground. Backgrounds
    without ground are dark. `ground.csv` in the folder corrects what is wrong: its columns are `file`, `ground` (`no`
    if nothing can stand there) and `horizon` (a share of the picture's height from the top).

    Args:
        backgrounds: folder of backgrounds, searched with its subfolders.
        sheet: PNG file to write.
        depth: name of the depth estimator.
        device: `auto`, `cpu` or `cuda`.
        size: size of the canvas, as for a build.
        fit: how a background fills the canvas, as for a build.
        progress: see `build`.

    Raises:
        FgbgError: an option cannot work, or a picture cannot be used.
    """
    if depth == "none":
        raise EstimatorError(f"{option('depth', 'none')}: sees no ground; `fgbg-data estimators` lists the estimators")
    folder, canvas = to_path("backgrounds", backgrounds), parse_size("size", to_size_text("size", size))
    shown = reporter(progress)
    files = find_pictures(folder, "background").files
    notes = read_notes(folder, files)
    estimator, _ = load_for_workers(depth, device, None)
    images: list[Array] = []

    def load(number: int) -> Background:
        file = files[number]
        with quiet():
            picture = load_rgb(folder / file)
        images.append(fit_background(picture, canvas, fit))
        return Background(file, images[-1], (picture.height, picture.width), notes.get(file, GroundNote()))

    reports: list[GroundReport] = []
    cells: list[Image.Image] = []
    with activity(shown, "ground", len(files), "pictures"):
        for found in find_grounds(estimator, len(files), load, fit=fit, report=shown.update):
            number = len(cells)
            report = _report(files[number], found.ground, canvas)
            reports.append(report)
            cells.append(_cell(draw_ground(images[number], found.ground), report))
            images[number] = images[number][:0]  # it is drawn, and many would fill the memory
    save_png(_sheet(cells), to_path("sheet", sheet))
    return reports


def _report(file: str, ground: Ground | str, canvas: tuple[int, int]) -> GroundReport:
    if isinstance(ground, str):
        return GroundReport(file=file, area=0.0, horizon=None, reason=ground)
    height, width = canvas
    return GroundReport(
        file=file, area=ground.area_px / (height * width), horizon=ground.horizon_row(width / 2) / height
    )


def _cell(picture: Array, report: GroundReport) -> Image.Image:
    """Return a picture of what was found, with its file and its numbers in two lines below it."""
    shown = Image.fromarray(picture)
    shown.thumbnail((CELL_PX, CELL_PX))
    cell = Image.new("RGB", (shown.width, shown.height + CAPTION_PX), "white")
    cell.paste(shown)
    pen = ImageDraw.Draw(cell)
    about = report.reason or f"ground {report.area:.0%}, horizon {report.horizon or 0:.2f}"
    for line, text in enumerate((report.file[-38:], about)):
        pen.text((1, shown.height + 12 * line), text, fill=(160, 30, 30) if report.reason else (60, 60, 60))
    return cell


def _sheet(cells: list[Image.Image]) -> Image.Image:
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    width, height = cells[0].size[0] + GAP_PX, cells[0].size[1] + GAP_PX
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), "white")
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        sheet.paste(cell, (GAP_PX + column * width, GAP_PX + row * height))
    return sheet

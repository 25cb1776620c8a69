"""Which way of pasting teaches a network that works on real photos? The table and chart of docs/transfer.md.

    python benchmarks/transfer.py --fg CUTOUTS --bg BACKGROUNDS --exam PHOTOS --out STATE

For each row (a recipe, or the classic recipe with one ingredient) and each seed, a dataset is built, a mask network is
trained on it by `fgbg-train fit`, and its best checkpoint is scored: on the test split of its own dataset, and on each
set of real photos below PHOTOS (pairs such as `x.jpg` and `x.mask.png`, see docs/exam.md). All rows have the same
network, number of samples, schedule and seeds, so they have the same budget; the seed is that of the dataset and of the
training. `classic` and `varied` get the whole schedule, and the rows with one ingredient a quarter of its epochs, with
`classic (quarter)` to compare them with. Every run uses one core.

Each network also sees decoys: silhouettes of cut-outs that are filled with another background and pasted. There is no
object in them, so the share of their area that is predicted, the cheat rate, says how far the network looks for the
edges of pasting. Beside it stands the share that is predicted of backgrounds on which nothing was pasted.

It can be stopped at any time and started again by the same command: finished runs keep their scores in `STATE/scores/`,
and a run that was stopped goes on from its last checkpoint. `STATE/table.md` and `STATE/transfer.png` are written anew
after each run. `--only ROW` measures some rows; `--row` adds others:

    --row "varied, frozen encoder: --recipe varied | --freeze-encoder mask"
"""

import argparse
import functools
import itertools
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from fgbg_data.compositing.blends import draw_blend, soften
from fgbg_data.compositing.compose import mask_of, paste
from fgbg_data.compositing.cutouts import decode_foreground
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.resize import fit_background
from fgbg_data.compositing.texture import draw_texture, fill
from fgbg_data.pictures import find_named, open_picture
from fgbg_data.scene_options import BLENDS
from fgbg_data.splits import draw
from fgbg_train.schedule import parse, render, scale_epochs

NUM_PROBES = 120
"""Pictures with decoys, and as many without."""
OWN, CHEAT, EMPTY = "own test", "cheat rate", "empty pictures"
"""Scores beside those of the sets of real photos."""
IOU = "mask_iou_img"
GUESS = "guess: a centred ellipse"
"""A row without a network."""
ALL_BLENDS = ("--blend", ",".join(BLENDS))


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    build: tuple[str, ...] = ()
    """Options of `fgbg-data build`."""
    fit: tuple[str, ...] = ()
    """Options of `fgbg-train fit`."""
    whole: bool = False
    """Whether it gets the whole schedule; otherwise a quarter of the epochs."""


ROWS = {
    "classic": Row(whole=True),
    "varied": Row(("--recipe", "varied"), whole=True),
    "classic (quarter)": Row(),
    "+ sizes": Row(("--scale", "0.2:0.95", "--truncate", "0.3")),
    "+ blends": Row(ALL_BLENDS),
    "+ twins": Row((*ALL_BLENDS, "--twins", "2")),
    "+ decoys and empty": Row(("--decoys", "0:2", "--empty", "0.05")),
    "+ several objects": Row(("--objects", "1:3")),
    "+ variety": Row(("--rotate", "15", "--colour", "0.3", "--match", "0:0.5")),
    "+ camera": Row(("--camera", "0.5")),
    "varied (quarter)": Row(("--recipe", "varied")),
}
"""The rows that are measured without `--row`."""


@dataclass(frozen=True)
class Run:
    """One training."""

    name: str
    row: Row
    seed: int

    @property
    def slug(self) -> str:
        """Its name in the file system."""
        return f"{slug_of(self.name)}-s{self.seed}"


def slug_of(text: str) -> str:
    """Return letters and digits of a text, joined by hyphens.

    >>> slug_of("+ decoys, empty")
    'decoys-empty'
    """
    return "-".join("".join(c if c.isalnum() else " " for c in text).split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fg", type=Path, required=True, help="folder of cut-outs")
    parser.add_argument("--bg", type=Path, required=True, help="folder of backgrounds")
    parser.add_argument("--exam", type=Path, required=True, help="folder of real photos with masks, a subfolder a set")
    parser.add_argument("--out", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--samples", type=int, default=2000, help="of each dataset, over all splits")
    parser.add_argument("--size", type=int, default=224, help="of the images, in pixels")
    parser.add_argument(
        "--scale", default="0.2:0.8", help="size of cut-outs, of every row that has no recipe of its own"
    )
    parser.add_argument("--schedule", default="2@64x16,4@96x16,6@128x16", help="the whole schedule")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="runs at the same time")
    parser.add_argument("--only", action="append", help="measure this row; may be given again")
    parser.add_argument("--row", action="append", default=[], help='add "NAME: BUILD OPTIONS | FIT OPTIONS"')
    parser.add_argument("--whole", action="store_true", help="the rows of --row get the whole schedule")
    options = parser.parse_args()
    rows = ROWS | dict(parse_row(text, options.whole) for text in options.row)
    unknown = set(options.only or ()) - set(rows)
    if unknown:
        parser.error(f"--only {unknown.pop()!r}: expected one of {', '.join(rows)}")
    remember_settings(options)
    probes = make_probes(options)
    # All rows of one seed before the next seed, so that a table of few seeds is complete early.
    wanted = options.only or list(rows)
    runs = [Run(name, rows[name], seed) for seed, name in itertools.product(range(options.seeds), wanted)]
    with ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(functools.partial(measure, options, probes), runs):
            pass
    print((options.out / "table.md").read_text())


def parse_row(text: str, whole: bool) -> tuple[str, Row]:
    """Read the value of `--row`."""
    name, _, rest = text.partition(":")
    build, _, fit = rest.partition("|")
    return name.strip(), Row(tuple(shlex.split(build)), tuple(shlex.split(fit)), whole)


def remember_settings(options: argparse.Namespace) -> None:
    """Write what all runs of a folder share, or refuse to go on with other values."""
    names = ("fg", "bg", "exam", "samples", "size", "scale", "schedule")
    wanted = {name: str(getattr(options, name)) for name in names}
    path = options.out / "settings.json"
    if path.exists():
        found = json.loads(path.read_text())
        differing = [f"--{name} {found.get(name)}" for name in names if found.get(name) != wanted[name]]
        if differing:
            sys.exit(f"{path}: runs there have {', '.join(differing)}; give the same, or another --out")
    write(path, json.dumps(wanted, indent=2))


# --- one run ----------------------------------------------------------------------------------------------

LOCKS: dict[tuple[str, ...], threading.Lock] = {}
"""Rows with the same options of build share a dataset, which only one run may build."""
REPORT = threading.Lock()


def measure(options: argparse.Namespace, probes: Path, run: Run) -> None:
    """Build, train and score one run, unless its scores are there."""
    path = options.out / "scores" / f"{run.slug}.json"
    if not path.exists():
        with LOCKS.setdefault((*run.row.build, str(run.seed)), threading.Lock()):
            shards = build(options, run)
        folder = options.out / "runs" / run.slug
        minutes = fit(options, run, shards, folder)
        found = score(options, probes, shards, folder)
        about = {"row": run.name, "seed": run.seed, "cpu_minutes": minutes}
        write(path, json.dumps(about | found, indent=2))
    with REPORT:
        report(options)
        print(f"{run.slug}: {json.loads(path.read_text())['scores']}", flush=True)


def build(options: argparse.Namespace, run: Run) -> Path:
    """Build the dataset of a run, or find it finished."""
    own_scale = {"--scale", "--recipe"} & set(run.row.build)
    chosen = run.row.build if own_scale else (*run.row.build, "--scale", options.scale)
    shards: Path = options.out / "data" / f"{slug_of(' '.join(chosen))}-s{run.seed}"
    sources = ["--bg", str(options.bg), "--fg", str(options.fg), "--out", str(shards)]
    plan = ["--samples", str(options.samples), "--size", str(options.size), "--seed", str(run.seed), "--depth", "none"]
    files = ["--shard-size", "250", "--positions", "1", "--jobs", "1"]
    command(options, run, "fgbg_data.cli", "build", *sources, *plan, *files, *chosen, unless=shards / "preview.png")
    return shards


def fit(options: argparse.Namespace, run: Run, shards: Path, folder: Path) -> float | None:
    """Train a run, or go on with it; return the minutes of CPU that it took, or None if it was done in several goes."""
    stages = parse(options.schedule)
    if not run.row.whole:
        stages = scale_epochs(stages, max(1, round(sum(stage.epochs for stage in stages) / 4)))
    fresh = not folder.exists()
    seconds = command(
        options,
        run,
        *("fgbg_train.cli", "fit", str(shards), "--out", str(folder), "--networks", "mask", "--workers", "0"),
        *("--schedule", render(stages), "--seed", str(run.seed), *run.row.fit),
        unless=folder / "summary.json",
    )
    return round(seconds / 60, 2) if fresh and seconds else None


def score(options: argparse.Namespace, probes: Path, shards: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Return the scores of a run, and what guessing a centred ellipse scores.

    They are the mean IoU on each set of pictures, and the shares of the probes that are predicted.
    """
    from fgbg_train import evaluate, examine, predict

    torch.set_num_threads(1)
    own = evaluate(folder, shards, splits=("test",), workers=0)
    found = {OWN: own["test"]["mask_iou_img"]}
    sets = examine(folder, options.exam).to_json()["sets"]
    found |= {name: values[IOU] for name, values in sets.items()}
    guess = {name: values[f"baseline_{IOU}"] for name, values in sets.items()}
    predicted = folder / "probes"
    shutil.rmtree(predicted, ignore_errors=True)  # of a run that was stopped here
    predict(folder, probes, out=predicted)
    found |= score_probes(probes, predicted)
    return {"scores": rounded(found), "guess": rounded(guess)}


def rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in scores.items()}


def command(options: argparse.Namespace, run: Run, module: str, *arguments: str, unless: Path) -> float:
    """Run a command on one core, with its output in a file; return its CPU seconds, 0 if its last file is there."""
    if unless.exists():
        return 0.0
    log = options.out / "logs" / f"{run.slug}-{module.partition('.')[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=stream, stderr=stream, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{run.slug}: {module} failed; its output is in {log}:\n{log.read_text()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


# --- decoys and empty pictures ----------------------------------------------------------------------------


def make_probes(options: argparse.Namespace) -> Path:
    """Write pictures with decoys, and others with nothing on them, and the areas of the decoys beside them."""
    folder: Path = options.out / "probes" / "pictures"
    if folder.exists():
        return folder
    cutouts, backgrounds = list(find_named([options.fg])), list(find_named([options.bg]))
    partial = folder.with_name("partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    areas = options.out / "probes" / "areas"
    areas.mkdir(exist_ok=True)
    for number in range(NUM_PROBES):
        with_decoy, without, area = draw_probe(cutouts, backgrounds, options.size, number)
        save(partial / f"decoy-{number:03d}.png", with_decoy)
        save(partial / f"empty-{number:03d}.png", without)
        save(areas / f"decoy-{number:03d}.png", area)
    partial.replace(folder)
    return folder


def draw_probe(
    cutouts: list[Path], backgrounds: list[Path], size: int, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a background with a decoy, the same without it, and the area of the decoy, 0 or 255."""
    canvas, key = (size, size), f"probe{number}"
    choose = functools.partial(draw, 0, key)
    first = choose("background", len(backgrounds))
    other = (first + 1 + choose("texture", max(1, len(backgrounds) - 1))) % len(backgrounds)
    under, texture = (
        fit_background(open_picture(backgrounds[index]).convert("RGB"), canvas, "cover") for index in (first, other)
    )
    path = cutouts[choose("cutout", len(cutouts))]
    picture = decode_foreground(path.read_bytes(), path).convert("RGBa")
    factor = (0.3 + 0.4 * choose("scale", 1000) / 1000) * size / max(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    silhouette = np.asarray(picture.resize((width, height), Image.Resampling.HAMMING))
    decoy = fill(silhouette, texture, draw_texture(Draws(0, key), canvas, height, width))
    top, left = choose("top", size - height + 1), choose("left", size - width + 1)
    softened, margin = soften(decoy, draw_blend(Draws(0, key), BLENDS, canvas))
    image = paste(under, softened, top=top - margin, left=left - margin).image
    return image, under, mask_of(decoy, top=top, left=left, canvas=canvas)


def score_probes(probes: Path, predicted: Path) -> dict[str, float]:
    """Return the share of the decoy area that is predicted, and the share of pictures with nothing on them."""
    hit = area = false = pixels = 0
    for number in range(NUM_PROBES):
        decoy = load(probes.parent / "areas" / f"decoy-{number:03d}.png")
        hit += np.count_nonzero(load(predicted / f"decoy-{number:03d}.mask.png") & decoy)
        area += np.count_nonzero(decoy)
        false += np.count_nonzero(load(predicted / f"empty-{number:03d}.mask.png"))
        pixels += decoy.size
    return {CHEAT: hit / max(1, area), EMPTY: false / pixels}


def save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def load(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise SystemExit(f"{path}: cannot be read; delete {path.parent} and start again")
    return np.asarray(pixels > 127)


# --- the table and the chart ------------------------------------------------------------------------------


def report(options: argparse.Namespace) -> None:
    """Write the table and the chart of all runs that are finished."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((options.out / "scores").glob("*.json")):
        one = json.loads(path.read_text())
        found.setdefault(one["row"], []).append(one)
    order = {name: number for number, name in enumerate(ROWS)}
    names = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    first = next(iter(found.values()))[0]
    columns = list(first["scores"])
    lines = [
        f"{options.samples} samples of {options.size} px, `--schedule {options.schedule}`; mean IoU and its standard "
        "error over the seeds.",
        "",
        "| Row | Seeds | CPU minutes | " + " | ".join(columns) + " |",
        "|---|---|---|" + "---|" * len(columns),
    ]
    for name in names:
        cells = [text_of([run["scores"][column] for run in found[name]]) for column in columns]
        minutes = [run["cpu_minutes"] for run in found[name] if run["cpu_minutes"]]
        spent = f"{statistics.mean(minutes):.1f}" if minutes else ""
        lines.append(f"| {name} | {len(found[name])} | {spent} | " + " | ".join(cells) + " |")
    cells = [text_of([first["guess"][column]]) if column in first["guess"] else "" for column in columns]
    lines.append(f"| {GUESS} | | | " + " | ".join(cells) + " |")
    write(options.out / "table.md", "\n".join(lines) + "\n")
    draw_chart(options.out / "transfer.png", names, columns, found)


def text_of(values: list[float]) -> str:
    """Return the mean and its standard error.

    >>> text_of([0.4, 0.5, 0.6])
    '.500 ± .058'
    """
    mean, error = spread(values)
    return f"{mean:.3f}".removeprefix("0") + (f" ± {error:.3f}".replace("0.", ".") if len(values) > 1 else "")


def spread(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error, which is 0 for one value."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return statistics.mean(values), error


def draw_chart(path: Path, names: list[str], columns: list[str], found: dict[str, list[dict[str, Any]]]) -> None:
    """Draw the mean of each row in each column, with its standard error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.2 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    for number, column in enumerate(columns):
        marker = "s" if column == OWN else "x" if column in (CHEAT, EMPTY) else "o"
        points = [spread([run["scores"][column] for run in found[name]]) for name in names]
        offset = 0.5 * (number / max(1, len(columns) - 1) - 0.5)
        axes.errorbar(
            [mean for mean, _ in points],
            [row + offset for row in range(len(names))],
            xerr=[error for _, error in points],
            fmt=marker,
            label=column,
            capsize=2,
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean IoU (squares and circles), share of the area (crosses)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    partial = path.with_name(f"partial-{path.name}")
    figure.savefig(partial, dpi=110)
    partial.replace(path)


if __name__ == "__main__":
    main()

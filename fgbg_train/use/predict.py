"""Predicts mask and depth of pictures, at the size of each picture."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fgbg_data.drawing.sheets import contact_sheet, save_png
from fgbg_data.errors import SourceError, option
from fgbg_data.options import at_least
from fgbg_data.pictures import find_named, load_rgb, quiet
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_train.config import Device
from fgbg_train.data.sample_reader import size_at
from fgbg_train.devices import resolve_device
from fgbg_train.errors import DataError
from fgbg_train.measure.picture import Picture, Plane, Predict, predict_picture, shrunk
from fgbg_train.run.checkpoint import find_checkpoint, load, model_of
from fgbg_train.run.panels import depth_picture, grey, with_scale
from fgbg_train.settings import checked_path, checked_paths

PREVIEW_PX = 320
"""Shorter side of the pictures in a preview."""
SUFFIXES = (".mask.png", ".depth.png", ".preview.png")
"""Suffixes of the files for each picture."""


def predict(
    checkpoint: Path | str,
    pictures: Sequence[Path | str] | Path | str,
    *,
    out: Path | str,
    size_px: int | None = None,
    device: Device = "auto",
    progress: Progress = None,
) -> list[Path]:
    """Predict pictures, and write NAME.mask.png, NAME.depth.png and NAME.preview.png for each.

    Masks are 0 or 255. Depth has 16 bits: 65535 x relative inverse depth, so larger is nearer. Everything is checked
    before the first file is written, and nothing is overwritten.

    >>> predict("runs/demo", "photos/", out="predicted/")  # doctest: +SKIP
    [PosixPath('photos/garden.jpg')]

    Args:
        checkpoint: a checkpoint, the folder of a run (its best checkpoint), or the `.safetensors` file of `export`.
        pictures: a picture or folder, or several. Folders are searched with their subfolders.
        out: folder for the results; NAME is the name of the picture without suffix, with its subfolder.
        size_px: shorter side of the images that the networks see, in pixels; None is that of the training.
        device: where to compute; `auto` takes a GPU if there is one.
        progress: how progress is shown; see `fgbg_data.runtime.progress`.

    Returns:
        The pictures, in the order in which they were predicted.

    Raises:
        FgbgError: a picture cannot be read, a result exists already, or the checkpoint cannot be used.
    """
    if size_px is not None:
        at_least("size_px", size_px, 1)
    shown = reporter(progress)
    names = find_named(checked_paths("pictures", pictures), shown.message)
    folder = checked_path("out", out)
    with quiet():
        _check_results(names, folder)
        _check_pictures(names)
        predict_one = open_predictor(checkpoint, size_px, device)
        with activity(shown, "predict", len(names), "pictures"):
            for done, (picture, name) in enumerate(names.items(), start=1):
                image = np.asarray(load_rgb(picture))
                mask, depth = predict_one(image)
                write_results(folder / name, image, mask, depth)
                shown.update(done)
    return list(names)


def open_predictor(checkpoint: Path | str, size_px: int | None, device: Device) -> Predict:
    """Load a checkpoint, and return a function that predicts one picture of any size with it.

    Args:
        checkpoint: as for `predict`.
        size_px: shorter side of the images that the networks see, in pixels; None is that of the training.
        device: where to compute.

    Raises:
        FgbgError: the checkpoint cannot be used, or this machine has no such device.
    """
    path = find_checkpoint(checkpoint)
    state = load(path)
    used = torch.device(resolve_device(device))
    model = model_of(path, state).to(used)
    model.saliency = False  # the second pass of this objective is only for training
    return lambda image: predict_picture(model, image, size_px or state["size_px"], used)


def write_results(stem: Path, image: Picture, mask: Plane | None, depth: Plane | None) -> None:
    """Write mask, depth and preview of a picture.

    Args:
        stem: path of the files without their suffixes.
        image: (H, W, 3) uint8 RGB.
        mask: probability of the mask, or None.
        depth: inverse depth, or None.
    """
    mask_path, depth_path, preview_path = results_of(stem)
    cells = {"image": image}
    if mask is not None:
        save_png(Image.fromarray((mask >= 0.5).astype(np.uint8) * np.uint8(255)), mask_path)
        cells["mask"] = grey(mask)
    if depth is not None:
        save_png(Image.fromarray(np.round(depth.clip(0, 1) * 65535).astype(np.uint16)), depth_path)
        cells["depth"] = depth_picture(depth)
    height, width = image.shape[:2]
    size = size_at((height, width), min(PREVIEW_PX, height, width))
    sheet = contact_sheet([[shrunk(cell, size) for cell in cells.values()]], list(cells))
    save_png(with_scale(sheet, list(cells), size[1]), preview_path)


def results_of(stem: Path) -> tuple[Path, Path, Path]:
    """Return the paths of the mask, the depth and the preview of a picture."""
    mask, depth, preview = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    return mask, depth, preview


def _check_results(names: dict[Path, str], folder: Path) -> None:
    """Refuse to overwrite results."""
    existing = [path for name in names.values() for path in results_of(folder / name) if path.exists()]
    if existing:
        raise DataError(
            f"exists already ({len(existing)} results would be overwritten); choose another {option('out')}",
            where=existing[0],
        )


def _check_pictures(names: dict[Path, str]) -> None:
    """Refuse pictures that cannot be read, all at once. They are decoded by threads, outside the lock of Python."""

    def problem(picture: Path) -> str | None:
        try:
            load_rgb(picture)
        except SourceError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        bad = [text for text in threads.map(problem, names) if text is not None]
    if bad:
        raise DataError(f"{len(bad)} of {len(names)} pictures cannot be read: {'; '.join(bad)}")

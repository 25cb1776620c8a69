"""Writes the depth of any pictures as files, and draws the depth of several estimators side by side."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.codecs.pictures import encode_depth
from fgbg_data.config import Device
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.licences import warn_of_licence
from fgbg_data.depth.registry import load_estimator
from fgbg_data.drawing.colours import colour_depth
from fgbg_data.drawing.sheets import contact_sheet, save_png
from fgbg_data.errors import ConfigError, EstimatorError, SourceError, option
from fgbg_data.options import at_least, between, one_of, to_path
from fgbg_data.pictures import find_named, load_rgb, quiet
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.sample import Array
from fgbg_data.text import counted

SHEET_PX = 480
"""Longer side of a picture on a sheet."""

Pictures = str | Path | Sequence[str | Path]
"""A picture or a folder of pictures, or several of them."""


def label_pictures(
    pictures: Pictures,
    out: str | Path,
    *,
    depth: str = "tiny",
    device: Device = "auto",
    estimator_batch: int | None = None,
    depth_bits: int = 12,
    overwrite: bool = False,
    progress: Progress = None,
) -> list[Path]:
    """Estimate the depth of pictures and write it as files.

    For each picture it writes NAME.depth.png (16 bits, larger is nearer, as in a shard), NAME.depth.json (the range of
    the depth, and the estimator) and NAME.preview.png to look at.

        label_pictures("photo.jpg", "out")
        label_pictures("photos", "out", depth="depth-anything-v2-small")

    Args:
        pictures: picture files, and folders that are searched with their subfolders.
        out: folder to write to.
        depth: name of the estimator.
        device: `auto`, `cpu` or `cuda`.
        estimator_batch: pictures of one size in one call of the estimator; None is the estimator's own number.
        depth_bits: bits of the stored depth, 1 to 16: it has 2 to this power levels.
        overwrite: replace files that exist.
        progress: see `fgbg_data.runtime.progress`.

    Returns:
        The paths of the files NAME.depth.png, in the order of the pictures.

    Raises:
        FgbgError: an option cannot work, or some pictures cannot be used; all others are labelled before it is raised.
    """
    between("depth_bits", depth_bits, 1, 16)
    shown = reporter(progress)
    folder = to_path("out", out)
    names = find_named(_listed(pictures), shown.message)
    stems = {path: folder / name for path, name in names.items()}
    endings = (".depth.png", ".depth.json", ".preview.png")
    _check_free([_with_ending(stem, ending) for stem in stems.values() for ending in endings], overwrite)
    bad: list[SourceError] = []
    written: list[Path] = []
    with activity(shown, "depth", len(names), "pictures"):
        estimator = load_checked(depth, device, estimator_batch)
        for batch in _batches(list(names), estimator.batch_size, bad):
            guesses = estimate_checked(estimator, [image for _, image in batch], [path for path, _ in batch])
            for (path, image), guess in zip(batch, guesses, strict=True):
                written.append(_write_label(estimator, image, guess, depth_bits, stems[path]))
                shown.update(len(written) + len(bad))
    _refuse(bad, len(names))
    return written


def compare_estimators(
    pictures: Pictures,
    out: str | Path,
    estimators: Sequence[str],
    *,
    device: Device = "auto",
    overwrite: bool = False,
    progress: Progress = None,
) -> list[Path]:
    """Draw a sheet NAME.compare.png of each picture: the picture beside the depth that each estimator sees in it.

        compare_estimators("photos", "out", ["tiny", "depth-anything-v2-small"])

    Args:
        pictures: picture files, and folders that are searched with their subfolders.
        out: folder to write to.
        estimators: names of at least two estimators.
        device: `auto`, `cpu` or `cuda`.
        overwrite: replace files that exist.
        progress: see `fgbg_data.runtime.progress`.

    Returns:
        The paths of the sheets, in the order of the pictures.

    Raises:
        FgbgError: an option cannot work, or some pictures cannot be used; all others are drawn before it is raised.
    """
    if len(estimators) < 2:
        raise ConfigError(f"expected at least two estimators to compare, got {', '.join(estimators) or 'none'}")
    shown = reporter(progress)
    folder = to_path("out", out)
    names = find_named(_listed(pictures), shown.message)
    sheets = {path: _with_ending(folder / name, ".compare.png") for path, name in names.items()}
    _check_free(list(sheets.values()), overwrite)
    bad: list[SourceError] = []
    written: list[Path] = []
    with activity(shown, "depth", len(names), "pictures"):
        loaded = [load_checked(name, device, 1) for name in estimators]
        for ((path, image),) in _batches(list(names), 1, bad):
            columns = {"picture": image}
            for estimator in loaded:
                codes, _, _ = quantise_depth(estimate_checked(estimator, [image], [path])[0], 16)
                columns[estimator.name] = colour_depth(codes)
            _save_row(columns, sheets[path])
            written.append(sheets[path])
            shown.update(len(written) + len(bad))
    _refuse(bad, len(names))
    return written


def _listed(pictures: Pictures) -> Sequence[str | Path]:
    return [pictures] if isinstance(pictures, str | Path) else pictures


def _with_ending(stem: Path, ending: str) -> Path:
    """Return a path with more at its end; the name may hold dots, which `with_suffix` would cut."""
    return stem.with_name(stem.name + ending)


def load_checked(name: str, device: str, batch: int | None) -> DepthEstimator:
    """Load an estimator, and warn if its licence restricts the use.

    Raises:
        FgbgError: it cannot run here, or an option cannot work.
    """
    one_of("device", device, get_args(Device))
    if name == "none":
        raise EstimatorError(f"{option('depth', 'none')}: labels nothing; `fgbg-data estimators` lists the estimators")
    if batch is not None:
        at_least("estimator_batch", batch, 1)
    estimator = load_estimator(name, device, batch)
    warn_of_licence(estimator.identity())
    return estimator


def _batches(paths: Sequence[Path], size: int, bad: list[SourceError]) -> Iterator[list[tuple[Path, Array]]]:
    """Decode pictures one after the other; yield neighbours of one size together.

    Args:
        paths: picture files.
        size: most pictures in a batch.
        bad: takes the errors of pictures that cannot be used.
    """
    batch: list[tuple[Path, Array]] = []
    with quiet():
        for path in paths:
            try:
                image = np.asarray(load_rgb(path))
            except SourceError as error:
                bad.append(error)
                continue
            if batch and (len(batch) == size or batch[0][1].shape != image.shape):
                yield batch
                batch = []
            batch.append((path, image))
    if batch:
        yield batch


def estimate_checked(estimator: DepthEstimator, images: list[Array], paths: list[Path]) -> Array:
    """Return the depth of pictures of one size, checked: (N, H, W) float32."""
    depth = estimator.estimate(np.stack(images))
    for path, guess in zip(paths, depth, strict=True):
        if not np.isfinite(guess).all():
            raise EstimatorError(f"{estimator.name} gave a depth that is not finite", where=path)
    return depth


def _write_label(estimator: DepthEstimator, image: Array, guess: Array, depth_bits: int, stem: Path) -> Path:
    """Write the three files of a picture; return the path of its depth."""
    codes, low, high = quantise_depth(guess, depth_bits)
    about = {"depth_min": low, "depth_max": high, "depth_bits": depth_bits, "estimator": estimator.identity()}
    path = _with_ending(stem, ".depth.png")
    _write(path, encode_depth(codes))
    _write(_with_ending(stem, ".depth.json"), (json.dumps(about, indent=1) + "\n").encode())
    _save_row({"picture": image, estimator.name: colour_depth(codes)}, _with_ending(stem, ".preview.png"))
    return path


def _check_free(paths: list[Path], overwrite: bool) -> None:
    """Refuse to replace files, unless the user allows it."""
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f" (and {counted(len(there) - 1, 'other file')})" if len(there) > 1 else ""
        problem = f"exists already{more}; choose another {option('out')}, or {option('overwrite', True)}"
        raise ConfigError(problem, where=there[0])


def _refuse(bad: list[SourceError], count: int) -> None:
    """Report all pictures that cannot be used in one error."""
    if bad:
        lines = "\n".join(f"  {error}" for error in bad)
        raise SourceError(f"{len(bad)} of {counted(count, 'picture')} cannot be used; the others are done:\n{lines}")


def _save_row(columns: dict[str, Array], path: Path) -> None:
    """Draw pictures of one size side by side, each shrunk to SHEET_PX if it is larger."""
    height, width = next(iter(columns.values())).shape[:2]
    scale = min(1.0, SHEET_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    row = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BOX)) for each in columns.values()]
    save_png(contact_sheet([row], list(columns)), path)


def _write(path: Path, data: bytes) -> None:
    with write_whole(path) as temporary:
        temporary.write_bytes(data)

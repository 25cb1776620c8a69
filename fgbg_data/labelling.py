"""Depth of any pictures, by any estimator, as files: to use it, and to judge estimators by eye."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.codecs.encode import encode_depth
from fgbg_data.depth.estimator import DepthEstimator, Identity
from fgbg_data.depth.licences import warn_of_licence
from fgbg_data.depth.registry import load_estimator
from fgbg_data.drawing.colours import colour_depth
from fgbg_data.drawing.sheets import contact_sheet, save_sheet
from fgbg_data.errors import ConfigError, EstimatorError, SourceError, option
from fgbg_data.options import at_least
from fgbg_data.pictures import find_named, load_rgb, quiet
from fgbg_data.runtime.files import write_whole
from fgbg_data.sample import Array
from fgbg_data.text import counted

SHEET_PX = 480
"""Longer side of a picture on a sheet."""


def label(
    pictures: Sequence[str | Path],
    out: str | Path,
    *,
    depth: str = "tiny",
    device: str = "auto",
    estimator_batch: int | None = None,
    depth_bits: int = 12,
    overwrite: bool = False,
    report: Callable[[Path], None] = lambda path: None,
) -> int:
    """Write NAME.depth.png (16 bits, as in a shard), NAME.depth.json (range, estimator) and a preview of each picture.

    Args:
        pictures: files, and folders that are searched with their subfolders.
        out: folder to write to.
        depth: name of the estimator.
        device: `auto`, `cpu` or `cuda`.
        estimator_batch: pictures of one size in one call; None is the estimator's own.
        depth_bits: levels of depth, 2 to this power.
        overwrite: replace files that are there.
        report: called with each finished picture.

    Returns:
        How many pictures were labelled.

    Raises:
        FgbgError: an option cannot work, or pictures cannot be used; all others are labelled then.
    """
    names = find_named(pictures)
    ends = (".depth.png", ".depth.json", ".preview.png")
    _check_free([Path(out) / (name + end) for name in names.values() for end in ends], overwrite)
    if not 1 <= depth_bits <= 16:
        raise ConfigError(f"{option('depth_bits', depth_bits)}: expected 1 to 16")
    estimator = _load(depth, device, estimator_batch)
    bad: list[SourceError] = []
    for batch in _batches(names, estimator.batch_size, bad):
        guesses = _estimate(estimator, [image for _, image in batch], [path for path, _ in batch])
        for (path, image), guess in zip(batch, guesses, strict=True):
            stem = Path(out) / names[path]
            codes, low, high = quantise_depth(guess, depth_bits)
            about = {"depth_min": low, "depth_max": high, "depth_bits": depth_bits, "estimator": estimator.identity()}
            _write(stem.with_name(stem.name + ".depth.png"), encode_depth(codes))
            _write(stem.with_name(stem.name + ".depth.json"), (json.dumps(about, indent=1) + "\n").encode())
            columns = {"picture": image, estimator.name: colour_depth(codes)}
            _save_row(columns, stem.with_name(stem.name + ".preview.png"))
            report(path)
    _refuse(bad, len(names))
    return len(names)


def compare(
    pictures: Sequence[str | Path],
    out: str | Path,
    estimators: Sequence[str],
    *,
    device: str = "auto",
    overwrite: bool = False,
    report: Callable[[Path], None] = lambda path: None,
) -> int:
    """Write NAME.compare.png of each picture: the picture, and the depth that each estimator sees in it.

    Args:
        pictures: files, and folders that are searched with their subfolders.
        out: folder to write to.
        estimators: their names; at least two.
        device: `auto`, `cpu` or `cuda`.
        overwrite: replace files that are there.
        report: called with each finished picture.

    Returns:
        How many sheets were written.

    Raises:
        FgbgError: an option cannot work, or pictures cannot be used; all others are compared then.
    """
    if len(estimators) < 2:
        raise ConfigError(
            f"{option('compare', estimators)}: expected at least two estimators, with commas between them"
        )
    names = find_named(pictures)
    _check_free([Path(out) / f"{name}.compare.png" for name in names.values()], overwrite)
    loaded = [_load(name, device, 1) for name in estimators]
    bad: list[SourceError] = []
    for ((path, image),) in _batches(names, 1, bad):
        columns = {"picture": image}
        for estimator in loaded:
            codes, _, _ = quantise_depth(_estimate(estimator, [image], [path])[0], 16)
            columns[estimator.name] = colour_depth(codes)
        _save_row(columns, Path(out) / f"{names[path]}.compare.png")
        report(path)
    _refuse(bad, len(names))
    return len(names)


def _load(name: str, device: str, batch: int | None) -> DepthEstimator:
    if name == "none":
        raise EstimatorError(f"{option('depth', 'none')}: labels nothing; `fgbg-data estimators` lists the estimators")
    if batch is not None:
        at_least("estimator_batch", batch, 1)
    estimator = load_estimator(name, device, batch)
    identity: Identity = estimator.identity()
    warn_of_licence(identity)
    return estimator


def _batches(names: dict[Path, str], size: int, bad: list[SourceError]) -> Iterator[list[tuple[Path, Array]]]:
    """Decode pictures one after the other; yield neighbours of one size together, and collect what cannot be read."""
    batch: list[tuple[Path, Array]] = []
    with quiet():
        for path in names:
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


def _estimate(estimator: DepthEstimator, images: list[Array], paths: list[Path]) -> Array:
    depth = estimator.estimate(np.stack(images))
    for path, guess in zip(paths, depth, strict=True):
        if not np.isfinite(guess).all():
            raise EstimatorError(f"{path}: {estimator.name} gave a depth that is not finite")
    return depth


def _check_free(paths: list[Path], overwrite: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f" (and {counted(len(there) - 1, 'other file')})" if len(there) > 1 else ""
        raise ConfigError(f"{there[0]}: is there already{more}; choose another -o, or {option('overwrite', True)}")


def _refuse(bad: list[SourceError], count: int) -> None:
    if bad:
        lines = "\n".join(f"  {error}" for error in bad)
        raise SourceError(
            f"{len(bad)} of {counted(count, 'picture')} cannot be used; the others are labelled:\n{lines}"
        )


def _save_row(columns: dict[str, Array], path: Path) -> None:
    """Lay pictures of one size side by side, at most SHEET_PX large each."""
    height, width = next(iter(columns.values())).shape[:2]
    scale = min(1.0, SHEET_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    row = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BOX)) for each in columns.values()]
    save_sheet(contact_sheet([row], list(columns)), path)


def _write(path: Path, data: bytes) -> None:
    with write_whole(path) as temporary:
        temporary.write_bytes(data)

"""Cut objects out of photos, keep what is worth pasting, and say why the rest is not."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from fgbg_data.compositing.provenance import PROVENANCE, read_provenance
from fgbg_data.config import Device
from fgbg_data.cutting.alpha import Limits, clean_alpha, split_parts, why_rejected
from fgbg_data.cutting.colours import check_matting, object_colours
from fgbg_data.cutting.masks import LabelledMask, Masks, open_masks
from fgbg_data.cutting.models import CutoutNetwork, load_network
from fgbg_data.cutting.sheet import CutoutSheet
from fgbg_data.errors import ConfigError, SourceError, option
from fgbg_data.options import one_of, to_path
from fgbg_data.pictures import find_named, load_rgb, quiet, search_folder
from fgbg_data.runtime.files import file_sha256, write_text, write_whole
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.sample import Array
from fgbg_data.text import counted

DEFAULT_MODEL = "isnet"
REJECTED, SHEET = "-rejected", "-sheet.png"
"""Ends of the names of the folder of rejected cut-outs and of the contact sheet. Both stand beside the folder of the
cut-outs, because `build` takes every picture in that folder."""
COLUMNS = ("file", *PROVENANCE, "photo", "photo_sha256", "model", "model_licence", "model_sha256")


@dataclass(kw_only=True)
class CutoutReport:
    """What was cut out."""

    written: list[Path] = field(default_factory=list)
    """The cut-outs."""
    rejected: dict[Path, str] = field(default_factory=dict)
    """Cut-out in the folder of rejected ones -> why."""
    without: list[Path] = field(default_factory=list)
    """Photos in which nothing was found."""
    unusable: list[SourceError] = field(default_factory=list)
    """Errors of photos that cannot be used."""
    sheet: Path | None = None
    """The contact sheet."""


def cut_pictures(
    photos: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str = DEFAULT_MODEL,
    masks: str | Path | None = None,
    split: bool = False,
    colours: bool = True,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    device: Device = "cpu",
    non_commercial: bool = False,
    overwrite: bool = False,
    progress: Progress = None,
) -> CutoutReport:
    """Cut the objects out of photos, as RGBA pictures that `build` can paste.

        cut_pictures("photos/", "fg/")
        cut_pictures("photos/", "fg/", masks="annotations.json")

    Cut-outs keep the subfolders of the photos, which are their classes; those of a COCO file lie in a folder for each
    category. Alpha below 8 of 255 becomes 0, and soft edges get the colour of the object. With them lies
    `sources.csv`, which names the network and its licence. Beside the folder stand `OUT-sheet.png` to look at, and the
    folder `OUT-rejected` with what is not worth pasting, and why.

    Args:
        photos: picture files, and folders that are searched with their subfolders.
        out: folder to write to.
        model: the network: a name of `fgbg_data.cutting.models.MODELS`, or `onnx:FILE`.
        masks: a folder of masks or a JSON file of COCO instances, instead of a network.
        split: make a cut-out of each object that is apart from the others.
        colours: estimate the colours of soft edges, so that nothing of the old background is pasted.
        limits: what a cut-out must be like to be kept.
        device: where the network runs: `auto`, `cpu` or `cuda`.
        non_commercial: allow networks whose licence forbids commercial use.
        overwrite: replace cut-outs that exist.
        progress: see `build`.

    Returns:
        What was written, what was rejected, and in which photos nothing was found.

    Raises:
        ConfigError: an option cannot work, a package is missing, or files exist already.
        FgbgError: the network or the masks cannot be used, or there is no photo.
    """
    one_of("device", device, get_args(Device))
    folder = to_path("out", out)
    rejects = folder.with_name(folder.name + REJECTED)
    if colours:
        check_matting()
    shown = reporter(progress)
    names = find_named([photos] if isinstance(photos, str | Path) else photos, shown.message)
    _check_free(folder, overwrite)
    finder: _ByMasks | _ByNetwork
    if masks is not None:
        finder = _ByMasks(open_masks(masks))
    else:
        finder = _ByNetwork(load_network(model, device, non_commercial=non_commercial))
    known = _provenance(photos)
    report, sheet = CutoutReport(), CutoutSheet()
    rows: list[list[str]] = []
    taken: set[Path] = set()
    with activity(shown, "cut out", len(names), "photos"), quiet():
        for done, (photo, name) in enumerate(names.items(), start=1):
            try:
                image = np.asarray(load_rgb(photo))
                found = list(_parts(finder.find(image, photo, name), split))
            except SourceError as error:
                report.unusable.append(error)
                continue
            if not found:
                report.without.append(photo)
            for number, (alpha, class_name) in enumerate(found, start=1):
                reason = why_rejected(alpha, limits)
                cutout = _cutout(image, alpha, colours=colours)
                stem = f"{name}_{number}" if len(found) > 1 else name
                while (file := Path(class_name) / f"{stem}.png") in taken:  # such as a_1 of a, and of a photo a_1
                    stem += "_"
                taken.add(file)
                path = rejects / file if reason else folder / file
                _write(path, cutout)
                if reason:
                    report.rejected[path] = reason
                else:
                    report.written.append(path)
                    about = known.get(photo, {})
                    source = [about.get(column, "") for column in PROVENANCE]
                    rows.append([file.as_posix(), *source, photo.name, file_sha256(photo), *finder.described])
                sheet.add(image, cutout, reason)
            shown.update(done)
    _write_table(folder / "sources.csv", COLUMNS, rows)
    if older := sorted({*search_folder(folder).files} - {row[0] for row in rows}):
        shown.message(
            f"{folder}: also holds {counted(len(older), 'picture')} of an earlier run, which `build` would paste too, "
            f"such as {older[0]}"
        )
    rejected = [[path.relative_to(rejects).as_posix(), why] for path, why in report.rejected.items()]
    if rejected:
        _write_table(rejects / "reasons.csv", ("file", "reason"), rejected)
    report.sheet = sheet.save(folder.with_name(folder.name + SHEET))
    return report


class _ByNetwork:
    """Finds one object in each photo, by a network."""

    def __init__(self, network: CutoutNetwork) -> None:
        self._network = network
        self.described = (network.name, network.licence, network.digest)
        """Network, licence and digest, as the table of the cut-outs has them."""

    def find(self, image: Array, photo: Path, name: str) -> list[LabelledMask]:
        """Return what the network takes for the object."""
        return [LabelledMask(clean_alpha(self._network.alpha(image)))]


class _ByMasks:
    """Finds the objects that someone labelled."""

    described = ("masks", "", "")

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def find(self, image: Array, photo: Path, name: str) -> list[LabelledMask]:
        """Return the labelled objects."""
        return self._masks.of(photo, name, image.shape[:2])


def _parts(found: Sequence[LabelledMask], split: bool) -> Iterator[tuple[Array, str]]:
    """Yield the alpha and the class of every cut-out of a photo."""
    for each in found:
        alpha = clean_alpha(each.mask)
        for part in split_parts(alpha) if split else [alpha]:
            if part.any():
                yield part, each.class_name


def _cutout(image: Array, alpha: Array, *, colours: bool) -> Array:
    """Return a cut-out, cropped to what is not clear: (h, w, 4) uint8 RGBA."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    rgb = object_colours(image, alpha) if colours and ((alpha > 0) & (alpha < 255)).any() else image
    rgba = np.dstack([rgb, alpha])[box]
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def _provenance(photos: str | Path | Sequence[str | Path]) -> dict[Path, dict[str, str]]:
    """Return photo -> licence, author and url, from the `sources.csv` of each folder of photos."""
    known: dict[Path, dict[str, str]] = {}
    for given in [photos] if isinstance(photos, str | Path) else photos:
        folder = to_path("photos", given)
        if folder.is_dir():
            about, bad = read_provenance(folder, search_folder(folder).files)
            if bad:
                raise SourceError(bad[0].problem, where=folder / bad[0].file)
            known |= {folder / file: entry for file, entry in about.items()}
    return known


def _check_free(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds cut-outs, unless the user allows to replace them."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{option('out', folder)}: is a file; expected a folder")
    if folder.is_dir() and not overwrite and (found := search_folder(folder).files):
        raise ConfigError(
            f"{option('out', folder)}: holds pictures ({found[0]}). Choose another folder, or "
            f"{option('overwrite', True)}"
        )


def _write(path: Path, cutout: Array) -> None:
    with write_whole(path) as temporary:
        Image.fromarray(cutout).save(temporary, "PNG", compress_level=4)


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    write_text(path, text.getvalue())

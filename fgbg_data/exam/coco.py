"""The pictures of a COCO file, each with the union of its objects as mask."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fgbg_data.errors import ConfigError, SourceError, option
from fgbg_data.exam.entry import ExamEntry
from fgbg_data.options import nearest
from fgbg_data.sample import Array
from fgbg_data.text import counted

FARTHEST = 4
"""Coordinates of a polygon are at most this many times the longer side of the picture."""
INSTALL = "masks of COCO files need pycocotools; install it by: pip install 'fgbg[coco]'"


@dataclass(frozen=True)
class CocoMask:
    """The union of the objects of one picture, drawn by pycocotools from polygons and run lengths."""

    where: str
    """The file and the picture, for errors."""
    size: tuple[int, int]
    """(height, width) that the file declares."""
    segmentations: tuple[Any, ...]
    """Of each object: polygons [[x, y, x, y, ...], ...] in pixels, or {"size": [height, width], "counts": ...}."""

    def read(self, size: tuple[int, int]) -> Array:
        """Return the mask as (H, W) bool; see `MaskSource`.

        Raises:
            SourceError: a segmentation is damaged, or the picture has another size than the file declares.
        """
        if size != self.size:
            found, declared = (f"{width}x{height}" for height, width in (size, self.size))
            raise SourceError(f"declares {declared} px, but the picture is {found} px", where=self.where)
        mask = np.zeros(size, bool)
        for segmentation in self.segmentations:
            mask |= self._decoded(segmentation)
        return mask

    def _decoded(self, segmentation: Any) -> Array:
        """Return one object as (H, W) bool."""
        height, width = self.size
        if isinstance(segmentation, list):
            if problem := polygon_problem(segmentation, self.size):
                raise SourceError(problem, where=self.where)
            from pycocotools import mask as coco

            decoded: Array = coco.decode(coco.merge(coco.frPyObjects(segmentation, height, width))) > 0
            return decoded
        runs = self._runs(segmentation)
        values = np.arange(len(runs)) % 2 == 1  # runs of outside and inside take turns, column by column
        return np.repeat(values, runs).reshape(width, height).T

    def _runs(self, segmentation: Any) -> list[int]:
        """Return checked run lengths: pycocotools would crash on damaged ones."""
        if not isinstance(segmentation, Mapping) or "counts" not in segmentation:
            raise SourceError(
                "has an object without segmentation; a mask needs polygons or run lengths", where=self.where
            )
        size, counts = segmentation.get("size"), segmentation["counts"]
        if size != list(self.size):
            raise SourceError(
                f"has run lengths for the size {size}; expected [height, width] = {list(self.size)}", where=self.where
            )
        runs = unpacked(counts) if isinstance(counts, str) else counts
        if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
            raise SourceError("has run lengths that are damaged: they are no whole numbers", where=self.where)
        pixels = self.size[0] * self.size[1]
        if sum(runs) != pixels:
            raise SourceError(f"has run lengths of {sum(runs)} pixels; expected {pixels}", where=self.where)
        return runs


def unpacked(text: str) -> list[int] | None:
    """Return the run lengths in compressed text, or None if it is damaged.

    Each character holds 5 bits of a number, the lowest first, and a sixth bit that says that the number goes on. From
    the fourth number on, each is the difference from the number two before it.

    Source: the format of `pycocotools.mask`, `rleToString` in maskApi.c.

    >>> unpacked("52203")
    [5, 2, 2, 2, 5]
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    return None if shift else runs


def polygon_problem(polygons: list[Any], size: tuple[int, int]) -> str:
    """Return what is wrong with the polygons of an object; "" if nothing is.

    Args:
        polygons: of each, its points [x, y, x, y, ...] in pixels.
        size: (height, width) of the picture.
    """
    good = polygons and all(
        isinstance(points, list) and len(points) >= 6 and len(points) % 2 == 0 and all(map(_is_number, points))
        for points in polygons
    )
    if not good:
        return "has a polygon that is no list of at least three points [x, y, x, y, x, y]"
    if any(abs(value) > FARTHEST * max(size) for points in polygons for value in points):
        return f"has a polygon that lies farther than {FARTHEST} times the size of the picture from its corner"
    return ""


def find_coco_entries(path: Path, categories: str, problems: list[str], notes: list[str]) -> list[ExamEntry]:
    """Find the pictures of a COCO file.

    The pictures are searched beside the file, in `images` beside it, and one folder higher: there, in `images`, or in
    the folder that the file is named after (`val2017` for `annotations/instances_val2017.json`).

    Args:
        path: the .json file.
        categories: names of the categories that count as objects, separated by commas; empty takes all. Pictures
            without such objects have an empty mask.
        problems: gets a line for each thing that is wrong in the file.
        notes: gets a line if there are crowd regions, which count as objects like all others.

    Raises:
        SourceError: the file cannot be read, or is no COCO file; or pycocotools is not installed.
        ConfigError: a category is unknown.
    """
    table = _read(path)
    chosen = _choose(path, table["categories"], categories)
    images = {image["id"]: image for image in table["images"]}
    known = {category["id"] for category in table["categories"]}
    objects: dict[Any, list[Any]] = {number: [] for number in images}
    faults: Counter[str] = Counter()
    crowds = 0
    for annotation in table["annotations"]:
        category, image = annotation.get("category_id"), annotation.get("image_id")
        if category not in known:
            faults[f"does not declare the category {category!r}"] += 1
        elif image not in images:
            faults[f"does not declare the picture {image!r}"] += 1
        elif category in chosen:
            objects[image].append(annotation.get("segmentation"))
            crowds += bool(annotation.get("iscrowd"))
    problems += [f"{path}: {fault} ({counted(count, 'annotation')})" for fault, count in faults.items()]
    if crowds:
        notes.append(f"crowd regions, which count as objects: {crowds}")
    root = _root_of_pictures(path, table["images"])
    entries: dict[str, ExamEntry] = {}
    for number, image in images.items():
        file = PurePosixPath(image["file_name"])
        name = str(file.with_suffix(""))
        if file.is_absolute() or ".." in file.parts:
            problems.append(f"{path}: picture {number}: leads out of its folder ({file})")
        elif name in entries:
            problems.append(f"{path}: picture {number}: has the name of another picture ({file})")
        else:
            mask = CocoMask(f"{path}: {file}", (image["height"], image["width"]), tuple(objects[number]))
            set_name = path.stem if file.parent == PurePosixPath() else str(file.parent)
            entries[name] = ExamEntry(name=name, set_name=set_name, image=root / file, mask=mask, depth=None)
    return [entries[name] for name in sorted(entries)]


def _read(path: Path) -> dict[str, list[Any]]:
    """Return the three lists of a COCO file."""
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError as error:
        raise SourceError(INSTALL, where=path) from error
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", where=path) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"is no JSON ({error})", where=path) from error
    needed = {"images": ("id", "file_name", "height", "width"), "annotations": (), "categories": ("id", "name")}
    for part, keys in needed.items():
        rows = table.get(part) if isinstance(table, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= set(keys) for row in rows):
            having = f" of objects with {', '.join(keys)}" if keys else " of objects"
            raise SourceError(f"is no COCO file: {part!r} is no list{having}", where=path)
    if not table["images"]:
        raise SourceError("holds no picture", where=path)
    return {part: table[part] for part in needed}


def _choose(path: Path, declared: Sequence[Mapping[str, Any]], categories: str) -> set[Any]:
    """Return the ids of the categories that count as objects."""
    by_name: dict[str, set[Any]] = {}
    for category in declared:
        by_name.setdefault(str(category["name"]), set()).add(category["id"])
    wanted = [name.strip() for name in categories.split(",") if name.strip()] or list(by_name)
    for name in wanted:
        if name not in by_name:
            raise ConfigError(
                f"{option('categories', name)}: expected names of {', '.join(by_name)}{nearest(name, by_name)}",
                where=path,
            )
    return set().union(*(by_name[name] for name in wanted)) if wanted else set()


def _root_of_pictures(path: Path, images: Sequence[Mapping[str, Any]]) -> Path:
    """Return the folder in which the first picture lies; where it lies nowhere, the folder of the file."""
    beside, above = path.parent, path.parent.parent
    named = path.stem.rpartition("_")[2]
    for folder in (beside, beside / "images", beside / named, above, above / "images", above / named):
        if (folder / str(images[0]["file_name"])).is_file():
            return folder
    return beside


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)

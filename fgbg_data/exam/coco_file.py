"""COCO files: what they say of each picture is read and checked, and polygons and run lengths become masks."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.sample import Array
from fgbg_data.text import counted

FARTHEST = 4
"""Coordinates of a polygon are at most this many times the longer side of the picture."""


class CocoObject(NamedTuple):
    """One annotation of a picture."""

    category: str
    """The name of its category."""
    segmentation: Any
    """Polygons or run lengths, not checked yet; `CocoMask` reads them."""
    is_crowd: bool
    """Whether it is a group of things that were not told apart."""


class CocoPicture(NamedTuple):
    """One picture of a COCO file."""

    number: int | float | str
    """Its id."""
    file: PurePosixPath
    """Its path, as the file gives it."""
    size: tuple[int, int]
    """(height, width) that the file declares."""
    objects: tuple[CocoObject, ...]
    """What is labelled in it."""


@dataclass(frozen=True)
class CocoFile:
    """What a COCO file says."""

    pictures: tuple[CocoPicture, ...]
    """The pictures, in the order of the file."""
    categories: tuple[str, ...]
    """The names of the categories, in the order of the file."""
    problems: tuple[str, ...]
    """What is wrong with some annotations; the pictures do not hold them."""


def read_coco(path: Path) -> CocoFile:
    """Read a COCO file of instances.

    Args:
        path: the .json file.

    Raises:
        SourceError: the file cannot be read, or is no COCO file.
        ConfigError: pycocotools is not installed.
    """
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError as error:
        raise ConfigError("masks of COCO files need pycocotools; run: pip install 'fgbg[coco]'", where=path) from error
    table = _read_tables(path)
    names = {category["id"]: str(category["name"]) for category in table["categories"]}
    objects: dict[Any, list[CocoObject]] = {image["id"]: [] for image in table["images"]}
    faults: Counter[str] = Counter()
    for annotation in table["annotations"]:
        category, image = annotation.get("category_id"), annotation.get("image_id")
        if not _is_id(category) or category not in names:
            faults[f"does not declare the category {category!r}"] += 1
        elif not _is_id(image) or image not in objects:
            faults[f"does not declare the picture {image!r}"] += 1
        else:
            crowd = bool(annotation.get("iscrowd"))
            objects[image].append(CocoObject(names[category], annotation.get("segmentation"), crowd))
    pictures = {
        image["id"]: CocoPicture(
            image["id"],
            PurePosixPath(image["file_name"]),
            (image["height"], image["width"]),
            tuple(objects[image["id"]]),
        )
        for image in table["images"]
    }
    return CocoFile(
        pictures=tuple(pictures.values()),
        categories=tuple(dict.fromkeys(names.values())),
        problems=tuple(f"{fault} ({counted(count, 'annotation')})" for fault, count in faults.items()),
    )


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


def _read_tables(path: Path) -> dict[str, list[Any]]:
    """Return the three lists of a COCO file, whose rows have the keys that are used and values of the right types."""
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
    for part in ("images", "categories"):
        for row in table[part]:
            if not _is_id(row["id"]):
                raise SourceError(f"has the id {row['id']!r} in {part!r}; expected a number or a text", where=path)
    for image in table["images"]:
        file, size = image["file_name"], (image["height"], image["width"])
        if not isinstance(file, str) or not PurePosixPath(file).name:
            raise SourceError(f"has a picture with file_name = {file!r}; expected the path of a file", where=path)
        if not all(type(side) is int and side > 0 for side in size):
            raise SourceError(
                f"has the picture {file} with height and width {size}; expected whole numbers above 0", where=path
            )
    if not table["images"]:
        raise SourceError("holds no picture", where=path)
    return {part: table[part] for part in needed}


def _is_id(value: object) -> bool:
    return isinstance(value, int | float | str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf

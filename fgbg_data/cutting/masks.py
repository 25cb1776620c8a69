"""Masks that someone drew: labelled objects are cut out by them, and no network is needed."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgbg_data.errors import SourceError, option
from fgbg_data.exam.coco_file import CocoMask, read_coco
from fgbg_data.exam.mask_file import MaskFile
from fgbg_data.options import to_path
from fgbg_data.pictures.find import SUFFIXES
from fgbg_data.sample import Array


@dataclass(frozen=True)
class LabelledMask:
    """One object in a photo."""

    mask: Array
    """(H, W) uint8, 0 to 255."""
    class_name: str = ""
    """Its class, which becomes the first folder of the cut-out; empty if it has none."""


@dataclass
class MaskFolder:
    """Masks in a folder: `x.png` or `x.mask.png` for the photo `x.jpg`, in the same subfolder."""

    folder: Path

    def of(self, photo: Path, name: str, size: tuple[int, int]) -> list[LabelledMask]:
        """Return the masks of a photo: at most one.

        Args:
            photo: the photo.
            name: its path relative to the folder of the photos, without suffix.
            size: (height, width) of the photo.

        Raises:
            SourceError: the mask cannot be used, or is of another size.
        """
        for suffix in (".mask.png", *sorted(SUFFIXES)):
            path = self.folder / f"{name}{suffix}"
            if path.is_file() and path != photo:
                return [LabelledMask(MaskFile(path).alpha(size))]
        return []


class CocoMasks:
    """Masks in a JSON file of COCO instances; groups (`iscrowd`) are left out.

    Args:
        path: the JSON file.

    Raises:
        ConfigError: pycocotools is missing.
        SourceError: the file is not one of COCO instances, or an annotation has an unknown picture
            or category, or the name of a category cannot be a folder.
    """

    def __init__(self, path: Path) -> None:
        coco = read_coco(path)
        if coco.problems:
            raise SourceError("; ".join(coco.problems), where=path)
        for name in coco.categories:
            if name.startswith("/") or ".." in name.split("/"):
                raise SourceError(
                    f"has the category {name!r}, which leads out of the folder of the cut-outs; rename it", where=path
                )
        self._found: dict[str, list[tuple[CocoMask, str]]] = defaultdict(list)
        for picture in coco.pictures:
            for each in picture.objects:
                if not each.is_crowd:
                    mask = CocoMask(f"{path}: {picture.file}", picture.size, (each.segmentation,))
                    self._found[picture.file.with_suffix("").as_posix()].append((mask, each.category))

    def of(self, photo: Path, name: str, size: tuple[int, int]) -> list[LabelledMask]:
        """Return the masks of a photo; see `MaskFolder.of`. A photo is found by its path or by its name alone."""
        found = self._found.get(name) or self._found.get(Path(name).name, [])
        return [LabelledMask(mask.read(size) * np.uint8(255), class_name) for mask, class_name in found]


Masks = MaskFolder | CocoMasks
"""Where labelled masks come from."""


def open_masks(path: str | Path) -> Masks:
    """Open a folder of masks, or a JSON file of COCO.

    Raises:
        ConfigError: pycocotools is missing.
        SourceError: there is neither, or the file cannot be used.
    """
    found = to_path("masks", path)
    if found.is_dir():
        return MaskFolder(found)
    if found.is_file():
        return CocoMasks(found)
    raise SourceError(f"there is no such file or folder; {option('masks')} expects masks, or a COCO file", where=found)

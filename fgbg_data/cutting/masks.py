"""Masks that someone drew: labelled objects are cut out by them, and no network is needed."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.errors import ConfigError, SourceError, option
from fgbg_data.options import to_path
from fgbg_data.pictures import open_picture
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
        """
        for suffix in (".mask.png", *sorted(SUFFIXES)):
            path = self.folder / f"{name}{suffix}"
            if path.is_file() and path != photo:
                picture = open_picture(path)
                grey = np.asarray(picture.getchannel("A") if picture.mode == "RGBA" else picture.convert("L"))
                if grey.shape != size:
                    found, expected = (f"{width}x{height}" for height, width in (grey.shape, size))
                    raise SourceError(f"is {found} px, but its photo is {expected} px", where=path)
                return [LabelledMask(np.where(grey > 0, np.uint8(255), np.uint8(0)) if grey.max() == 1 else grey)]
        return []


class CocoMasks:
    """Masks in a JSON file of COCO instances; groups (`iscrowd`) are left out.

    Args:
        path: the JSON file.

    Raises:
        ConfigError: pycocotools is missing.
        SourceError: the file is not one of COCO instances.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pycocotools.mask  # noqa: F401
        except ImportError as error:
            raise ConfigError("COCO masks need pycocotools; run: pip install 'fgbg[coco]'") from error
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            images = {image["id"]: Path(image["file_name"]) for image in value["images"]}
            names = {each["id"]: str(each["name"]) for each in value["categories"]}
            self._found: dict[str, list[tuple[Any, str]]] = defaultdict(list)
            for each in value["annotations"]:
                if not each.get("iscrowd"):
                    stem = images[each["image_id"]].with_suffix("").as_posix()
                    self._found[stem].append((each["segmentation"], names[each["category_id"]]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SourceError(
                f"is no JSON file of COCO instances ({type(error).__name__}: {error})", where=path
            ) from error
        self._path = path

    def of(self, photo: Path, name: str, size: tuple[int, int]) -> list[LabelledMask]:
        """Return the masks of a photo; see `MaskFolder.of`. A photo is found by its path or by its name alone."""
        found = self._found.get(name) or self._found.get(Path(name).name, [])
        return [LabelledMask(self._decode(each, photo, size), class_name) for each, class_name in found]

    def _decode(self, segmentation: Any, photo: Path, size: tuple[int, int]) -> Array:
        """Return one mask; polygons and run lengths are read by pycocotools."""
        import pycocotools.mask

        try:
            if isinstance(segmentation, list):
                segmentation = pycocotools.mask.merge(pycocotools.mask.frPyObjects(segmentation, *size))
            elif isinstance(segmentation["counts"], list):
                segmentation = pycocotools.mask.frPyObjects(segmentation, *segmentation["size"])
            mask = pycocotools.mask.decode(segmentation)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise SourceError(f"a mask of {photo.name} cannot be read ({error})", where=self._path) from error
        if mask.shape != size:
            raise SourceError(f"a mask of {photo.name} is {mask.shape}, but the photo is {size}", where=self._path)
        whole: Array = mask.astype(np.uint8) * np.uint8(255)
        return whole


Masks = MaskFolder | CocoMasks
"""Where labelled masks come from."""


def open_masks(path: str | Path) -> Masks:
    """Open a folder of masks, or a JSON file of COCO.

    Raises:
        SourceError: there is neither.
    """
    found = to_path("masks", path)
    if found.is_dir():
        return MaskFolder(found)
    if found.is_file():
        return CocoMasks(found)
    raise SourceError(f"there is no such file or folder; {option('masks')} expects masks, or a COCO file", where=found)

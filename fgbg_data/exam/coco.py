"""The pictures of a COCO file, each with the union of its objects as mask."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fgbg_data.errors import ConfigError, option
from fgbg_data.exam.coco_file import CocoFile, CocoMask, CocoPicture, read_coco
from fgbg_data.exam.entry import ExamEntry
from fgbg_data.options import nearest


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
        SourceError: the file cannot be read, or is no COCO file.
        ConfigError: a category is unknown, or pycocotools is not installed.
    """
    coco = read_coco(path)
    chosen = _choose(path, coco, categories)
    problems += [f"{path}: {problem}" for problem in coco.problems]
    crowds = sum(each.is_crowd for picture in coco.pictures for each in picture.objects if each.category in chosen)
    if crowds:
        notes.append(f"crowd regions, which count as objects: {crowds}")
    root = _root_of_pictures(path, coco.pictures)
    entries: dict[str, ExamEntry] = {}
    for picture in coco.pictures:
        file = picture.file
        name = str(file.with_suffix(""))
        if file.is_absolute() or ".." in file.parts:
            problems.append(f"{path}: picture {picture.number}: leads out of its folder ({file})")
        elif name in entries:
            problems.append(f"{path}: picture {picture.number}: has the name of another picture ({file})")
        else:
            found = tuple(each.segmentation for each in picture.objects if each.category in chosen)
            mask = CocoMask(f"{path}: {file}", picture.size, found)
            set_name = path.stem if file.parent == PurePosixPath() else str(file.parent)
            entries[name] = ExamEntry(name=name, set_name=set_name, image=root / file, mask=mask, depth=None)
    return [entries[name] for name in sorted(entries)]


def _choose(path: Path, coco: CocoFile, categories: str) -> set[str]:
    """Return the names of the categories that count as objects."""
    wanted = [name.strip() for name in categories.split(",") if name.strip()] or coco.categories
    for name in wanted:
        if name not in coco.categories:
            raise ConfigError(
                f"{option('categories', name)}: expected names of {', '.join(coco.categories)}"
                f"{nearest(name, coco.categories)}",
                where=path,
            )
    return set(wanted)


def _root_of_pictures(path: Path, pictures: Sequence[CocoPicture]) -> Path:
    """Return the folder in which the first picture lies; where it lies nowhere, the folder of the file."""
    beside, above = path.parent, path.parent.parent
    named = path.stem.rpartition("_")[2]
    for folder in (beside, beside / "images", beside / named, above, above / "images", above / named):
        if (folder / pictures[0].file).is_file():
            return folder
    return beside

"""The pictures of an exam folder, each with the files of its mask and its depth."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fgbg_data.errors import SourceError
from fgbg_data.exam.entry import ExamEntry
from fgbg_data.exam.mask_file import MaskFile
from fgbg_data.pictures import SUFFIXES, search_folder
from fgbg_data.runtime.system_files import is_system_file

IMAGES, MASKS, DEPTH = "images", "masks", "depth"
"""Names of parallel folders."""
_KINDS = {MASKS: ".mask", DEPTH: ".depth"}
"""Parallel folder -> what stands before the suffix of a file that lies beside its picture."""


@dataclass
class _Files:
    """The files of an exam folder, relative to it."""

    pictures: dict[PurePosixPath, list[PurePosixPath]] = field(default_factory=dict)
    """Path of a picture without suffix -> its files; more than one is a mistake."""
    answers: dict[str, dict[PurePosixPath, list[PurePosixPath]]] = field(
        default_factory=lambda: {kind: {} for kind in _KINDS}
    )
    """Kind of answer (masks or depth) -> path of the picture without suffix -> files."""


def find_entries(folder: Path, problems: list[str]) -> list[ExamEntry]:
    """Find the pictures of a folder and of its subfolders, with their masks and depth.

    Two layouts are known, and may be mixed:

    - beside each other: `street/7.jpg`, `street/7.mask.png`, `street/7.depth.png` or `street/7.depth.npy`;
    - in parallel folders: `images/street/7.jpg`, `masks/street/7.png`, `depth/street/7.png` or `.npy`; the three may
      also lie inside of a subfolder: `street/images/7.jpg`.

    Args:
        folder: the folder of the exam.
        problems: gets a line for each picture without mask and depth, and for each mask or depth without picture.

    Returns:
        The pictures in the order of their names; the set of each is its subfolder.

    Raises:
        SourceError: the folder or a subfolder cannot be read.
    """
    files = _sorted_out(_list_files(folder))
    for kind, answers in files.answers.items():
        for stem, paths in answers.items():
            if stem not in files.pictures:
                expected = f"{stem}.jpg or another picture of that name"
                problems.append(f"{folder / paths[0]}: has no picture; expected {folder / expected}")
            elif len(paths) > 1:
                problems.append(f"{folder / paths[0]} and {paths[1].name}: one picture cannot have two files of {kind}")
    entries: dict[str, ExamEntry] = {}
    for stem, pictures in files.pictures.items():
        masks, depths = (files.answers[kind].get(stem, []) for kind in _KINDS)
        if len(pictures) > 1:
            problems.append(f"{folder / pictures[0]} and {pictures[1].name}: two pictures cannot share one name")
        if not masks and not depths:
            problems.append(f"{folder / pictures[0]}: has no mask and no depth; expected {_expected(stem)}")
        name = PurePosixPath(*(part for part in stem.parts if part != IMAGES))
        if (other := entries.get(str(name))) is not None:
            problems.append(f"{other.image} and {folder / pictures[0]}: two pictures cannot share the name {name}")
        entries[str(name)] = ExamEntry(
            name=str(name),
            set_name=folder.resolve().name if name.parent == PurePosixPath() else str(name.parent),
            image=folder / pictures[0],
            mask=MaskFile(folder / masks[0]) if masks else None,
            depth=folder / depths[0] if depths else None,
        )
    return [entries[name] for name in sorted(entries)]


def _expected(stem: PurePosixPath) -> str:
    """Return the files that would answer for a picture."""
    if IMAGES in stem.parts:
        masks, depth = (PurePosixPath(*(kind if part == IMAGES else part for part in stem.parts)) for kind in _KINDS)
        return f"{masks}.png, or {depth}.png or .npy"
    return f"{stem.name}.mask.png, or {stem.name}.depth.png or .npy beside it"


def _list_files(folder: Path) -> list[PurePosixPath]:
    """Return the pictures and .npy files of a folder, relative to it."""
    try:
        found = search_folder(folder)
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", where=folder) from error
    for name, reason in found.unreadable.items():
        raise SourceError(f"cannot be read ({reason})", where=folder / name)
    arrays = (path.relative_to(folder) for path in folder.rglob("*.npy"))
    shown = (path for path in arrays if not any(is_system_file(part) for part in path.parts))
    return sorted({PurePosixPath(name) for name in found.files} | {PurePosixPath(path) for path in shown})


def _sorted_out(paths: list[PurePosixPath]) -> _Files:
    """Tell pictures from masks and depth."""
    files = _Files()
    folders = {parent for path in paths for parent in path.parents}
    for path in paths:
        stem = path.with_suffix("")
        for kind, mark in _KINDS.items():
            parallel = _parallel(stem, kind, folders)
            if stem.suffix == mark:
                files.answers[kind].setdefault(_picture_of(stem.with_suffix(""), kind, folders), []).append(path)
                break
            if parallel is not None:
                files.answers[kind].setdefault(parallel, []).append(path)
                break
        else:
            if path.suffix.lower() in SUFFIXES:
                files.pictures.setdefault(stem, []).append(path)
    return files


def _picture_of(stem: PurePosixPath, kind: str, folders: set[PurePosixPath]) -> PurePosixPath:
    """Return the picture of a marked file, which may also lie in a parallel folder."""
    return _parallel(stem, kind, folders) or stem


def _parallel(stem: PurePosixPath, kind: str, folders: set[PurePosixPath]) -> PurePosixPath | None:
    """Return the path of the picture if a file lies in a folder of answers beside `images`, or None."""
    for number, part in enumerate(stem.parts[:-1]):
        above = PurePosixPath(*stem.parts[:number])
        if part == kind and above / IMAGES in folders:
            return above / IMAGES / PurePosixPath(*stem.parts[number + 1 :])
    return None

"""Pictures are found in folders: the one search that every command uses."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.options import to_path
from fgbg_data.runtime.bundle import bundle_folder, is_bundle, lay_out
from fgbg_data.runtime.files import MAX_NAME_BYTES
from fgbg_data.runtime.system_files import is_system_file
from fgbg_data.text import counted, short_name

SUFFIXES = frozenset(
    {".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jfif"}
    | {".bmp", ".gif", ".avif", ".heic", ".heif", ".jxl"}
)
"""Files with these suffixes, in upper or lower case, are taken for pictures."""

MAX_UNPACKED_BYTES = 20e9
"""Largest size of the pictures that are unpacked from one archive."""
RESULT_SUFFIX_BYTES = 16
"""Bytes that a name leaves for the suffix of a result, such as `.preview.png`."""


@dataclass
class FoundPictures:
    """What a folder and its subfolders hold."""

    files: list[str] = field(default_factory=list)
    """Paths of the pictures relative to the folder, with `/`, sorted."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Suffix in lower case, or "" -> how many files have it and so are not taken for pictures."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Path of a subfolder that cannot be read, relative to the folder -> the reason."""


def search_folder(folder: Path, besides: Sequence[str] = ()) -> FoundPictures:
    """Search a folder and its subfolders, also through links to folders, for pictures.

    Hidden files and folders, and those that operating systems make, do not count.

    Args:
        folder: the folder.
        besides: files, relative to the folder, that are no pictures and are not counted among those that are left out.

    Raises:
        OSError: the folder itself cannot be read.
    """
    unreadable: dict[str, str] = {}
    names = (path.relative_to(folder).as_posix() for path in _walk(folder, folder, unreadable))
    return sort_out(names, besides, unreadable)


def sort_out(
    names: Iterable[str], besides: Sequence[str] = (), unreadable: dict[str, str] | None = None
) -> FoundPictures:
    """Tell pictures from other files by their names.

    Args:
        names: paths of files relative to one folder, with `/`.
        besides: files that are no pictures and are not counted among those that are left out.
        unreadable: the subfolders that cannot be read, and why.
    """
    found = FoundPictures()
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in SUFFIXES:
            found.files.append(name)
        elif name not in besides:
            found.left_out[suffix] += 1
    found.files.sort()
    found.unreadable = unreadable or {}
    return found


def left_out_note(left_out: Counter[str]) -> str:
    """Return one sentence about the files that are not taken for pictures; "" if there are none.

    >>> left_out_note(Counter({".txt": 2, "": 1}))
    '3 files were left out for their suffix: 2 .txt, 1 without suffix'
    """
    if not left_out:
        return ""
    kinds = sorted(left_out.items(), key=lambda kind: (-kind[1], kind[0]))
    shown = ", ".join(f"{count:,} {suffix or 'without suffix'}" for suffix, count in kinds[:8])
    more = f" and {sum(count for _, count in kinds[8:]):,} of other kinds" if len(kinds) > 8 else ""
    total = left_out.total()
    return f"{counted(total, 'file')} {'was' if total == 1 else 'were'} left out for their suffix: {shown}{more}"


def find_named(pictures: Sequence[str | Path], report: Callable[[str], None] = lambda note: None) -> dict[Path, str]:
    """Find pictures, and name the files that will be written for each.

    Args:
        pictures: files; folders, which are searched with their subfolders; and zip files, tars, and lists (`.txt`).
        report: called with a sentence about files that are left out.

    Returns:
        Each picture file -> its name without suffix; of a file in a folder, with the subfolders that lead to it. A
        very long name is shortened and gets a digest.

    Raises:
        SourceError: a file or folder is missing or cannot be read, or a folder holds no picture.
        ConfigError: two pictures would have one name.
    """
    names: dict[Path, str] = {}
    for given in (to_path("pictures", one) for one in pictures):
        if is_bundle(given):
            lay_out(given, _is_picture, MAX_UNPACKED_BYTES)
            given = bundle_folder(given)
        if given.is_dir():
            names |= {given / file: _name_of(Path(file)) for file in _found_in(given, report)}
        elif given.is_file():
            names[given] = _name_of(Path(given.name))
        else:
            raise SourceError("there is no such file or folder", where=given)
    first: dict[str, Path] = {}
    for path, name in names.items():
        if name in first:
            raise ConfigError(f"{first[name]} and {path} would both be written as {name}; use a folder for each")
        first[name] = path
    return names


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _name_of(file: Path) -> str:
    """Return the path of a picture without its suffix, shortened so that the system allows a longer suffix."""
    return file.with_name(short_name(file.stem, MAX_NAME_BYTES - RESULT_SUFFIX_BYTES)).as_posix()


def _found_in(folder: Path, report: Callable[[str], None]) -> list[str]:
    """Return the pictures in a folder, and refuse a folder without any."""
    try:
        found = search_folder(folder, besides=("sources.csv", "ground.csv"))
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", where=folder) from error
    for name, reason in found.unreadable.items():
        raise SourceError(f"cannot be read ({reason})", where=folder / name)
    note = left_out_note(found.left_out)
    if not found.files:
        problem = f"holds no picture; expected files {', '.join(sorted(SUFFIXES))}"
        raise SourceError(f"{problem}. {note}" if note else problem, where=folder)
    if note:
        report(f"{folder}: {note}")
    return found.files


def _walk(folder: Path, top: Path, unreadable: dict[str, str], above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield the files below a folder; subfolders that cannot be read are noted in `unreadable`."""
    real = folder.resolve()
    if real in above:  # a link leads back to a folder above it
        return
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        if folder == top:
            raise
        unreadable[folder.relative_to(top).as_posix()] = error.strerror or str(error)
        return
    for path in inside:
        if is_system_file(path.name):
            continue
        if path.is_dir():
            yield from _walk(path, top, unreadable, above | {real})
        else:
            yield path

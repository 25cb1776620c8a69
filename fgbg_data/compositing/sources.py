"""Source folders: find the foregrounds and backgrounds in them, and check each by decoding it."""

import hashlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from fgbg_data.compositing.cutouts import NO_ALPHA, check_cutout, crop_cutout, filled_share
from fgbg_data.compositing.provenance import PROVENANCE_FILE, read_provenance
from fgbg_data.compositing.similar import look_of
from fgbg_data.compositing.source_file import BadSource, SourceFile
from fgbg_data.compositing.source_ids import source_id
from fgbg_data.errors import SourceError, StorageError, option
from fgbg_data.ground.heights import HEIGHTS
from fgbg_data.ground.notes import NOTES
from fgbg_data.key import Kind
from fgbg_data.pictures import SUFFIXES, FoundPictures, decode_file, quiet, read_picture, search_folder, sort_out
from fgbg_data.pictures.colour import CONVERTED
from fgbg_data.pictures.decode import FIRST_FRAME, FIRST_PAGE
from fgbg_data.runtime.bundle import is_bundle, lay_out
from fgbg_data.runtime.locations import Location, join, to_location
from fgbg_data.runtime.mirror import copy_folder, local_folder_of
from fgbg_data.runtime.system_files import is_system_file
from fgbg_data.text import counted

TABLES = (PROVENANCE_FILE, NOTES, HEIGHTS)
"""Files of a source folder that a build reads beside the pictures."""
MAX_COPY_BYTES = 20e9
"""Largest size of a remote source folder that a command copies if its user gives no limit."""
OPAQUE = "is opaque everywhere; a foreground is a cut-out with transparency"
"""Problem of a foreground. It is recorded in manifests, so the text must stay as it is."""


def find_pictures(
    folder: Location, kind: Kind, limit_bytes: float = math.inf, report: Callable[[int], None] = lambda done: None
) -> FoundPictures:
    """Return what a source folder and its subfolders hold; see `search_folder`.

    A remote folder is copied here first, a zip or tar is unpacked, and the files of a list are linked.

    Args:
        folder: path or URL of the source folder, or path of an archive or list.
        kind: the kind of the sources, for error texts.
        limit_bytes: largest size of the copy of a remote folder.
        report: called with the number of files that were copied.

    Raises:
        SourceError: the folder is missing, cannot be read, or holds no picture.
    """
    asked = option("bg" if kind == "background" else "fg")
    expected = f"{asked} expects the folder of the {kind} pictures"
    bundled = isinstance(folder, Path) and is_bundle(folder)
    if isinstance(folder, Path) and not folder.is_dir() and not bundled:
        found = "is a file" if folder.exists() else "there is no such folder"
        raise SourceError(f"{found}; {expected}", where=folder)
    try:
        if isinstance(folder, Path) and not bundled:
            every = search_folder(folder, besides=TABLES)
        else:
            if isinstance(folder, Path):
                names = lay_out(folder, _is_source, min(limit_bytes, MAX_COPY_BYTES))
            else:
                names = copy_folder(folder, _is_source, limit_bytes, report)
            every = sort_out((name for name in names if not _is_hidden(name)), besides=TABLES)
    except StorageError:
        raise
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror}); {expected}", where=error.filename or folder) from error
    if not every.files:
        found = ", ".join(f"{n} {suffix or 'without suffix'}" for suffix, n in every.left_out.most_common(3))
        found = found or "nothing"
        if every.unreadable:
            found += f"; {', '.join(every.unreadable)} cannot be read"
        raise SourceError(
            f"holds no picture (found {found}); {asked} expects files {', '.join(sorted(SUFFIXES))}, here or in "
            "subfolders",
            where=folder,
        )
    return every


def local_pictures(name: str, folder: str | Path) -> Path:
    """Return the local folder that holds the pictures of a source folder.

    Pictures behind a URL are copied to a folder on this machine first, and a zip or tar is unpacked into one.

    Args:
        name: name of the option that gives the folder, for error texts.
        folder: its path or URL.

    Raises:
        StorageError: the remote folder cannot be copied, or is larger than `MAX_COPY_BYTES`.
    """
    location = to_location(name, folder)
    if isinstance(location, str):
        copy_folder(location, _is_source, MAX_COPY_BYTES)
    elif is_bundle(location):
        lay_out(location, _is_source, MAX_COPY_BYTES)
    return local_folder_of(location)


def scan(
    folder: Location,
    kind: Kind,
    report: Callable[[], None] = lambda: None,
    jobs: int = 1,
    found: FoundPictures | None = None,
) -> tuple[list[SourceFile], list[BadSource]]:
    """Check every picture of a source folder by decoding it completely.

    Args:
        folder: path or URL of the source folder, searched with its subfolders.
        kind: the kind of the sources. Every foreground must have an alpha channel, and at least one of them must have
            a transparent pixel.
        report: called after each picture.
        jobs: number of threads; decoders release Python's lock.
        found: what the folder holds, if it is known; else it is searched.

    Returns:
        The usable sources, sorted by id; and the unusable ones with their problems, sorted by path.

    Raises:
        SourceError: the folder is missing or holds no picture.
    """
    from joblib import Parallel, delayed

    found = found or find_pictures(folder, kind)
    files, local = found.files, local_folder_of(folder)
    provenance, bad = read_provenance(local, files)
    bad += [BadSource(name, f"cannot be read ({reason})") for name, reason in found.unreadable.items()]
    opaque: set[str] = set()

    def check(file: str) -> SourceFile | BadSource:
        try:
            file.encode()
        except UnicodeEncodeError:
            return BadSource(os.fsencode(file).decode(errors="replace"), _problem_of_name(file))
        path = local / file
        try:
            data = read_picture(path)
            picture = decode_file(data, path)
            converted, animated, paged = (mark in picture.info for mark in (CONVERTED, FIRST_FRAME, FIRST_PAGE))
            alpha = picture.getchannel("A").getextrema() if picture.mode == "RGBA" else (255, 255)
            if kind == "foreground":
                check_cutout(picture, path)
                if alpha == (255, 255):
                    opaque.add(file)
                picture = crop_cutout(picture)
            digest = hashlib.sha256(data).hexdigest()
        except SourceError as error:
            return BadSource(file, error.problem)
        finally:
            report()
        about = dict(provenance.get(file, {}))
        return SourceFile(
            id=source_id(file, kind),
            file=file,
            sha256=digest,
            height=picture.height,
            width=picture.width,
            group=about.pop("group", ""),
            height_mm=round(1000 * float(about.pop("height_m", "0"))) or None,
            provenance=about,
            look=look_of(picture),
            converted=converted,
            animated=animated,
            paged=paged,
            clear=kind == "background" and alpha != (255, 255),
            filled=filled_share(picture) if kind == "foreground" else 1.0,
        )

    with quiet():
        checked = Parallel(n_jobs=max(1, min(jobs, len(files))), prefer="threads")(
            delayed(check)(file) for file in files
        )
    good = [source for source in checked if isinstance(source, SourceFile)]
    bad += [source for source in checked if isinstance(source, BadSource)]
    if len(opaque) == len(good):  # one rectangular cut-out may be on purpose; if all are rectangular, they are photos
        bad += [BadSource(source.file, OPAQUE) for source in good]
        good = []
    return sorted(good, key=lambda source: source.id), sorted(bad, key=lambda source: (source.file, source.problem))


def _problem_of_name(file: str) -> str:
    """Return why Python cannot read a file name as text: it is not UTF-8, or the locale sets another encoding."""
    try:
        os.fsencode(file).decode()
    except UnicodeDecodeError:
        return "has a name that is not UTF-8; rename it"
    return (
        f"has a name that cannot be read, because the locale sets {sys.getfilesystemencoding()} for names of files; "
        "set the environment variable PYTHONUTF8=1"
    )


def bad_sources_error(bad: Sequence[tuple[Location, BadSource]]) -> SourceError:
    """Return an error that lists all unusable sources, one on each line.

    Args:
        bad: each source with its source folder.
    """
    files = {join(folder, source.file) for folder, source in bad}
    noun = "picture" if all(PurePosixPath(file).suffix.lower() in SUFFIXES for file in files) else "file"
    them = "it" if len(files) == 1 else "them"
    lines = [f"  {join(folder, source.file)}: {source.problem}" for folder, source in bad]
    return SourceError(
        f"{counted(len(files), noun)} cannot be used. Mend or remove {them}, or go on without {them} with "
        f"{option('skip_bad', True)}:\n" + "\n".join(dict.fromkeys(lines))
    )


def no_transparency_error(folder: Location, bad: Sequence[BadSource]) -> SourceError | None:
    """Return an error that says that no foreground has transparency; None if some have another problem."""
    if not all(source.problem in (NO_ALPHA, OPAQUE) for source in bad):
        return None
    shown = ", ".join(source.file for source in bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    return SourceError(
        f"no foreground has transparency ({shown}). A cut-out needs an alpha channel: cut the object out and save it "
        "as PNG or WebP with transparency",
        where=folder,
    )


def _is_source(name: str) -> bool:
    """Return whether a file of a remote folder is copied to this machine: a picture that is not hidden, or a table."""
    if name in TABLES:
        return True
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    """Return whether a file, or a folder that leads to it, is hidden or made by an operating system."""
    return any(map(is_system_file, name.split("/")))

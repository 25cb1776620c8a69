"""An exam is opened: its pictures are found, and every file is read once, so that all mistakes are listed together."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.errors import ConfigError, SourceError, option
from fgbg_data.exam.coco import find_coco_entries
from fgbg_data.exam.depth_scores import LEAST_PIXELS, counting_pixels
from fgbg_data.exam.entry import ExamEntry, ExamPicture
from fgbg_data.exam.find import find_entries
from fgbg_data.exam.mask_file import MaskFile, oddity
from fgbg_data.exam.protocol import DEFAULT, ExamProtocol
from fgbg_data.exam.scores import MEAN, POOLED, SYNTHETIC
from fgbg_data.options import to_path
from fgbg_data.pictures import quiet
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.text import counted

EXPECTED = "pictures, each with x.mask.png, x.depth.png or x.depth.npy beside it, or images/, masks/ and depth/"
"""What an exam folder holds, for errors."""


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Real pictures whose masks or depth are known."""

    path: Path
    """The folder, or the COCO file."""
    entries: tuple[ExamEntry, ...]
    """The pictures, in the order of their names."""
    protocol: ExamProtocol
    """How the pictures are read and scored."""
    notes: tuple[str, ...] = ()
    """What the reader of a table should know, such as how masks of other values than 0 and 255 were read."""

    @property
    def has_masks(self) -> bool:
        """Whether any picture has a mask."""
        return any(entry.mask is not None for entry in self.entries)

    @property
    def has_depth(self) -> bool:
        """Whether any picture has depth."""
        return any(entry.depth is not None for entry in self.entries)

    def read(self, entry: ExamEntry) -> ExamPicture:
        """Read one of the pictures, its mask and its depth.

        Raises:
            SourceError: a file changed since the exam was opened, and cannot be used any more.
        """
        with quiet():
            return entry.read(self.protocol)

    def describe(self) -> dict[str, str]:
        """Return how the pictures are scored, as a table of name and text."""
        masks = self.protocol.of_masks() if self.has_masks else {}
        return masks | (self.protocol.of_depth() if self.has_depth else {})


def open_exam(path: Path | str, protocol: ExamProtocol = DEFAULT, *, progress: Progress = None) -> Exam:
    """Open an exam: real pictures with masks, with depth, or with both.

    >>> exam = open_exam("photos/")  # doctest: +SKIP
    >>> picture = exam.read(exam.entries[0])  # doctest: +SKIP

    Args:
        path: a folder of pictures with their masks and depth (see `docs/exam.md`), or a COCO file (.json).
        protocol: how pictures are read and scored.
        progress: see `fgbg_data.runtime.progress`.

    Raises:
        SourceError: there is no picture, or some files cannot be used; the text lists all of them.
        ConfigError: a category is unknown.
    """
    folder = to_path("exam", path)
    problems: list[str] = []
    notes: list[str] = []
    if folder.suffix.lower() == ".json" and not folder.is_dir():
        entries = find_coco_entries(folder, protocol.categories, problems, notes)
    elif protocol.categories:
        raise ConfigError(f"{option('categories', protocol.categories)}: only a COCO file has categories", where=folder)
    elif folder.is_dir():
        entries = find_entries(folder, problems)
        if not entries and not problems:
            raise SourceError(f"holds no picture; expected {EXPECTED}", where=folder)
    else:
        raise SourceError(f"there is no such folder; expected a folder of {EXPECTED}, or a COCO file", where=folder)
    sets = {entry.set_name for entry in entries}
    problems += [
        f"{folder}: a set cannot be called {name!r}, because a column of tables has this name; rename the folder"
        for name in (POOLED, MEAN, SYNTHETIC)
        if name in sets
    ]
    shown = reporter(progress)
    findings: Counter[str] = Counter()
    with activity(shown, "check exam", len(entries), "pictures"), quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (problem, found) in enumerate(pool.map(lambda e: _check(e, protocol), entries), start=1):
            problems += problem
            findings.update(found)
            shown.update(done)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise SourceError(f"{counted(len(problems), 'problem')}:\n{lines}", where=folder)
    notes += [f"{what}: {count}" for what, count in findings.items()]
    return Exam(path=folder, entries=tuple(entries), protocol=protocol, notes=tuple(notes))


def _check(entry: ExamEntry, protocol: ExamProtocol) -> tuple[list[str], list[str]]:
    """Read a picture and what is known of it; return what is wrong, and what a reader of tables should know."""
    found: list[str] = []
    try:
        picture = entry.read(protocol)
        if isinstance(entry.mask, MaskFile) and (odd := oddity(entry.mask.grey())):
            found.append(odd)
        if picture.depth is not None and counting_pixels(picture.depth, protocol) is None:
            found.append(f"depth with fewer than {LEAST_PIXELS} pixels that count, which is left out")
    except SourceError as error:
        return [str(error)], []
    return [], found

"""What a user should know about the sources of a build: copies, near copies, groups, faint and enlarged pictures."""

import math
from collections import Counter
from collections.abc import Sequence

from fgbg_data.compositing.groups import copies, named_groups
from fgbg_data.compositing.plan import box_size
from fgbg_data.compositing.source_file import Source, SourceFile
from fgbg_data.config import BuildConfig
from fgbg_data.key import Kind
from fgbg_data.pictures import FoundPictures, left_out_note
from fgbg_data.runtime.locations import Location
from fgbg_data.splits import Split, join_units
from fgbg_data.text import counted

SHOWN = 5
"""Files that a note names; it counts the others."""
FAINT = 0.1
"""A cut-out whose mask fills less than this share of its box is faint."""


def notes_of(
    config: BuildConfig,
    backgrounds: Sequence[SourceFile],
    foregrounds: Sequence[SourceFile],
    similar: dict[Kind, list[tuple[int, int]]],
) -> tuple[str, ...]:
    """Return the notes that depend on nothing but the sources and the options; the manifest holds them.

    Args:
        config: the configuration of the build.
        backgrounds: the usable backgrounds.
        foregrounds: the usable foregrounds.
        similar: for each kind, pairs of numbers of sources that look alike.
    """
    kinds: tuple[tuple[Kind, Sequence[SourceFile]], ...] = (("background", backgrounds), ("foreground", foregrounds))
    notes: list[str] = []
    for kind, sources in kinds:
        notes += _copies(kind, sources)
        notes += _groups(kind, sources)
        notes += _similar(kind, sources, similar[kind], grouped=config.group_similar)
    notes += _faint(foregrounds)
    notes += _enlarged(config, backgrounds, foregrounds)
    notes += _colours(backgrounds, foregrounds)
    notes += _first_frames(backgrounds, foregrounds)
    notes += _mixed_up(backgrounds, foregrounds)
    return tuple(notes)


def notes_of_folders(folders: dict[Location, FoundPictures]) -> tuple[str, ...]:
    """Return a note for each source folder that holds files which are not taken for pictures."""
    notes = {folder: left_out_note(found.left_out) for folder, found in folders.items()}
    return tuple(f"{folder}: {note}" for folder, note in notes.items() if note)


def notes_of_shares(
    config: BuildConfig,
    backgrounds: Sequence[SourceFile],
    foregrounds: Sequence[SourceFile],
    splits: Sequence[Split],
) -> tuple[str, ...]:
    """Return a note for each split whose share of the sources is far from the one that was asked for."""
    if config.holdout == "sample":
        return ()
    notes = []
    for split in splits:
        asked = config.val if split.name == "val" else config.test
        for kind, used, sources in (
            ("background", split.backgrounds, backgrounds),
            ("foreground", split.foregrounds, foregrounds),
        ):
            units = join_units([source.entry.marks for source in sources])
            total, held = len(set(units)), len({units[number] for number in used})
            if split.name == "train" or held == total or held / total <= asked + 0.02:
                continue
            what = f"{kind}s" if total == len(sources) else f"{kind}s (copies and groups counted once)"
            notes.append(
                f"{split.name} has {held} of {total} {what}, which is {held / total:.0%}: the share of {asked:.0%} "
                "that was asked for is rounded up to whole pictures"
            )
    return tuple(notes)


def _copies(kind: Kind, sources: Sequence[SourceFile]) -> list[str]:
    found = copies(sources)
    notes = [f"{kind} {file} is a copy of {first}" for file, first in list(found.items())[:SHOWN]]
    if len(found) > SHOWN:
        notes.append(f"{len(found) - SHOWN:,} more {kind}s are copies of others")
    if found:
        notes.append(f"copies of a {kind} count as one source: no holdout tears them apart")
    return notes


def _groups(kind: Kind, sources: Sequence[SourceFile]) -> list[str]:
    groups = named_groups(sources)
    files = sum(len(found) for found in groups.values())
    many = counted(len(groups), "group")
    return [f"{files:,} {kind}s belong to {many}, which no holdout tears apart"] if groups else []


def _similar(kind: Kind, sources: Sequence[SourceFile], pairs: Sequence[tuple[int, int]], grouped: bool) -> list[str]:
    """Name near copies: pairs that are neither copies nor of one group already."""
    apart = [
        pair for pair in pairs if grouped or not set(sources[pair[0]].entry.marks) & set(sources[pair[1]].entry.marks)
    ]
    apart = [pair for pair in apart if sources[pair[0]].sha256 != sources[pair[1]].sha256]
    if not apart:
        return []
    shown = ", ".join(f"{sources[one].file} and {sources[other].file}" for one, other in apart[:SHOWN])
    more = f", and {len(apart) - SHOWN:,} more pairs" if len(apart) > SHOWN else ""
    then = (
        "each such group is kept on one side of a holdout"
        if grouped
        else "if they are one picture, `--group-similar` (`group_similar=True`) keeps them on one side of a holdout"
    )
    return [f"some {kind}s look alike, as if resized, compressed again or flipped ({shown}{more}); {then}"]


def _faint(foregrounds: Sequence[SourceFile]) -> list[str]:
    faint = [source.file for source in foregrounds if source.filled < FAINT]
    if not faint:
        return []
    return [
        f"{counted(len(faint), 'cut-out')} of {len(foregrounds)} will be hard to see, because less than a tenth of the "
        f"box has an alpha of at least half: {_listed(faint)}"
    ]


def _enlarged(config: BuildConfig, backgrounds: Sequence[SourceFile], foregrounds: Sequence[SourceFile]) -> list[str]:
    notes = []
    if config.scale_range is not None:
        factors = []
        for source in foregrounds:
            own = Source(source.id, source.height, source.width)
            box = box_size(own, config.canvas, config.scale_range[1])
            factors.append(max(box[0] / source.height, box[1] / source.width))
        notes += _enlargement(factors, "cut-outs", "a smaller scale or size")
    height, width = config.canvas
    factors = [max(height / source.height, width / source.width) for source in backgrounds]
    return notes + _enlargement(factors, "backgrounds", "a smaller size")


def _enlargement(factors: Sequence[float], what: str, instead: str) -> list[str]:
    large = [factor for factor in factors if factor > 1.05]  # less cannot be seen
    if not large:
        return []
    most = math.floor(max(large) * 10 + 0.5) / 10
    return [
        f"{len(large)} of {len(factors)} {what} {'is' if len(large) == 1 else 'are'} enlarged, up to {most:.1f}x, "
        f"which makes them soft; larger pictures or {instead} keep them sharp"
    ]


def _colours(backgrounds: Sequence[SourceFile], foregrounds: Sequence[SourceFile]) -> list[str]:
    count = Counter(source.converted for source in (*backgrounds, *foregrounds))[True]
    return (
        [f"the colours of {counted(count, 'picture')} are converted to sRGB by their colour profiles"] if count else []
    )


def _first_frames(backgrounds: Sequence[SourceFile], foregrounds: Sequence[SourceFile]) -> list[str]:
    frames = sum(source.animated for source in (*backgrounds, *foregrounds))
    pages = sum(source.paged for source in (*backgrounds, *foregrounds))
    notes = []
    if frames:
        notes.append(f"of {counted(frames, 'animation')}, only the first frame is used")
    if pages:
        notes.append(f"of {counted(pages, 'TIFF file')} with several pages, only the first page is used")
    return notes


def _mixed_up(backgrounds: Sequence[SourceFile], foregrounds: Sequence[SourceFile]) -> list[str]:
    """Warn of cut-outs that are given as backgrounds."""
    notes = []
    digests = {source.sha256 for source in foregrounds}
    both = [source.file for source in backgrounds if source.sha256 in digests]
    clear = [source.file for source in backgrounds if source.clear]
    if both:
        pictures = counted(len(both), "picture")
        notes.append(f"{pictures} serve as background and as foreground: {_listed(both)}")
    if clear:
        notes.append(
            f"{counted(len(clear), 'background')} with transparent parts, which become white: {_listed(clear)}"
        )
    return notes


def _listed(files: Sequence[str]) -> str:
    more = f" and {len(files) - SHOWN:,} more" if len(files) > SHOWN else ""
    return ", ".join(files[:SHOWN]) + more

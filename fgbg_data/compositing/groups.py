"""Groups of sources: what belongs together, so that no holdout tears it apart."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from fgbg_data.compositing.source_file import SourceFile
from fgbg_data.splits import join_units


def copies(sources: Sequence[SourceFile]) -> dict[str, str]:
    """Return file -> the first file of the same bytes, for each file that is a copy of another."""
    first: dict[str, str] = {}
    return {
        source.file: file for source in sources if (file := first.setdefault(source.sha256, source.file)) != source.file
    }


def named_groups(sources: Sequence[SourceFile]) -> dict[str, list[str]]:
    """Return name of a group -> the files that belong to it, without groups of one file."""
    found: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        if source.group:
            found[source.group].append(source.file)
    return {name: files for name, files in found.items() if len(files) > 1}


def group_similar(sources: Sequence[SourceFile], pairs: Sequence[tuple[int, int]]) -> list[SourceFile]:
    """Return the sources, where all that look alike have one group.

    Copies of such a source, and the other members of its group, get the same group. A group keeps its name; a new one
    is named after the smallest digest in it.

    Args:
        sources: the sources.
        pairs: numbers of those that look alike, as `similar_pairs` returns them.
    """
    marks = [list(source.entry.marks) for source in sources]
    for number, (one, other) in enumerate(pairs):
        marks[one].append(f"pair {number}")
        marks[other].append(f"pair {number}")
    units = join_units(marks)
    alike = {units[one] for one, _ in pairs}
    names = {}
    for unit in alike:
        members = [source for source, of in zip(sources, units, strict=True) if of == unit]
        given = sorted(source.group for source in members if source.group)
        names[unit] = given[0] if given else f"similar-{min(source.sha256 for source in members)[:12]}"
    return [
        replace(source, group=names[unit]) if unit in names else source
        for source, unit in zip(sources, units, strict=True)
    ]

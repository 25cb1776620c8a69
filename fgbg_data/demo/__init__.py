"""A small set of backgrounds and cut-outs, drawn by the package itself, so that everything runs with no data at hand.

`shapes` draws outlines, `paint` fills them, and `space` is a camera for perspective. `indoors`, `town`, `country`,
`creatures` and `objects` hold one function per picture; `interior` and `scenery` hold what several pictures share.
Seeds are fixed, so that the same versions of the libraries draw the same bytes.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fgbg_data.demo.country import COUNTRY
from fgbg_data.demo.creatures import CREATURES
from fgbg_data.demo.indoors import INDOORS
from fgbg_data.demo.objects import OBJECTS
from fgbg_data.demo.paint import Canvas
from fgbg_data.demo.town import TOWN
from fgbg_data.errors import StorageError
from fgbg_data.options import to_path
from fgbg_data.runtime.files import PARTIAL, write_whole

__all__ = ["BACKGROUNDS", "FOREGROUNDS", "DemoPaths", "write_demo"]

BACKGROUNDS: dict[str, Callable[[], Canvas]] = dict(sorted({**INDOORS, **TOWN, **COUNTRY}.items()))
FOREGROUNDS: dict[str, Callable[[], Canvas]] = dict(sorted({**CREATURES, **OBJECTS}.items()))

MADE_FROM_IT = ("shards", "runs")
"""Folders in the demo's folder that `write_demo` tolerates: the README builds a dataset and trains there."""
_PARTIAL_OF = re.compile(r"(.+)\.[0-9a-f-]+" + re.escape(PARTIAL))


@dataclass(frozen=True, kw_only=True)
class DemoPaths:
    """The folders of the demo's pictures."""

    backgrounds: Path
    """Folder of the backgrounds, JPEG files."""
    foregrounds: Path
    """Folder of the cut-outs, PNG files with transparency."""


def write_demo(folder: str | Path) -> DemoPaths:
    """Draw the demo's pictures into `folder`: backgrounds as ``bg/*.jpg``, cut-outs as ``fg/*.png``.

    Each of the two folders also gets a ``sources.csv``, which names the author and the licence of
    each picture. A second run writes the same files again.

    Args:
        folder: created if it is missing. It may hold an earlier demo, and beside it `shards` and `runs`.

    Raises:
        StorageError: `folder` is a file, holds files that are not the demo's own, or cannot be written.
    """
    folder = to_path("folder", folder)
    paths = DemoPaths(backgrounds=folder / "bg", foregrounds=folder / "fg")
    _refuse_strangers(folder, paths)
    try:
        for path in (paths.backgrounds, paths.foregrounds):
            path.mkdir(parents=True, exist_ok=True)
        for path, content in _files(paths):
            with write_whole(path) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        reason = (error.__cause__ if isinstance(error, StorageError) else error) or error
        why = getattr(reason, "strerror", None) or reason
        raise StorageError(f"{why}. Make room, or name another folder", where=folder) from error
    return paths


def _names(table: dict[str, Callable[[], Canvas]], suffix: str) -> list[str]:
    return [name + suffix for name in table]


def _refuse_strangers(folder: Path, paths: DemoPaths) -> None:
    """Raise unless everything in `folder` is a file or folder that the demo writes."""
    own = {paths.backgrounds, paths.foregrounds}
    own |= {paths.backgrounds / name for name in [*_names(BACKGROUNDS, ".jpg"), "sources.csv"]}
    own |= {paths.foregrounds / name for name in [*_names(FOREGROUNDS, ".png"), "sources.csv"]}
    for path in (folder, paths.backgrounds, paths.foregrounds):
        if path.exists() and not path.is_dir():
            raise StorageError(
                "is a file, and the demo needs a folder there. Name a new or an empty folder", where=path
            )
    made = [folder / name for name in MADE_FROM_IT]
    found = [path for parent in (folder, *own) if parent.is_dir() for path in parent.iterdir()]
    dead = [path for path in found if (cut := _PARTIAL_OF.fullmatch(path.name)) and path.parent / cut[1] in own]
    strangers = sorted(set(found) - own - set(made) - set(dead))
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise StorageError(
            f"holds {strangers[0].relative_to(folder)}{more}, which the demo did not write. "
            "Name a new or an empty folder",
            where=folder,
        )
    for path in dead:  # an earlier run was killed while it wrote this file
        path.unlink(missing_ok=True)


def _files(paths: DemoPaths) -> Iterator[tuple[Path, bytes]]:
    """Yield every file of the demo with its content; each picture is drawn when it is its turn."""
    for name, draw in BACKGROUNDS.items():
        picture, jpeg = Image.fromarray(draw().pixels()[..., :3]), io.BytesIO()
        picture.save(jpeg, "JPEG", quality=92, subsampling="4:4:4", optimize=True)
        yield paths.backgrounds / f"{name}.jpg", jpeg.getvalue()
    for name, draw in FOREGROUNDS.items():
        png = io.BytesIO()
        Image.fromarray(draw().pixels()).save(png, "PNG")
        yield paths.foregrounds / f"{name}.png", png.getvalue()
    yield paths.backgrounds / "sources.csv", _credits(_names(BACKGROUNDS, ".jpg"))
    yield paths.foregrounds / "sources.csv", _credits(_names(FOREGROUNDS, ".png"))


def _credits(names: list[str]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "licence", "author", "url"])
    rows.writerows([name, "CC0-1.0", "fgbg demo", ""] for name in names)
    return text.getvalue().encode()

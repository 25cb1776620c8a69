"""A small set of backgrounds and cut-outs, drawn by the package itself, so that everything runs with no data at hand.

`shapes` and `paint` are the pencil and the brush, `space` is the camera. `indoors`, `town`, `country`, `creatures`
and `objects` hold one function per picture, `interior` and `scenery` what several of them share. Seeds are fixed,
so that the same versions of the libraries draw the same bytes.
"""

import csv
import io
import os
import tempfile
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

__all__ = ["BACKGROUNDS", "FOREGROUNDS", "DemoPaths", "write_demo"]

BACKGROUNDS: dict[str, Callable[[], Canvas]] = dict(sorted({**INDOORS, **TOWN, **COUNTRY}.items()))
FOREGROUNDS: dict[str, Callable[[], Canvas]] = dict(sorted({**CREATURES, **OBJECTS}.items()))


@dataclass(frozen=True, kw_only=True)
class DemoPaths:
    """Where the demo's pictures lie."""

    backgrounds: Path
    foregrounds: Path


def write_demo(folder: Path) -> DemoPaths:
    """Draw the demo's pictures into `folder`: backgrounds as ``bg/*.jpg``, cut-outs as ``fg/*.png``.

    Each of the two folders also gets a ``sources.csv``, which says who drew the pictures and under
    which licence. Running it again writes the same files again.

    Args:
        folder: created when missing. It may hold an earlier demo and nothing else.

    Raises:
        StorageError: `folder` is a file, holds files that are not the demo's own, or cannot be written.
    """
    paths = DemoPaths(backgrounds=folder / "bg", foregrounds=folder / "fg")
    _refuse_strangers(folder, paths)
    try:
        for path in (paths.backgrounds, paths.foregrounds):
            path.mkdir(parents=True, exist_ok=True)
        for path, content in _files(paths):
            _replace(path, content)
    except OSError as error:
        raise StorageError(
            f"{folder}: {error.strerror}. Make room or name another folder, and run it again."
        ) from error
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
            raise StorageError(f"{path}: is a file, and the demo needs a folder there. Name a new or an empty folder.")
    strangers = sorted(path for path in folder.rglob("*") if path not in own)
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise StorageError(
            f"{folder}: holds {strangers[0].relative_to(folder)}{more}, which the demo did not write. "
            "Name a new or an empty folder."
        )


def _files(paths: DemoPaths) -> Iterator[tuple[Path, bytes]]:
    """Every file of the demo with its content, drawn one at a time."""
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


def _replace(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then put it in its place in one step."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(partial, 0o644)  # mkstemp's 0600 would hide the demo from other users
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise

"""Heights of things in millimetres: as the user gives them, by class, or drawn."""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

from fgbg_data.errors import SourceError

HEIGHTS = "heights.toml"
"""File of a user's own heights by class, in the folder of the foregrounds."""

UNKNOWN_MM = (400, 1600)
"""Range from which the height of a thing of no known class is drawn: from a vase to a person."""
VARIATION = 8
"""Things of one class differ by up to this many percent from the height in the table."""
TALLEST_MM = 30_000
"""Tallest thing that a table may hold."""


@lru_cache(maxsize=1)
def heights_by_class() -> Mapping[str, int]:
    """Return the table of the package: class -> height in millimetres.

    >>> heights_by_class()["person"]
    1700
    """
    text = resources.files("fgbg_data.ground").joinpath("heights.toml").read_text(encoding="utf-8")
    return {name: round(float(metres) * 1000) for name, metres in tomllib.loads(text).items()}


def read_heights(folder: Path) -> Mapping[str, int]:
    """Return the table of the package, with the classes that `heights.toml` in a folder adds or changes.

        # fg/heights.toml
        forklift = 2.1
        chair = 0.8

    Args:
        folder: the folder of the foregrounds.

    Raises:
        SourceError: the file holds something else than heights in metres.
    """
    path = folder / HEIGHTS
    if not path.is_file():
        return heights_by_class()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        own = {name.lower(): round(float(metres) * 1000) for name, metres in found.items()}
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(
            f"is no TOML file of heights in metres ({error}); expected lines such as cat = 0.3", where=path
        ) from error
    for name, height in own.items():
        if not 1 <= height <= TALLEST_MM:
            raise SourceError(
                f"{name} = {found[name]}; expected metres above 0 and up to {TALLEST_MM // 1000}", where=path
            )
    return {**heights_by_class(), **own}


def class_in(text: str, heights: Mapping[str, int]) -> str | None:
    """Return the class that a text names, such as the path of a picture; the last word that is a class counts.

    >>> class_in("people/office_chair 03.png", {"people": 1700, "chair": 900})
    'chair'
    >>> class_in("chairs/0001.png", {"chair": 900})
    'chair'
    >>> class_in("cat_dog/7.png", {"cat_dog": 500, "dog": 600})
    'cat_dog'

    Args:
        text: any text; words are separated by anything but letters. A plural with s counts too.
        heights: class -> height.
    """
    words = re.findall("[a-z]+", text.lower())
    for end in range(len(words), 0, -1):
        for name in ("_".join(words[max(0, end - 2) : end]), words[end - 1]):
            for known in (name, name.removesuffix("s"), name.removesuffix("es")):
                if known in heights:
                    return known
    return None


def height_mm(share: float, known: int | None) -> int:
    """Return the height of one thing in millimetres.

    >>> height_mm(0.5, 1700), height_mm(0.0, None), height_mm(1.0, None)
    (1700, 400, 1600)

    Args:
        share: a number in [0, 1] that is drawn once for each thing, so that its size is constant over all samples.
        known: the height of its class; None if its class is not known.
    """
    if known is not None:
        return max(1, round(known * (100 + VARIATION * (2 * share - 1)) / 100))
    low, high = UNKNOWN_MM
    return round(low + (high - low) * share * share)  # more small things than tall ones

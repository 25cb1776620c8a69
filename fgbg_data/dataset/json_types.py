"""Types of fields in JSON files beyond plain text and numbers, and the error for a wrong value of a field."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, Self

from fgbg_data.splits import SPLIT_NAME


class JsonError(ValueError):
    """A field of a JSON file has a wrong value."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self._names: list[str | int] = []

    def inside(self, name: str | int) -> Self:
        """Return the error, with the name of the object's field or the number in the list that holds the value."""
        self._names.insert(0, name if isinstance(name, int) else name[:40])
        return self

    @property
    def field(self) -> str:
        """The field, such as `splits.train.samples` or `shards[3].split`; empty for the file as a whole."""
        names = (f"[{name}]" if isinstance(name, int) else f".{name}" for name in self._names)
        return "".join(names).removeprefix(".")

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}" if self._names else self.problem


@dataclass(frozen=True)
class Within:
    """Require a number from `least` to `most`."""

    least: int
    most: int

    def __call__(self, value: Any) -> None:
        """Raise a JsonError unless the number is in the range."""
        if not self.least <= value <= self.most:
            limit = f"of at least {self.least}" if value < self.least else f"of at most {self.most}"
            raise JsonError(f"expected a number {limit}, found {shown(value)}")


@dataclass(frozen=True)
class Matches:
    """Require text that a regular expression matches as a whole."""

    pattern: str
    expected: str

    def __call__(self, value: Any) -> None:
        """Raise a JsonError unless the text matches."""
        if re.fullmatch(self.pattern, value) is None:
            raise JsonError(f"expected {self.expected}, found {shown(value)}")


def _check_file_name(value: str) -> None:
    if value.strip(".") == "" or set(value) & set("/\\\0"):
        raise JsonError(f"expected the name of a file without its folder, found {shown(value)}")


def _check_relative_path(value: str) -> None:
    if not value or value.startswith("/") or ".." in value.split("/") or "\0" in value:
        raise JsonError(f"expected a path inside a folder, without '..', found {shown(value)}")


Count = Annotated[int, Within(0, 2**53)]
"""How many; also a size in bytes or an index. JSON keeps whole numbers up to 2**53 in every language."""
Side = Annotated[int, Within(1, 2**20)]
"""Side of an array."""
SplitName = Annotated[str, Matches(SPLIT_NAME, "the name of a split, of A-Z, a-z, 0-9, '-' and '_'")]
"""Name of a split, which is also the name of a folder, and so must not lead out of the dataset."""
FormatName = Annotated[str, Matches(r"[a-z0-9_-]+", "the name of a format, of a-z, 0-9, '-' and '_'")]
"""Name of a shard format."""
FileName = Annotated[str, _check_file_name]
"""Name of a file or folder, without the folder that holds it."""
RelativePath = Annotated[str, _check_relative_path]
"""Path inside a folder, with `/`."""


def refuse(expected: str, value: Any) -> NoReturn:
    """Raise the error that says what was expected, and what was found."""
    raise JsonError(f"expected {expected}, found {shown(value)}")


def shown(value: Any) -> str:
    """Return a JSON value as an error shows it: short, and as it stands in the file."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value) if isinstance(value, str | float | bool | None) else _digits(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"

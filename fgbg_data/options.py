"""Values of options: checks, each of which raises a ConfigError that names the option, and TOML files of values."""

import numbers
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from fgbg_data.errors import ConfigError, option

MIN_SIDE_PX = 8
"""Shortest side of a picture that an option may ask for, in pixels."""
MAX_SIDE_PX = 8192
"""Longest side of a picture that an option may ask for, in pixels. A larger picture in a shard is refused as a bomb."""


Given = TypeVar("Given")
Kept = TypeVar("Kept")


class Converted(Generic[Given, Kept]):
    """A field of a frozen dataclass that takes several types and keeps one: `bg="pictures"` is kept as a `Path`.

    Type checkers read from `__set__` what the constructor takes, and from `__get__` what the attribute is.

    Args:
        convert: (name of the field, value that was given) -> value to keep. It raises a ConfigError for a bad value.
        default: value of the field if the constructor gets none; without a default, the field must be given.
    """

    def __init__(self, convert: Callable[[str, Given], Kept], *default: Kept) -> None:
        self._convert, self._default, self._name = convert, default, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Kept: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Kept: ...

    def __get__(self, instance: object | None, owner: type) -> Kept:
        if instance is not None:
            kept: Kept = vars(instance)[self._name]
            return kept
        if not self._default:
            raise AttributeError(self._name)  # tells `dataclass` that the field has no default
        return self._default[0]

    def __set__(self, instance: object, value: Given) -> None:
        vars(instance)[self._name] = self._convert(self._name, value)


Names = Converted[str | Collection[str], tuple[str, ...]]
"""Names: given as a tuple, a list, or text with commas, kept as a tuple."""
SizeText = Converted[int | str | tuple[int, int], str]
"""A size: given as one side, as (height, width) or as text WIDTHxHEIGHT, kept as text."""
ScaleText = Converted[str | tuple[float, float], str]
"""A range of scales: given as (low, high) or as text LOW:HIGH, kept as text."""
RangeText = Converted[int | float | str | tuple[float, float], str]
"""A range of numbers: given as one number, as (low, high) or as text LOW:HIGH, kept as text."""


def to_path(name: str, value: "str | os.PathLike[str]") -> Path:
    """Return a path that was given as text or as a path; `~` at its start stands for the home folder.

    >>> to_path("bg", "pictures").name
    'pictures'

    Raises:
        ConfigError: it is neither, or the home folder is not known.
    """
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{option(name, value)}: expected a path, as text or as a Path")
    path = Path(value)
    if not str(path).startswith("~"):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{option(name, str(path))}: no home folder is known for it; write the whole path, or ./{path} for a file "
            "of that name"
        ) from error


def to_size_text(name: str, value: int | str | tuple[int, int]) -> str:
    """Return a size as text: a side, or WIDTHxHEIGHT.

    >>> to_size_text("size", 224), to_size_text("size", (240, 320)), to_size_text("size", "320x240")
    ('224', '320x240', '320x240')

    Args:
        name: name of the option.
        value: a side, text, or (height, width), as arrays have it.
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        height, width = value
        return f"{width}x{height}"
    return str(value)


def to_scale_text(name: str, value: str | tuple[float, float]) -> str:
    """Return a range of scales as text, LOW:HIGH.

    >>> to_scale_text("scale", (0.4, 0.7)), to_scale_text("scale", "native")
    ('0.4:0.7', 'native')
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        return "{}:{}".format(*value)
    return str(value)


def to_range_text(name: str, value: float | str | tuple[float, float]) -> str:
    """Return a range of numbers as text, LOW:HIGH or one number.

    >>> to_range_text("objects", (1, 3)), to_range_text("objects", 2), to_range_text("objects", "1:3")
    ('1:3', '2', '1:3')
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        return "{}:{}".format(*value)
    return str(value)


def to_names(name: str, value: str | Collection[str]) -> tuple[str, ...]:
    """Return names that were given as a collection, or as text with commas.

    >>> to_names("format", "tar, hdf5"), to_names("format", ["tar"])
    (('tar', 'hdf5'), ('tar',))

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if not isinstance(value, Collection) or not all(isinstance(part, str) for part in value):
        raise ConfigError(f"{option(name, value)}: expected names, as a tuple or as text with commas")
    return tuple(value)


def check_type(name: str, value: object, kind: Any) -> Any:
    """Require a value of a type, and return it.

    >>> check_type("samples", "10", int | None)
    Traceback (most recent call last):
    fgbg_data.errors.ConfigError: samples='10': expected a whole number, found text

    Args:
        name: name of the option.
        value: value of the option; numbers of NumPy become numbers of Python.
        kind: `int`, `int | None`, `float`, `bool` or `str`; values of other types are not checked.
    """
    if value is None and kind == int | None:
        return None
    if kind is bool and not isinstance(value, bool):
        raise ConfigError(f"{option(name, value)}: expected True or False")
    if kind is str and not isinstance(value, str):
        raise ConfigError(f"{option(name, value)}: expected text")
    if kind in (int, int | None, float):
        wanted = numbers.Real if kind is float else numbers.Integral
        if isinstance(value, bool) or not isinstance(value, wanted):
            found = "text" if isinstance(value, str) else type(value).__name__
            expected = "a number" if kind is float else "a whole number"
            raise ConfigError(f"{option(name, value)}: expected {expected}, found {found}")
        return float(value) if isinstance(value, numbers.Real) and kind is float else int(value)  # type: ignore[call-overload]
    return value


def nearest(value: str, known: Collection[str]) -> str:
    """Return a hint for a misspelt name, such as `; did you mean 'tar'?`; it is empty if no known name is similar.

    >>> nearest("tarr", ["tar", "hdf5"]), nearest("zip", ["tar", "hdf5"])
    ("; did you mean 'tar'?", '')
    """
    import difflib  # here, and not at the top, because only mistakes need it, and each import delays every `--help`

    near = difflib.get_close_matches(value, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(name: str, value: str, known: Collection[str]) -> None:
    """Require one of the known values.

    >>> one_of("format", "tarr", ["tar", "hdf5"])
    Traceback (most recent call last):
    fgbg_data.errors.ConfigError: format='tarr': expected one of tar, hdf5; did you mean 'tar'?
    """
    if value not in known:
        raise ConfigError(f"{option(name, value)}: expected one of {', '.join(known)}{nearest(str(value), known)}")


def at_least(name: str, value: int, least: int) -> None:
    """Require `value >= least`."""
    if value < least:
        raise ConfigError(f"{option(name, value)}: expected at least {least}")


def between(name: str, value: float, least: float, most: float) -> None:
    """Require `least <= value <= most`."""
    if not least <= value <= most:
        raise ConfigError(f"{option(name, value)}: expected {least} to {most}")


def check_shares(val: float, test: float) -> None:
    """Require shares of val and test that leave some samples for train."""
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise ConfigError(
            f"{option('val', val)} and {option('test', test)}: expected shares of at least 0 that leave some to train"
        )


def parse_size(name: str, text: str, words: str = "") -> tuple[int, int]:
    """Return (height, width) in pixels of `224` or `WIDTHxHEIGHT`.

    Args:
        name: name of the option.
        text: value of the option.
        words: other values that the option accepts, for the error text, such as `"full, half, "`.

    >>> parse_size("size", "320x240")
    (240, 320)
    """
    found = re.fullmatch(r"([0-9]{1,9})(?:[xX]([0-9]{1,9}))?", text)
    if not found:
        raise ConfigError(f"{option(name, text)}: expected {words}a side such as 224, or WIDTHxHEIGHT")
    width, height = int(found[1]), int(found[2] or found[1])
    if not MIN_SIDE_PX <= min(width, height) <= max(width, height) <= MAX_SIDE_PX:
        raise ConfigError(f"{option(name, text)}: expected sides of {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels")
    return height, width


def parse_range(name: str, text: str, least: float, most: float, *, whole: bool = False) -> tuple[float, float]:
    """Return (low, high) of `LOW:HIGH`, or of one number twice.

    Args:
        name: name of the option.
        text: value of the option.
        least: smallest number that the option accepts.
        most: largest number that the option accepts.
        whole: whether the numbers must be whole.

    >>> parse_range("objects", "1:3", 1, 255, whole=True), parse_range("match", "0.5", 0, 1)
    ((1, 3), (0.5, 0.5))
    """
    expected = f"expected a {'whole number' if whole else 'number'} from {least} to {most}, or LOW:HIGH of such numbers"
    try:
        numbers = [(int if whole else float)(part) for part in text.split(":")]
    except ValueError:
        raise ConfigError(f"{option(name, text)}: {expected}") from None
    if len(numbers) > 2 or not least <= numbers[0] <= numbers[-1] <= most:
        raise ConfigError(f"{option(name, text)}: {expected}")
    return numbers[0], numbers[-1]


def range_text(found: tuple[float, float]) -> str:
    """Return the one way to write a range as text: LOW:HIGH, or one number if both are equal.

    >>> range_text((1, 1)), range_text((1, 3)), range_text((0.0, 0.5))
    ('1', '1:3', '0:0.5')
    """
    low, high = (int(number) if number == int(number) else number for number in found)
    return str(low) if low == high else f"{low}:{high}"


def load_toml(path: str | Path) -> dict[str, Any]:
    """Return the values in a TOML file; their names are not checked.

    Raises:
        ConfigError: the file cannot be read, or it is not TOML.
    """
    import tomllib

    path = to_path("config", path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a byte order mark
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML ({error})", where=path) from error

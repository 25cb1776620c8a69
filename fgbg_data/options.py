"""Values of options: checks, each of which raises a ConfigError that names the option, and TOML files of values."""

import difflib
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fgbg_data.errors import ConfigError, option

MIN_SIDE_PX = 8
"""Shortest side of a picture that an option may ask for, in pixels."""
MAX_SIDE_PX = 8192
"""Longest side of a picture that an option may ask for, in pixels."""


def nearest(value: str, known: Collection[str]) -> str:
    """Return a hint for a misspelt name, such as `; did you mean 'tar'?`; it is empty if no known name is similar.

    >>> nearest("tarr", ["tar", "hdf5"]), nearest("zip", ["tar", "hdf5"])
    ("; did you mean 'tar'?", '')
    """
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


def load_toml(path: Path) -> dict[str, Any]:
    """Return the values in a TOML file; their names are not checked.

    Raises:
        ConfigError: the file cannot be read, or it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML ({error})", where=path) from error

"""The errors that a user can cause or fix. The commands print each as one line and exit with status 2.

FgbgError
+-- ConfigError          an option has a value that cannot work
+-- SourceError          a picture or a source folder cannot be used
+-- PlacementError       a foreground cannot be placed on the canvas
+-- EstimatorError       a depth estimator is missing, unknown or broken
+-- StorageError         the disk is full, or a file or folder cannot be used
+-- BuildError           a worker process died
+-- ShortageError        too many files are open, or memory is full, at the moment
+-- ShardError           a shard is damaged or not a shard
+-- UnknownKeyError      a dataset has no sample with that key
+-- ManifestError        dataset.json or a record is damaged or missing
    +-- FingerprintError the folder holds another dataset than the one asked for
"""

import re
import shlex
from os import PathLike
from typing import Any

_START, _BETWEEN, _END = "\u0002", "\u001f", "\u0003"
"""Control characters around the two ways to write an option: texts for people hold none of them."""
_OPTION = re.compile(f"{_START}([^{_BETWEEN}]*){_BETWEEN}([^{_END}]*){_END}")
_UNSET = object()


def option(name: str, value: object = _UNSET) -> str:
    """Return a mark for the text of an error or warning: an option, or an option and its value.

    Whoever shows the error decides how an option is written. `str(error)` speaks to someone who called a function,
    `error.for_command_line()` to someone who typed a command:

    >>> error = ConfigError(f"{option('shard_size', 0)}: expected at least 1")
    >>> str(error), error.for_command_line()
    ('shard_size=0: expected at least 1', '--shard-size 0: expected at least 1')

    A switch is typed without a value. A name that is given alone stands in backticks in Python:

    >>> error = ConfigError(f"use {option('check', True)}, or fewer {option('jobs')}")
    >>> str(error), error.for_command_line()
    ('use check=True, or fewer `jobs`', 'use --check, or fewer --jobs')

    A setting in a table has a dotted name, and the command line takes it by `--set`:

    >>> error = ConfigError(f"{option('augment.cutout', 2.0)}: expected 0 to 1")
    >>> str(error), error.for_command_line()
    ('augment.cutout=2.0: expected 0 to 1', '--set augment.cutout=2.0: expected 0 to 1')

    Args:
        name: the name of the argument, such as `shard_size`.
        value: its value; without one, only the name is shown.
    """
    dashed = name.replace("_", "-")
    if value is _UNSET:
        argument, typed = f"`{name}`", f"`{name}`" if "." in name else f"--{dashed}"
    elif "." in name:
        argument, typed = f"{name}={value!r}", f"--set {name}={shlex.quote(str(value))}"
    elif isinstance(value, bool):
        argument, typed = f"{name}={value}", f"--{dashed}" if value else f"--no-{dashed}"
    else:
        shown = str(value) if isinstance(value, PathLike) else value
        text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        argument, typed = f"{name}={shown!r}", f"--{dashed} {shlex.quote(text)}"
    return f"{_START}{argument}{_BETWEEN}{typed}{_END}"


class FgbgError(Exception):
    """The base of every error that a user can cause or fix.

    The text of the error is `where: key: problem`, without the parts that are None.

    Args:
        problem: what is wrong, what was expected, and what to do; options in it are marked by `option`.
        where: the file, folder or sample that the problem is about.
        key: key of the sample, if the problem is about one sample of the file `where`.
    """

    def __init__(self, problem: str, where: object = None, key: str | None = None) -> None:
        Exception.__init__(self, problem)
        self._problem = problem
        self.where = None if where is None else str(where)
        """The file, folder or sample that the problem is about, or None."""
        self.key = key
        """Key of the sample that the problem is about, or None."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._problem, self.where, self.key)

    def __str__(self) -> str:
        return self._before() + self.problem

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def problem(self) -> str:
        """What is wrong, without `where`; options are written as arguments of a function."""
        return _OPTION.sub(r"\1", self._problem)

    def for_command_line(self) -> str:
        """Return the text of the error with its options as one types them in a command."""
        return self._before() + _OPTION.sub(r"\2", self._problem)

    def _before(self) -> str:
        return "".join(f"{part}: " for part in (self.where, self.key) if part is not None)


class FgbgWarning(UserWarning):
    """A warning whose text may hold marks of `option`.

    >>> warning = FgbgWarning(f"use {option('estimator_batch', 2)}")
    >>> str(warning), warning.for_command_line()
    ('use estimator_batch=2', 'use --estimator-batch 2')
    """

    def __str__(self) -> str:
        return _OPTION.sub(r"\1", super().__str__())

    def for_command_line(self) -> str:
        """Return the text with its options as one types them in a command."""
        return _OPTION.sub(r"\2", super().__str__())


class ConfigError(FgbgError, ValueError):
    """An option has a value that cannot work."""


class SourceError(FgbgError, ValueError):
    """A picture or a source folder cannot be used."""


class PlacementError(FgbgError, ValueError):
    """A foreground cannot be placed on the canvas."""


class EstimatorError(FgbgError, RuntimeError):
    """A depth estimator is missing, unknown or broken."""


class StorageError(FgbgError, OSError):
    """The disk is full, or a file or folder cannot be used: it is in use, holds other data, or cannot be accessed."""


class ShardError(FgbgError, ValueError):
    """A shard is damaged or not a shard."""


class ShortageError(FgbgError, RuntimeError):
    """Too many files are open, or memory is full. The file that could not be opened need not be damaged."""


class UnknownKeyError(FgbgError, KeyError):
    """A dataset has no sample with that key."""


class ManifestError(FgbgError, ValueError):
    """A manifest or record is damaged or missing."""


class FingerprintError(ManifestError):
    """The folder holds another dataset than the one asked for."""


class BuildError(FgbgError, RuntimeError):
    """A worker process died."""

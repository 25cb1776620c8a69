"""Registries: tables of shard formats, depth estimators and fields that other packages can extend.

An installed package adds a row by an entry point, and a program adds one by `register_format`, `register_estimator`
or `register_field`. Worker processes find the row in both cases.
"""

import functools
import importlib
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fgbg_data.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Row = TypeVar("Row")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
Rows = dict[str, dict[str, Any]]
"""Group of entry points -> name -> row that the running program registered."""
_registered: Rows = {}


class Registry(MutableMapping[str, Row], Generic[Row]):
    """A table of rows by name: the rows of this package, of the running program, and of installed packages.

    A row is an object, or text `module:attribute` that says where the object is; it is imported when the row is first
    used. Entry points of installed packages are read only when a name is looked up that the table does not hold, or
    when all names are listed, so that importing this package stays fast.

    Args:
        noun: what a row is, for the texts of errors, such as `format`.
        group: the group of entry points in which other packages name their rows, such as `fgbg_data.formats`.
        rows: the rows of this package, in order.

    >>> sizes = Registry("size", "fgbg_data.sizes", {"small": 1})
    >>> sizes["small"], "huge" in sizes
    (1, False)
    >>> sizes["huge"] = 100
    >>> list(sizes)
    ['small', 'huge']
    """

    def __init__(self, noun: str, group: str, rows: Mapping[str, Row | str]) -> None:
        self.noun = noun
        self.group = group
        self._rows = dict(rows)
        self._loaded: dict[str, Row] = {}
        """Rows of this package that were used before, so that looking them up again is fast."""

    def __getitem__(self, name: str) -> Row:
        try:
            return self._loaded[name]
        except KeyError:
            return self._load(name)

    def __setitem__(self, name: str, row: Row | str) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} cannot be the name of a {self.noun}: expected letters a-z, 0-9, - and _")
        if name in self._rows:
            raise ConfigError(f"the {self.noun} {name!r} belongs to fgbg_data itself; choose another name")
        _registered.setdefault(self.group, {})[name] = row

    def __delitem__(self, name: str) -> None:
        del _registered.get(self.group, {})[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in _registered.get(self.group, {}) or name in self._installed()

    def __iter__(self) -> Iterator[str]:
        """Yield all names: those of this package in their order, and then the others by the alphabet."""
        others = {*_registered.get(self.group, {}), *self._installed()}
        return iter([*self._rows, *sorted(others - self._rows.keys())])

    def __len__(self) -> int:
        return len(list(iter(self)))

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the rows of this package, in order."""
        return tuple(self._rows)

    def _load(self, name: str) -> Row:
        """Return a row that is used for the first time, or that is not of this package.

        Raises:
            KeyError: no row has this name.
            ConfigError: the package that names the row cannot be imported.
        """
        if name in self._rows:
            self._loaded[name] = imported(self._rows[name])
            return self._loaded[name]
        registered = _registered.get(self.group, {})
        if name in registered:
            row: Row = imported(registered[name])
            return row
        if name in self._installed():
            found: Row = _of_package(self.noun, self._installed()[name])
            return found
        raise KeyError(name)

    def _installed(self) -> Mapping[str, "EntryPoint"]:
        return _entry_points(self.group, tuple(sys.path))


def registered_rows() -> Rows:
    """Return the rows that this program registered, for a process that it starts."""
    return {group: dict(rows) for group, rows in _registered.items() if rows}


def register_rows(rows: Rows) -> None:
    """Register the rows that the parent of this process registered."""
    for group, named in rows.items():
        _registered.setdefault(group, {}).update(named)


@functools.lru_cache(maxsize=16)
def _entry_points(group: str, path: tuple[str, ...]) -> Mapping[str, "EntryPoint"]:
    """Return the entry points of a group by name, read once for each state of `sys.path`, which is `path`."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        first = found.setdefault(point.name, point)  # the first on the path counts, as it does with modules
        if _package(first) != _package(point):
            warnings.warn(
                f"{_package(first)} and {_package(point)} both have an entry point {point.name!r} in {group}; that of "
                f"{_package(first)} is used. Remove one of the two packages",
                stacklevel=2,
            )
    return found


def _package(point: "EntryPoint") -> str:
    """Return words for the package that an entry point belongs to."""
    return f"the package {point.dist.name}" if point.dist else "an installed package"


@functools.lru_cache(maxsize=256)
def _of_package(noun: str, point: "EntryPoint") -> Any:
    """Import the row that an entry point names."""
    try:
        return point.load()
    except Exception as error:
        raise ConfigError(
            f"the {noun} {point.name!r} of {_package(point)} cannot be loaded from {point.value} ({error!r}); repair "
            "or remove that package"
        ) from error


def imported(row: Any) -> Any:
    """Return a row, imported if it is text `module:attribute`."""
    if not isinstance(row, str):
        return row
    module, _, attribute = row.partition(":")
    return getattr(importlib.import_module(module), attribute)

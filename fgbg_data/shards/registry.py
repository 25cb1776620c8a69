"""The table of shard formats: each is one module and one row.

The heavy imports of a format (h5py) sit inside the functions of its module, so that the formats and their suffixes
can be listed without them.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from fgbg_data.errors import ConfigError, option
from fgbg_data.options import one_of
from fgbg_data.registry import Registry
from fgbg_data.shards.format import Format

FORMATS: Registry[Format | type[Format]] = Registry(
    "format",
    "fgbg_data.formats",
    {
        "tar": "fgbg_data.shards.tar:TarFormat",
        "hdf5": "fgbg_data.shards.hdf5:Hdf5Format",
        "folder": "fgbg_data.shards.folder:FolderFormat",
    },
)
"""Name -> class of the format."""
DEFAULT_FORMAT = "tar"
"""The format that a build writes by default."""


def register_format(name: str, format: Format | type[Format] | str) -> None:
    """Make a shard format known to the running program and its worker processes, as `--format NAME`.

    Args:
        name: a-z, 0-9, - and _; not the name of a format of this package.
        format: the subclass of `Format`, or text `module:attribute` that says where it is.

    Raises:
        ConfigError: the name cannot be used.
    """
    FORMATS[name] = format


def load_format(name: str) -> Format:
    """Return the format of that name.

    Raises:
        ConfigError: there is none; the text names all formats.
    """
    try:
        found = FORMATS[name]
    except KeyError:
        one_of("format", name, FORMATS)
        raise
    return found() if isinstance(found, type) else found


def formats_in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of formats in the order of the registry, each once, so that `hdf5,tar` is the same as `tar,hdf5`.

    >>> formats_in_order(["hdf5", "tar"])
    ('tar', 'hdf5')
    """
    order = {name: number for number, name in enumerate(FORMATS.own)}
    return tuple(sorted(set(names), key=lambda name: (order.get(name, len(order)), name)))


def check_formats(names: Iterable[str], *, build: bool = False) -> tuple[str, ...]:
    """Return names of formats in the order of the registry, after checking them.

    Args:
        names: what the user gave.
        build: whether a build will write them.

    Raises:
        ConfigError: there are none, one is unknown or given twice, or a build cannot write it.
    """
    names = tuple(names)
    if not names or not all(name in FORMATS and (load_format(name).is_buildable or not build) for name in names):
        expected = [name for name in FORMATS if load_format(name).is_buildable or not build]
        for name in names:
            one_of("format", name, expected)
        raise ConfigError(f"{option('format', names)}: expected one or more of {', '.join(expected)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"{option('format', names)}: names one format twice")
    return formats_in_order(names)


def format_suffixes() -> dict[str, str]:
    """Return file suffix -> name of the format, of all formats.

    >>> format_suffixes()[".tar"]
    'tar'
    """
    found = {}
    for name in FORMATS:
        try:
            found[load_format(name).suffix] = name
        except ConfigError as error:  # a broken package must not keep others from being read
            warnings.warn(str(error), stacklevel=2)
    return found


def installed_formats(names: Iterable[str]) -> list[Format]:
    """Return the formats of these names. One that belongs to a package that is not installed is left out."""
    return [load_format(name) for name in names if name in FORMATS]


def format_options(config: Mapping[str, Any], names: Iterable[str] | None = None) -> dict[str, str]:
    """Return the options of formats that a configuration holds; what it leaves open has its default.

    Args:
        config: option -> value, as the manifest holds it; `format` lists the formats of the dataset.
        names: the formats; None is those of the configuration.

    >>> format_options({"format": ["tar", "hdf5"], "hdf5_layout": "encoded", "seed": 0})
    {'hdf5_layout': 'encoded'}
    >>> format_options({"format": ["tar"]})
    {}
    """
    options: dict[str, str] = {}
    for fmt in installed_formats(config.get("format", ()) if names is None else names):
        for key, values in fmt.options.items():
            options[key] = config.get(key) or values[0]
    return options


def manifest_options(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, str | None]:
    """Return the options of formats as a manifest lists them: None for an option that none of the formats has.

    Args:
        values: option -> value, such as those of a configuration; what they leave open has its default.
        names: the formats of the dataset.

    >>> manifest_options({"hdf5_layout": "encoded"}, ["tar", "hdf5"]), manifest_options({}, ["tar"])
    ({'hdf5_layout': 'encoded'}, {'hdf5_layout': None})
    """
    every: dict[str, str | None] = {key: None for name in FORMATS.own for key in load_format(name).options}
    return every | format_options(values, names)


def check_options(values: Mapping[str, Any]) -> None:
    """Check the values of options of the formats of this package.

    Raises:
        ConfigError: an option has a value that its format does not know.
    """
    for name in FORMATS.own:
        for key, expected in load_format(name).options.items():
            if key in values:
                one_of(key, values[key], expected)


def fastest_first(names: Iterable[str], options: Mapping[str, str]) -> list[str]:
    """Return the names of those of these formats that are installed, the one that is read fastest first."""
    there = [name for name in names if name in FORMATS]
    return sorted(there, key=lambda name: load_format(name).reading_cost(options))

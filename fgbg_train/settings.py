"""Settings as nested tables: laid over each other, and made into dataclasses with every key and type checked.

A table has text keys; its values are text, numbers, booleans and tables, as in TOML. A field of a dataclass may have
another name in tables: `field(metadata={"key": ...})`.
"""

import dataclasses
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from fgbg_data.errors import option
from fgbg_data.options import nearest, one_of, to_path
from fgbg_train.errors import ConfigError

Config = TypeVar("Config")

FLAT = "model."
"""Settings of this table have options of their own: `model.mask_net` is `--mask-net`."""
TYPES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def name_of_option(dotted: str) -> str:
    """Return the name by which errors call a setting.

    >>> name_of_option("model.mask_net"), name_of_option("loss.mask_bce")
    ('mask_net', 'loss.mask_bce')
    """
    return dotted.removeprefix(FLAT)


def checked_path(name: str, value: object) -> Path:
    """Return an argument that names a file or folder as a path; `~` stands for the home folder.

    >>> checked_path("out", "runs/first")
    PosixPath('runs/first')

    Raises:
        ConfigError: it is no path and no text, as when two arguments of a call are swapped.
    """
    if isinstance(value, str | os.PathLike):
        return to_path(name, value)
    raise ConfigError(
        f"`{name}`: expected a path or text, found {type(value).__name__}; were the arguments of the call swapped?"
    )


def checked_paths(name: str, value: object) -> list[Path]:
    """Return an argument that names one file or folder, or several, as paths.

    >>> checked_paths("runs", ["runs/a", "runs/b"])
    [PosixPath('runs/a'), PosixPath('runs/b')]

    Raises:
        ConfigError: it is something else.
    """
    several = isinstance(value, Iterable) and not isinstance(value, str | os.PathLike)
    return [checked_path(name, one) for one in value] if several else [checked_path(name, value)]  # type: ignore[attr-defined]


def checked_location(name: str, value: object) -> str:
    """Return an argument that names a folder or a URL as text.

    Raises:
        ConfigError: it is no path and no text, as when two arguments of a call are swapped.
    """
    path = checked_path(name, value)
    return value if isinstance(value, str) and "://" in value else str(path)


def lay_over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another: values of `top` win, tables in both are laid over each other.

    >>> lay_over({"lr": 1, "loss": {"mask_bce": 1, "mask_dice": 1}}, {"loss": {"mask_bce": 0}})
    {'lr': 1, 'loss': {'mask_bce': 0, 'mask_dice': 1}}
    """
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = lay_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def parse_setting(text: str) -> dict[str, Any]:
    """Read one `KEY=VALUE` into a table: a dotted key and a TOML value. A bare word is text.

    >>> parse_setting("augment.cutout=0"), parse_setting("optimizer=sgd")
    ({'augment': {'cutout': 0}}, {'optimizer': 'sgd'})

    Raises:
        ConfigError: the text is no `KEY=VALUE`.
    """
    key, equals, value = text.partition("=")
    for candidate in (text, f'{key}="{value}"') if equals else ():
        try:
            return tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(f"{option('set', text)}: expected KEY=VALUE, such as augment.cutout=0")


def to_table(config: Any) -> dict[str, Any]:
    """Return a dataclass as a table, with the dataclasses in it."""
    table = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        table[key_of(field)] = to_table(value) if dataclasses.is_dataclass(value) else value
    return table


def from_table(cls: type[Config], table: Mapping[str, Any], prefix: str = "") -> Config:
    """Make a dataclass from a table. Fields that the table leaves out get their defaults.

    Args:
        cls: the dataclass.
        table: its values; a value may also be a dataclass that fits the field.
        prefix: what stands before its keys in errors, such as `loss.`.

    Raises:
        ConfigError: a key is unknown, or a value has another type; the text names the setting.
    """
    hints = get_type_hints(cls)
    fields = {key_of(field): field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        if key not in fields:
            near = nearest(prefix + key, [prefix + known for known in fields])
            hint = near or f"; expected one of {', '.join(fields)}"
            raise ConfigError(f"there is no setting {prefix + key!r}{hint}")
        values[fields[key]] = _value(prefix + key, hints[fields[key]], value)
    return cls(**values)


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a table without tables in it, by dotted keys.

    >>> flatten({"lr": 1, "loss": {"mask_bce": 0}})
    {'lr': 1, 'loss.mask_bce': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def to_toml(table: Mapping[str, Any]) -> str:
    """Write a table, and the tables in it, as TOML.

    >>> print(to_toml({"lr": 0.1, "loss": {"mask_bce": 0}}), end="")
    lr = 0.1
    <BLANKLINE>
    [loss]
    mask_bce = 0
    """
    lines = [f"{key} = {_toml(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    for name, section in table.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def key_of(field: "dataclasses.Field[Any]") -> str:
    """Return the name that a field has in tables."""
    return str(field.metadata.get("key", field.name))


def _toml(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def _value(dotted: str, hint: Any, value: Any) -> Any:
    """Return `value` as the type `hint` says, or raise a ConfigError that names the setting."""
    name = name_of_option(dotted)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{dotted}={value!r}: expected a table of settings")
        return from_table(hint, value, f"{dotted}.")
    if get_origin(hint) is Literal:
        one_of(name, value, get_args(hint))
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{option(name, value)}: expected {TYPES[hint]}")
    return value

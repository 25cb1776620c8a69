"""Files of options of a build: TOML files that a user writes, and the recipes of this package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgbg_data.errors import ConfigError
from fgbg_data.options import Names, RangeText, SizeText, load_toml, nearest, one_of, to_path
from fgbg_data.runtime.locations import to_location

CLASSIC = "classic"
"""The recipe whose options are the defaults of `BuildConfig`."""
_TOML_TYPES: dict[Any, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    int | None: ("a whole number", (int,)),
    float: ("a number", (float, int)),
    bool: ("true or false", (bool,)),
    Names: ("text such as 'tar,hdf5'", (str, tuple)),
    SizeText: ("text in quotes", (str, int)),
    RangeText: ("text such as '1:3'", (str, int, float)),
}
"""Type of an option -> its name in error texts, and the types that a TOML file may give for it. Others are text."""
_PATHS = ("bg", "fg", "out")
_RECIPES = Path(__file__).parent / "recipes"


def read_options(path: str | Path, types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in a TOML file, with `_` in their names.

    Args:
        path: the file. Its keys may be written with `-` or `_`, and its relative paths start at its folder.
        types: name of each option -> type of its field.

    Raises:
        ConfigError: the file cannot be read, a key is not an option, or a value has the wrong type.
    """
    path = to_path("config", path)
    options = {key.replace("-", "_"): value for key, value in load_toml(path).items()}
    for key in options:
        if key not in types:
            raise ConfigError(f"{key!r} is no option{nearest(key, types)}", where=path)
    for key, value in options.items():
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            options[key] = tuple(value)
        expected, kinds = _TOML_TYPES.get(types[key], ("text in quotes", (str,)))
        if type(options[key]) not in kinds:
            raise ConfigError(f"{key} = {value!r} is of the wrong type; expected {expected}", where=path)
        if key in _PATHS and "://" in value:
            options[key] = str(to_location(key, value))
        elif key in _PATHS or (key == "recipe" and value.endswith(".toml")):
            options[key] = str(path.parent / value)
    return options


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes in this package, by the alphabet.

    >>> recipe_names()[0]
    'classic'
    """
    return tuple(sorted(path.stem for path in _RECIPES.glob("*.toml")))


def recipe_file(name: str) -> Path:
    """Return the file of a recipe; a file of the user need not exist.

    Args:
        name: name of a recipe in this package, or path of a TOML file.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(name, str) and name.endswith(".toml"):
        return Path(name).expanduser()
    one_of("recipe", name, recipe_names())
    return _RECIPES / f"{name}.toml"

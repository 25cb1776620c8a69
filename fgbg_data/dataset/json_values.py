"""JSON values as dataclasses: read by type hints, checked on the way, and written again as they were.

The JSON of a dataset may come from anyone, so all of it is checked. The type hints of a dataclass say what a file may
hold, and anything else is a `JsonError` that names the field:

    @dataclass(frozen=True)
    class ShardEntry:
        split: SplitName
        samples: Count
        files: Mapping[FormatName, FileEntry]

    entry = from_json(ShardEntry, {"split": "train", "samples": -3, "files": {}})
    # JsonError: samples: expected a number of at least 0, found -3

Type hints may be `str`, `int`, `float`, `bool`, `None`, a `Literal`, a dataclass, a class with `from_json` and
`to_json`, `Any`, and `|`, `tuple[X, ...]`, `list[X]` and `Mapping[X, Y]` of these. `Annotated` adds a check.
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fgbg_data.dataset.json_types import Count, JsonError, refuse
from fgbg_data.options import nearest

MAX_DEPTH = 20
"""Largest number of lists and objects inside one another."""

T = TypeVar("T")

Reader = Callable[[Any], Any]


def from_json(kind: type[T], value: Any) -> T:
    """Return a JSON value as `kind`.

    Raises:
        JsonError: the value does not fit `kind`; the error names the field.
    """
    return cast(T, _reader(kind)(value))


def to_json(value: Any) -> Any:
    """Return the JSON value from which `from_json` makes `value`; optional fields that are None or empty are left out.

    >>> to_json({"box": (1, 2)})
    {'box': [1, 2]}
    """
    if isinstance(value, str | int | float | None):
        return value
    if hasattr(value, "to_json"):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return write_fields(value)
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else name.to_json(): to_json(entry) for name, entry in value.items()}
    return [to_json(entry) for entry in value]


def read_fields(kind: type[T], value: Any) -> T:
    """Return a JSON object as a dataclass, without its own `from_json`.

    Raises:
        JsonError: a field is missing, unknown or wrong.
    """
    return cast(T, _dataclass_reader(kind)(value))


def write_fields(value: Any) -> dict[str, Any]:
    """Return the JSON object of a dataclass, without its own `to_json`."""
    fields = dataclasses.fields(value)
    whole = next((field for field in fields if field.metadata.get("whole")), None)
    if whole is not None:
        return dict(to_json(getattr(value, whole.name)))
    return {
        _json_name(field): to_json(found)
        for field in fields
        if (found := getattr(value, field.name)) or not field.metadata.get("optional")
    }


def json_field(*, name: str | None = None, whole: bool = False, **options: Any) -> Any:
    """Return a dataclass field with its settings for JSON.

    Args:
        name: name in JSON, if that is another one.
        whole: hold the whole JSON object, which may then have fields that the dataclass does not name.
        options: as for `dataclasses.field`. A field with a default may be missing in JSON, and is not written while it
            is None or empty.
    """
    optional = "default" in options or "default_factory" in options
    return dataclasses.field(metadata={"json": name, "whole": whole, "optional": optional}, **options)


def _make_reader(kind: Any) -> Reader:
    """Return the function that checks a value of a type and returns it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return functools.partial(_read_plain, kind, _PLAIN[kind])
    if kind is Any:
        return _read_any
    if kind is type(None):
        return _read_null
    if origin is Annotated:
        return functools.partial(_read_checked, _reader(arguments[0]), arguments[1:])
    if origin is Literal:
        return functools.partial(_read_literal, arguments)
    if origin in (Union, types.UnionType):
        return functools.partial(_read_union, [_reader(each) for each in arguments], type(None) in arguments)
    if origin in (list, tuple, Sequence):
        return functools.partial(_read_list, list if origin is list else tuple, arguments[0], _reader(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return functools.partial(_read_mapping, *map(_reader, arguments))
    if hasattr(kind, "from_json"):
        return cast(Reader, kind.from_json)
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    raise TypeError(f"no JSON is read as {kind}")


_reader: Callable[[Any], Reader] = functools.cache(_make_reader)


_PLAIN: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
"""Type of a field -> what errors call it."""


def _read_plain(kind: type, expected: str, value: Any) -> Any:
    found = type(value)  # not isinstance: True is no whole number
    if found is not kind and not (kind is float and found is int):
        refuse(expected, value)
    if found is str:
        _check_text(value)
    return value


def _read_any(value: Any, depth: int = 0) -> Any:
    """Return any JSON value that can be written again."""
    if depth > MAX_DEPTH:
        raise JsonError("is nested too deep")
    if type(value) is str:
        _check_text(value)
    elif type(value) is list:
        if not set(map(type, value)) <= {int, bool, type(None)}:  # each entry of a long list of numbers needs no check
            for number, entry in enumerate(value):
                _inside(number, _read_any, entry, depth + 1)
    elif type(value) is dict:
        for name, entry in value.items():
            _check_text(name)
            _inside(name, _read_any, entry, depth + 1)
    elif value is not None and type(value) not in (int, float, bool):
        raise JsonError(f"expected a value that JSON has, found {type(value).__name__}")
    return value


def _read_null(value: Any) -> None:
    if value is not None:
        refuse("null", value)


def _read_checked(read: Reader, checks: tuple[Callable[[Any], None], ...], value: Any) -> Any:
    value = read(value)
    for check in checks:
        check(value)
    return value


def _read_literal(known: tuple[Any, ...], value: Any) -> Any:
    if not any(type(value) is type(each) and value == each for each in known):
        refuse(f"one of {', '.join(map(str, known))}", value)
    return value


def _read_union(readers: list[Reader], nullable: bool, value: Any) -> Any:
    if nullable and value is None:
        return None
    problem: JsonError | None = None
    for read in readers:
        try:
            return read(value)
        except JsonError as error:
            problem = problem or error
    raise problem or JsonError("is of no known type")


def _read_list(container: type, kind: Any, read: Reader, value: Any) -> Any:
    if type(value) is not list:
        refuse("a list", value)
    if not _is_column(kind, value):
        value = [_inside(number, read, entry) for number, entry in enumerate(value)]
    return container(value)


def _is_column(kind: Any, values: list[Any]) -> bool:
    """Tell whether all of a long list are numbers or texts as they should be, which is faster than one by one."""
    if kind is str:
        return set(map(type, values)) == {str} and "".join(values).isascii()
    if kind == Count:
        return set(map(type, values)) == {int} and min(values) >= 0 and max(values) <= 2**53
    return False


def _read_mapping(read_name: Reader, read: Reader, value: Any) -> Any:
    if type(value) is not dict:
        refuse("an object", value)
    return {
        _inside(name, read_name, name): _inside(name, read, entry)  # an error shows a wrong name as the field
        for name, entry in value.items()
    }


def _make_dataclass_reader(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    whole = next((field.name for field in fields if field.metadata.get("whole")), None)
    readers = {_json_name(field): (field.name, _reader(hints[field.name])) for field in fields if field.name != whole}
    needed = [
        _json_name(field)
        for field in fields
        if field.name != whole and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def read(value: Any) -> Any:
        if type(value) is not dict:
            refuse("an object", value)
        found = {}
        for name, entry in value.items():
            if name in readers:
                field, read_field = readers[name]
                found[field] = _inside(name, read_field, entry)
            elif whole is None:
                raise JsonError(f"is no field of this file{nearest(name[:40], readers)}").inside(name)
        for name in needed:
            if name not in value:
                raise JsonError("is missing").inside(name)
        if whole is not None:
            found[whole] = _read_any(value)
        return kind(**found)

    return read


_dataclass_reader: Callable[[Any], Reader] = functools.cache(_make_dataclass_reader)


def _inside(name: str | int, read: Callable[..., Any], value: Any, *more: Any) -> Any:
    try:
        return read(value, *more)
    except JsonError as error:
        raise error.inside(name) from None


def _json_name(field: "dataclasses.Field[Any]") -> str:
    return field.metadata.get("json") or field.name


def _check_text(value: str) -> None:
    """Refuse text with half a surrogate pair, which JSON can spell and UTF-8 cannot."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError(f"expected text that UTF-8 can hold, found {ascii(value)}") from None

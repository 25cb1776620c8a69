"""The JSON files of a dataset, read and checked."""

import json
from typing import Any

from fgbg_data.dataset.identity import READABLE_VERSIONS
from fgbg_data.errors import ManifestError
from fgbg_data.runtime import locations
from fgbg_data.runtime.locations import Location


def expect(value: dict[str, Any], types: dict[str, type]) -> None:
    """Raise a KeyError or TypeError unless `value` holds every name with its type."""
    for name, kind in types.items():
        if not isinstance(value[name], kind):
            raise TypeError(f"{name} is {type(value[name]).__name__}, expected {kind.__name__}")


def read_json(path: Location) -> dict[str, Any]:
    """Read one of our JSON files.

    Raises:
        ManifestError: it cannot be read, is no JSON object, or is of another format version.
    """
    try:
        value = json.loads(locations.read_text(path))
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ManifestError(f"{path}: is not JSON ({error}); {HOW_TO_MEND}") from error
    version = value.get("format_version") if isinstance(value, dict) else None
    if version not in READABLE_VERSIONS:
        raise ManifestError(
            f"{path}: has format_version {version!r}, this fgbg reads {' and '.join(map(str, READABLE_VERSIONS))}. "
            "Install the version that wrote it, or build the dataset anew"
        )
    found: dict[str, Any] = value
    return found


HOW_TO_MEND = "restore it from a copy, or build the dataset anew in a new folder"

"""The JSON files of a dataset: each is read as one dataclass, or refused with its name and the field."""

from typing import Any, TypeVar

from fgbg_data.dataset.json_types import JsonError, shown
from fgbg_data.dataset.json_values import from_json
from fgbg_data.errors import ManifestError
from fgbg_data.runtime.locations import Location, read_text
from fgbg_data.sample import parse_json
from fgbg_data.versions import RULES

T = TypeVar("T")

HOW_TO_MEND = "restore it from a copy, or build the dataset anew in a new folder"


def load(kind: type[T], location: Location, how_to_mend: str = HOW_TO_MEND) -> T:
    """Read a JSON file of a dataset.

    Args:
        kind: dataclass that says what the file holds.
        location: path or URL of the file.
        how_to_mend: advice at the end of the text of an error.

    Raises:
        ManifestError: the file cannot be read, is not JSON, has another format version, or holds a wrong value;
            the text names the file and the field.
    """
    try:
        value = parse_json(read_text(location))
        check_version(value.get("format_version") if isinstance(value, dict) else None)
        return from_json(kind, value)
    except OSError as error:
        raise ManifestError(f"cannot be read ({error.strerror or error})", location) from error
    except JsonError as error:
        at = f"is damaged at {error.field!r}: " if error.field else ""
        raise ManifestError(f"{at}{error.problem}; {how_to_mend}", location) from error
    except ValueError as error:
        raise ManifestError(f"is not JSON ({error}); {how_to_mend}", location) from error


def check_version(version: Any) -> None:
    """Refuse a format version that this package cannot read.

    Raises:
        JsonError: the version is unknown or missing.
    """
    if type(version) is not int or version not in RULES:
        raise JsonError(
            f"has format_version {shown(version)}, this fgbg reads {', '.join(map(str, RULES))}. "
            "Install the version that wrote it"
        )

"""The file that a person asked for: checked before any work is done for it."""

import os
from collections.abc import Sequence
from pathlib import Path

from fgbg_data.errors import ConfigError, StorageError


def check_output_file(path: Path, suffixes: Sequence[str], what: str) -> None:
    """Refuse a file that could not be written, or whose folder is missing: a misspelt folder is not made silently.

    Args:
        path: the file.
        suffixes: ends that its name may have, in lower case; the first one is named in the error.
        what: what is written, such as `the page is HTML`.

    Raises:
        ConfigError: its name has another end, it is a folder, or there is no folder to hold it.
        StorageError: its folder may not be written to.
    """
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{what}; expected a name that ends in {suffixes[0]}", where=path)
    folder = path.parent
    if not os.path.isdir(folder):  # never raises, not even for names that no file system holds
        raise ConfigError(f"there is no folder {folder}; make it first, or choose another", where=path)
    if os.path.isdir(path):
        raise ConfigError("is a folder; expected the name of a file", where=path)
    if not os.access(folder, os.W_OK):
        raise StorageError(f"the folder {folder} may not be written to; choose another", where=path)

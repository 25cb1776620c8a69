"""Some samples of a dataset, chosen by their keys: only these, or all but these."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from fgbg_data.errors import ConfigError, UnknownKeyError, option
from fgbg_data.options import nearest, to_path

ChoiceName = Literal["only_keys", "without_keys"]


@dataclass(frozen=True)
class KeyChoice:
    """Keys that a user listed, and the option that says what becomes of them."""

    name: ChoiceName
    """`only_keys` or `without_keys`."""
    keys: frozenset[str]
    """The keys that are listed, at least one."""

    @classmethod
    def of(cls, only_keys: Iterable[str] | None, without_keys: Iterable[str] | None) -> Self | None:
        """Return the choice that the two options make; None if neither is given.

        Raises:
            ConfigError: both are given, or the one that is given lists no key.
        """
        if only_keys is not None and without_keys is not None:
            raise ConfigError(f"give {option('only_keys')} or {option('without_keys')}, not both")
        name: ChoiceName = "only_keys" if only_keys is not None else "without_keys"
        given = only_keys if only_keys is not None else without_keys
        if given is None:
            return None
        keys = frozenset([given] if isinstance(given, str) else given)
        if not keys:
            raise ConfigError(f"{option(name)} lists no key; expected at least one")
        return cls(name, keys)

    def rows(self, keys: Sequence[str], where: object) -> list[int]:
        """Return the numbers of the samples that are taken, in order.

        Args:
            keys: keys of all samples of the dataset.
            where: the dataset, for error texts.

        Raises:
            UnknownKeyError: a listed key is not in the dataset.
            ConfigError: no sample is left.
        """
        unknown = sorted(self.keys.difference(keys))
        if unknown:
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            raise UnknownKeyError(
                f"{option(self.name)} lists {unknown[0]!r}{more}, which is none of the {len(keys):,} samples"
                f"{nearest(unknown[0], keys) if len(keys) <= 10_000 else ''}",
                where=where,
            )
        rows = [row for row, key in enumerate(keys) if (key in self.keys) == (self.name == "only_keys")]
        if not rows:
            raise ConfigError(f"{option(self.name)} lists every sample, so that none is left", where=where)
        return rows

    def recorded(self) -> dict[str, Any]:
        """Return what the history of the new dataset says of the choice: the number of keys, and their digest.

        The digest is the sha256 of the sorted keys, each with a line break after it.
        """
        text = "".join(f"{key}\n" for key in sorted(self.keys))
        return {self.name: {"count": len(self.keys), "sha256": hashlib.sha256(text.encode()).hexdigest()}}


def read_keys(path: Path) -> list[str]:
    """Return the keys in a text file that has one on each line, as the page of `fgbg-data view` saves them.

    Raises:
        ConfigError: the file cannot be read, is not UTF-8 text, or holds no key.
    """
    path = to_path("keys", path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text; expected one key on each line", where=path) from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); expected one key on each line", where=path) from error
    keys = [line.strip() for line in text.splitlines() if line.strip()]
    if not keys:
        raise ConfigError("holds no key; expected one on each line", where=path)
    return keys

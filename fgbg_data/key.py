"""Keys: the names of samples."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Self

Kind = Literal["background", "foreground"]
KINDS: tuple[Kind, ...] = ("background", "foreground")
"""The kinds of sources, in the order in which a key names them."""

_KEY = re.compile(
    r"(?:(?P<prefix>[a-z0-9_-]+)_)?(?P<background>[a-z0-9-]+)_(?P<foreground>[a-z0-9-]+)"
    r"_(?P<position>[0-9]{3}|[1-9][0-9]{3,})(?P<mirrored>m?)(?:b(?P<twin>[1-9][0-9]*))?"
)


class SampleKey(NamedTuple):
    """The parts of a key: `PREFIX_BACKGROUND_FOREGROUND_POSITION`, with `m` if it is mirrored and `b1` for a twin.

    A key can be read in one way only, because ids of sources hold no underscore.

    >>> str(SampleKey("hall", "cat", 7, mirrored=True))
    'hall_cat_007m'
    >>> SampleKey.parse("a_hall_cat_007m")
    SampleKey(background='hall', foreground='cat', position=7, mirrored=True, prefix='a', twin=0)
    """

    background: str
    """Id of the background."""
    foreground: str
    """Id of the foreground."""
    position: int
    """Number of the placement of this foreground on this background, from 0."""
    mirrored: bool = False
    """Whether the cut-out is flipped."""
    prefix: str = ""
    """The prefix that `fgbg-data merge` put before the key; empty in a dataset that was never merged."""
    twin: int = 0
    """0, or the number of the twin: the same placement under other blends, from 1."""

    def __str__(self) -> str:
        before = f"{self.prefix}_" if self.prefix else ""
        after = ("m" if self.mirrored else "") + (f"b{self.twin}" if self.twin else "")
        return f"{before}{self.background}_{self.foreground}_{self.position:03d}{after}"

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """Return the parts of a key, or None if another program made the key.

        >>> SampleKey.parse("000123") is None
        True
        """
        found = _KEY.fullmatch(key)
        if found is None:
            return None
        return cls(
            background=found["background"],
            foreground=found["foreground"],
            position=int(found["position"]),
            mirrored=bool(found["mirrored"]),
            prefix=found["prefix"] or "",
            twin=int(found["twin"] or 0),
        )


def key_sources(key: str) -> tuple[str, str] | None:
    """Return the ids of background and foreground that a key names, or None if another program made the key.

    >>> key_sources("a_hall_cat_007m")
    ('hall', 'cat')
    """
    found = _KEY.fullmatch(key)
    return (found["background"], found["foreground"]) if found else None


def rename_key(key: str, *, prefix: str = "", ids: Mapping[Kind, Mapping[str, str]]) -> str:
    """Return the key that a sample gets in a merged dataset.

    Args:
        key: the key in the dataset that it comes from; if another program made the key, only its prefix changes.
        prefix: set before the key with an underscore; an empty one changes nothing.
        ids: for each kind of source, old id -> new id of the sources that are renamed.

    >>> rename_key("hall_cat_007", prefix="a", ids={"foreground": {"cat": "a-cat"}})
    'a_hall_a-cat_007'
    """
    parts = SampleKey.parse(key)
    if parts is not None:
        backgrounds, foregrounds = (ids.get(kind, {}) for kind in KINDS)
        background = backgrounds.get(parts.background, parts.background)
        foreground = foregrounds.get(parts.foreground, parts.foreground)
        key = str(parts._replace(background=background, foreground=foreground))
    return f"{prefix}_{key}" if prefix else key


def max_key_bytes(suffixes: Iterable[str]) -> int:
    """Return the greatest length of a key in bytes: ustar holds a key with a dot and a suffix in under 100 bytes.

    >>> max_key_bytes(["jpg", "mask.png"])
    90
    """
    return 98 - max(len(suffix) for suffix in suffixes)

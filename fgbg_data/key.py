"""Keys: the names of samples."""

from collections.abc import Iterable


def sample_key(background: str, foreground: str, position: int, mirrored: bool) -> str:
    """Return the key of a sample; unambiguous, for ids hold no underscore.

    >>> sample_key("hall", "cat", 7, True)
    'hall_cat_007m'
    """
    return f"{background}_{foreground}_{position:03d}{'m' if mirrored else ''}"


def max_key_bytes(suffixes: Iterable[str]) -> int:
    """Return how long a key may be: with its suffixes it stays under 100 bytes, which is what ustar holds.

    >>> max_key_bytes(["jpg", "mask.png"])
    90
    """
    return 98 - max(len(suffix) for suffix in suffixes)


def key_sources(key: str) -> tuple[str, str] | None:
    """Return background and foreground of a key, whatever prefix it has; None for keys of other makers.

    >>> key_sources("hall_cat_007m")
    ('hall', 'cat')
    """
    parts = key.split("_")
    return (parts[-3], parts[-2]) if len(parts) >= 3 else None

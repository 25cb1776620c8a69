"""Ids of sources: short names that are computed from relative paths."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from fgbg_data.compositing.source_file import SourceFile
from fgbg_data.errors import SourceError
from fgbg_data.key import Kind
from fgbg_data.versions import FORMAT_VERSION, rules_of

MAX_ID = rules_of(FORMAT_VERSION).id_length
"""Longest id in characters. A key of two ids then fits into a tar with the suffix of any field."""


def source_id(file: str, kind: Kind) -> str:
    """Return the id of the source at a relative path: at most `MAX_ID` characters of `a-z`, `0-9` and `-`.

    The id is only the slug of the path if the path is exactly SLUG.png (foreground) or SLUG.jpg (background). Any
    other path also gets six hex digits of its BLAKE2b digest, which keep paths with the same slug apart. A path whose
    slug is too long, or empty because its name has no ASCII letters, gets twelve.

    Args:
        file: path relative to the source folder, with `/`.
        kind: the kind of the source.

    >>> source_id("hall.jpg", "background"), source_id("Hall.JPG", "background")
    ('hall', 'hall-5b6861')
    """
    file = unicodedata.normalize("NFC", file)  # macOS lists names as NFD, Linux as they were written
    stem = file.rsplit(".", 1)[0]
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_stem.lower()).strip("-")
    if file == f"{slug}.{'png' if kind == 'foreground' else 'jpg'}" and len(slug) <= MAX_ID:
        return slug
    short = bool(slug) and len(slug) <= MAX_ID - 7
    digest = hashlib.blake2b(file.encode(), digest_size=3 if short else 6).hexdigest()
    return f"{slug[: MAX_ID - 1 - len(digest)].strip('-') or 'x'}-{digest}"


def check_ids(sources: Iterable[SourceFile]) -> None:
    """Require that no two sources share an id; six hex digits are sometimes the same, though rarely.

    Raises:
        SourceError: two sources share an id; the text names both.
    """
    seen: dict[str, str] = {}
    for source in sources:
        if source.id in seen:
            raise SourceError(f"{seen[source.id]} and {source.file} both get the id {source.id!r}; rename one")
        seen[source.id] = source.file

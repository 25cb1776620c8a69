"""Classes of foregrounds: the first folders below the folder of the cut-outs."""

from collections.abc import Iterable

from fgbg_data.dataset.identity import Identity, SourceEntry
from fgbg_data.errors import SourceError


def class_table(foregrounds: Iterable[SourceEntry]) -> tuple[str, ...]:
    """Return the names of all classes, by the alphabet. Programs may number them in this order.

    >>> class_table([SourceEntry(id="b", sha256="", file="chair/b.png"), SourceEntry(id="a", sha256="", file="a.png")])
    ('chair',)

    Raises:
        SourceError: two names differ only in capital letters, so they would be one folder on other systems.
    """
    names = sorted({source.class_name for source in foregrounds} - {""})
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise SourceError(
                f"the classes {other!r} and {name!r} differ only in capital letters. A class is the first folder of a "
                "cut-out; give both folders one name, or names that differ more"
            )
    return tuple(names)


def recorded_classes(identity: Identity) -> tuple[str, ...]:
    """Return the classes that the manifest of a dataset lists; the classic dataset lists none.

    Raises:
        SourceError: the names of two classes clash.
    """
    return class_table(identity.sources.foregrounds) if identity.config.is_scene else ()

"""New names for the samples and sources of datasets that are merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fgbg_data.deriving.input import InputDataset
from fgbg_data.errors import ConfigError, option
from fgbg_data.key import KINDS, Kind, rename_key
from fgbg_data.sample import Meta


@dataclass(frozen=True)
class Renaming:
    """The new names of the samples and sources of one dataset. Without arguments, nothing is renamed.

    >>> renaming = Renaming("a", {"background": {}, "foreground": {"cat": "a-cat"}})
    >>> renaming.key("hall_cat_007"), renaming.source("foreground", "cat")
    ('a_hall_a-cat_007', 'a-cat')
    """

    prefix: str = ""
    """Set before every key, with `_`; an empty one changes no key."""
    ids: Mapping[Kind, Mapping[str, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    """Kind -> old id -> new id, of the sources that get a new one."""

    def source(self, kind: Kind, name: str) -> str:
        """Return the id that a source gets."""
        return self.ids[kind].get(name, name)

    def key(self, key: str) -> str:
        """Return the key that a sample gets."""
        return rename_key(key, prefix=self.prefix, ids=self.ids)

    def meta(self, meta: Meta, key: str) -> Meta:
        """Return the meta of the sample that gets the new key `key`."""
        listed = {
            name: [self._named(each) if isinstance(each, dict) else each for each in meta[name]]
            for name in ("objects", "decoys")
            if isinstance(meta.get(name), list)
        }
        return self._named(meta) | {"key": key} | listed

    def _named(self, entry: Meta) -> Meta:
        """Return meta, or an entry of it for one object, with the new ids of its sources."""
        return entry | {kind: self.source(kind, entry[kind]) for kind in KINDS if isinstance(entry.get(kind), str)}


def find_renamings(inputs: Sequence[InputDataset], prefixes: Sequence[str]) -> list[Renaming]:
    """Return the new names in each dataset. An id of a source gets the prefix if another picture has the same id.

    Args:
        inputs: the datasets.
        prefixes: one for each dataset.

    Raises:
        ConfigError: two datasets have different pictures under one id, and the same prefix.
    """
    ids: list[dict[Kind, dict[str, str]]] = [{} for _ in inputs]
    for kind in KINDS:
        clashes = _clashes(inputs, kind)
        for name, (one, two) in clashes.items():
            if prefixes[one] == prefixes[two]:
                more = f" (and {len(clashes) - 1} more)" if len(clashes) > 1 else ""
                raise ConfigError(
                    f"{inputs[one].path} and {inputs[two].path}: have different pictures as {kind} {name!r}{more}. "
                    f"Tell the datasets apart with one {option('prefix')} each"
                )
        for dataset, prefix, renamed in zip(inputs, prefixes, ids, strict=True):
            known = {source.id for source in dataset.manifest.identity.sources.of(kind)}
            renamed[kind] = {name: f"{prefix}-{name}" for name in clashes if name in known and prefix}
    return [Renaming(prefix, renamed) for prefix, renamed in zip(prefixes, ids, strict=True)]


def _clashes(inputs: Sequence[InputDataset], kind: Kind) -> dict[str, tuple[int, int]]:
    """Return each id that stands for two pictures, with the numbers of two datasets that have them."""
    seen: dict[str, tuple[str, int]] = {}
    clashes: dict[str, tuple[int, int]] = {}
    for number, dataset in enumerate(inputs):
        for source in dataset.manifest.identity.sources.of(kind):
            sha256, first = seen.setdefault(source.id, (source.sha256, number))
            if sha256 != source.sha256:
                clashes[source.id] = first, number
    return clashes

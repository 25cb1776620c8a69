"""The names of the files in the folder of a dataset: which belong to it, and which shards they are of."""

import re
from collections.abc import Iterable

from fgbg_data.runtime.locks import LOCK, PARTS, WORKERS_LOCK
from fgbg_data.shards.registry import format_suffixes
from fgbg_data.splits import SPLIT_NAME

SOURCE_DEPTH = ".source-depth"
"""Folder beside the shards where a build keeps the depth of its sources until it is finished."""
GROUNDS = "grounds.json"
"""File beside the shards with the grounds of the backgrounds, if objects are placed on them."""
BUILD_LOG = "build.log"
"""File beside the shards in which a build writes what it does."""
NOT_DATA = {LOCK, WORKERS_LOCK, PARTS, SOURCE_DEPTH, BUILD_LOG, ".cache"}
"""Names of files and folders that lie in the folder of a dataset and do not belong to it."""
CARD = "README.md"
"""The card of a dataset."""
CROISSANT = "croissant.json"
"""The description of a dataset that other tools read."""
PREVIEW = "preview.png"
"""The first samples of a dataset, drawn for people."""
DESCRIPTIONS = (CARD, CROISSANT, PREVIEW)
"""Names of the files that describe a dataset to people and to other tools; they lie beside the manifest."""
OUR_NAME = re.compile(rf"fgbg-(?P<split>{SPLIT_NAME})-(?P<index>[0-9]{{6,18}})")
"""The name of a shard that this package has made, without suffix; see `shard_stem`."""
Listing = dict[str, int | None]
"""Names in a folder -> size in bytes, or None for a folder."""


def shard_stem_of(name: str, suffixes: Iterable[str] = ()) -> str | None:
    """Return the name of a shard's file without its suffix, or None for other files.

    Args:
        name: name of the file.
        suffixes: suffixes of the formats, for a caller that asks about many names; by default those of all formats.

    >>> shard_stem_of("fgbg-train-000007.h5")
    'fgbg-train-000007'
    """
    suffixes = suffixes or format_suffixes()
    return next((name[: -len(suffix)] for suffix in suffixes if name.endswith(suffix) and name != suffix), None)


def shard_numbers(names: Iterable[str], split: str, shards: int) -> list[int]:
    """Return the numbers, below `shards`, of the shards of a split that have a file or a record among `names`.

    A manifest may state any number of shards, so it is the folder that says which ones to look at.

    >>> shard_numbers(["fgbg-val-000002.json", "fgbg-val-000000.tar", "fgbg-val-000009.tar"], "val", 3)
    [0, 2]
    """
    suffixes = format_suffixes()
    stems = {shard_stem_of(name, suffixes) or name.removesuffix(".json") for name in names}
    ours = (OUR_NAME.fullmatch(stem) for stem in stems)
    numbers = {int(found["index"]) for found in ours if found and found["split"] == split}
    return sorted(number for number in numbers if number < shards)

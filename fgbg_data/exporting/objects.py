"""The labelled objects of a sample: the class and the visible mask of each thing that was pasted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgbg_data.dataset.classes import class_table
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.sample import Array, Meta

ONLY_CLASS = "foreground"
"""Name of the class of foregrounds that lie in no folder."""
LABELS: tuple[str, ...] = ("mask", "instances")
"""The fields that labels are made of, as far as a dataset has them."""


@dataclass(frozen=True)
class Classes:
    """The classes of a dataset, and the class of each foreground."""

    names: tuple[str, ...]
    """Names of the classes, in the order of their indices."""
    of_foreground: Mapping[str, int]
    """Id of a foreground -> index of its class."""


@dataclass(frozen=True)
class LabelledObject:
    """One thing that was pasted and can be seen."""

    class_index: int
    """Index of its class, from 0."""
    instance: int
    """Its number in the sample, from 1, in the order in which things were pasted."""
    foreground: str
    """Id of the foreground that it is made of."""
    mask: Array
    """(H, W) uint8, 255 where it is seen, else 0."""


def classes_of(manifest: Manifest) -> Classes:
    """Return the classes of a dataset: the first folders of its foregrounds, by the alphabet.

    Foregrounds that lie in no folder are of the class `foreground`, which then is the last one.

    Raises:
        SourceError: the names of two classes differ only in capital letters.
    """
    foregrounds = manifest.identity.sources.foregrounds
    names = class_table(foregrounds)
    if ONLY_CLASS not in names and (not names or not all(source.class_name for source in foregrounds)):
        names = (*names, ONLY_CLASS)
    return Classes(names, {source.id: names.index(source.class_name or ONLY_CLASS) for source in foregrounds})


def labelled_objects(arrays: Mapping[str, Array], meta: Meta, classes: Classes) -> list[LabelledObject]:
    """Return the things that can be seen in a sample, in the order in which they were pasted.

    Args:
        arrays: field -> array; `instances`, if the dataset has it, else `mask`.
        meta: the meta of the sample.
        classes: the classes of the dataset.
    """
    instances = arrays.get("instances")
    if instances is None:
        found: list[tuple[int, Any, Array]] = [(1, meta, arrays["mask"])]
    else:
        found = [
            (int(each["id"]), each, np.where(instances == each["id"], np.uint8(255), np.uint8(0)))
            for each in meta.get("objects", ())
        ]
    return [
        LabelledObject(classes.of_foreground[about["foreground"]], number, about["foreground"], mask)
        for number, about, mask in found
        if mask.any()
    ]

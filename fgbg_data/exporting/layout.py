"""What a layout of files promises: where the files of a sample go, what is noted about it, and what is written last."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fgbg_data.exporting.objects import Classes, LabelledObject
from fgbg_data.sample import Array, Meta

Row = dict[str, Any]
"""JSON object: what a layout notes about one sample, for the files that it writes last."""


@dataclass(frozen=True, kw_only=True)
class ExportedSample:
    """One sample of a dataset, as layouts need it."""

    split: str
    key: str
    image: bytes
    """The file of its image, JPEG or PNG."""
    suffix: str
    """Suffix of that file: jpg or png."""
    shape: tuple[int, int]
    """(height, width) of the image in pixels."""
    mask: Array
    """(H, W) uint8, 255 where any thing is seen, else 0."""
    objects: Sequence[LabelledObject]
    """The things that can be seen."""
    meta: Meta
    metres: Array | None = None
    """(H, W) float32 depth in metres, larger is farther; None if the layout does not ask for it."""


@dataclass(frozen=True, kw_only=True)
class ExportedDataset:
    """What layouts need to know about the whole dataset."""

    name: str
    """A few words: fgbg, and the fingerprint of the dataset."""
    splits: tuple[str, ...]
    classes: Classes
    licences: tuple[str, ...]
    """Licences of the sources, as far as they are known."""


class Layout(ABC):
    """Files and folders as another tool expects them."""

    needs_depth: ClassVar[bool] = False
    """Whether it writes depth in metres where the dataset has it."""
    reading: ClassVar[str]
    """How its reader is called: `{out}` stands for the folder of the export, `{split}` for a split."""

    @abstractmethod
    def write(self, out: Path, sample: ExportedSample) -> Row:
        """Write the files of one sample; return what `finish` needs to know about it."""

    @abstractmethod
    def finish(self, out: Path, dataset: ExportedDataset, rows: "Rows") -> None:
        """Write the files that describe the whole dataset. It is called after all samples are written.

        Args:
            out: folder of the export.
            dataset: what is exported.
            rows: what `write` returned, in the order of the dataset.
        """


@dataclass(frozen=True)
class Rows:
    """The rows of all samples, read from files of one JSON object a line, so that they need not fit in memory."""

    files: Mapping[str, Sequence[Path]]
    """Split -> its files, in order."""

    def of(self, split: str) -> Iterator[Row]:
        """Yield the rows of a split."""
        for path in self.files[split]:
            with path.open(encoding="utf-8") as stream:
                yield from map(json.loads, stream)


def write_file(path: Path, data: bytes) -> None:
    """Write one file of a sample, in a folder that is made if it is missing."""
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_json_list(stream: Any, values: Iterable[Row]) -> None:
    """Write a JSON list, one value a line, without holding it in memory."""
    stream.write("[")
    for number, value in enumerate(values):
        stream.write(",\n" if number else "\n")
        stream.write(json.dumps(value, separators=(",", ":"), sort_keys=True))
    stream.write("\n]")

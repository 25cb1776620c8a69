"""Masks of indices: `images/SPLIT/KEY.jpg` beside `masks/SPLIT/KEY.png`, whose pixels are numbers of classes."""

import json
from pathlib import Path

import numpy as np

from fgbg_data.codecs.pictures import encode_png
from fgbg_data.exporting.layout import ExportedDataset, ExportedSample, Layout, Row, Rows, write_file
from fgbg_data.runtime.files import write_text

BACKGROUND = "background"


class ClassMaskLayout(Layout):
    """Pictures and masks of indices, as MMSegmentation and segmentation-models read them.

    Args:
        values: what the pixels hold: `class`, 0 for the background and from 1 on the number of the class; `binary`,
            0 or 1; or `instance`, 0 or the number of the object in its picture.
        classes: number of classes of the dataset.
    """

    reading = "numpy.asarray(PIL.Image.open('{out}/masks/{split}/KEY.png'))"

    def __init__(self, values: str = "class", classes: int = 1) -> None:
        self.values = values
        self._needs_16_bits = values == "class" and classes > np.iinfo(np.uint8).max

    def write(self, out: Path, sample: ExportedSample) -> Row:
        """Write the image and its mask: uint8, or uint16 where a number needs it."""
        numbers = np.zeros(sample.shape, np.uint16)
        if self.values == "binary":
            numbers[sample.mask > 0] = 1
        else:
            for each in sample.objects:
                numbers[each.mask > 0] = each.class_index + 1 if self.values == "class" else each.instance
        write_file(out / "images" / sample.split / f"{sample.key}.{sample.suffix}", sample.image)
        needs_16_bits = self._needs_16_bits or numbers.max() > np.iinfo(np.uint8).max
        mask = numbers if needs_16_bits else numbers.astype(np.uint8)
        write_file(out / "masks" / sample.split / f"{sample.key}.png", encode_png(mask))
        return {}

    def finish(self, out: Path, dataset: ExportedDataset, rows: Rows) -> None:
        """Write `classes.json`, which says what the numbers mean."""
        meanings = {
            "binary": [BACKGROUND, "foreground"],
            "class": [BACKGROUND, *dataset.classes.names],
            "instance": [],
        }
        about = {"values": self.values, "names": meanings[self.values], "splits": list(dataset.splits)}
        write_text(out / "classes.json", json.dumps(about, indent=1) + "\n")

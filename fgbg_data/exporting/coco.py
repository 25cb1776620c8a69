"""COCO instances: `SPLIT/KEY.jpg`, and `annotations/instances_SPLIT.json` with run-length masks."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fgbg_data.errors import ConfigError, option
from fgbg_data.exporting.layout import ExportedDataset, ExportedSample, Layout, Row, Rows, write_file, write_json_list
from fgbg_data.runtime.files import write_whole
from fgbg_data.sample import Array


class CocoLayout(Layout):
    """The files of COCO 2017, as `pycocotools`, Detectron2, MMDetection, torchvision and FiftyOne read them.

    Source: https://cocodataset.org/#format-data. Ids of images, annotations and categories start at 1. Masks are
    compressed run lengths of what can be seen, with `iscrowd` 0. A sample in which nothing is seen has no annotation.
    """

    reading = "pycocotools.coco.COCO('{out}/annotations/instances_{split}.json')"

    def __init__(self) -> None:
        try:
            import pycocotools.mask  # noqa: F401  # so that a missing package is found before anything is written
        except ImportError as error:
            raise ConfigError(
                f"{option('format', 'coco')}: needs pycocotools; run: pip install 'fgbg[coco]'"
            ) from error

    def write(self, out: Path, sample: ExportedSample) -> Row:
        """Write the image; return its entry and those of the objects, without their ids."""
        name = f"{sample.key}.{sample.suffix}"
        write_file(out / sample.split / name, sample.image)
        height, width = sample.shape
        return {
            "image": {"file_name": name, "height": height, "width": width},
            "objects": [
                {"category_id": each.class_index + 1, "iscrowd": 0, **_described(each.mask)} for each in sample.objects
            ],
        }

    def finish(self, out: Path, dataset: ExportedDataset, rows: Rows) -> None:
        """Write the annotations of each split."""
        head = {
            "info": {"description": dataset.name, "version": "1.0"},
            "licenses": [
                {"id": number, "name": name, "url": ""} for number, name in enumerate(dataset.licences, start=1)
            ],
            "categories": [
                {"id": number, "name": name, "supercategory": "object"}
                for number, name in enumerate(dataset.classes.names, start=1)
            ],
        }
        for split in dataset.splits:
            path = out / "annotations" / f"instances_{split}.json"
            with write_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
                stream.write(json.dumps(head, sort_keys=True)[:-1] + ',\n"images": ')
                write_json_list(stream, _images(rows, split))
                stream.write(',\n"annotations": ')
                write_json_list(stream, _annotations(rows, split))
                stream.write("}\n")


def _images(rows: Rows, split: str) -> Iterator[Row]:
    for number, row in enumerate(rows.of(split), start=1):
        yield {"id": number, **row["image"]}


def _annotations(rows: Rows, split: str) -> Iterator[Row]:
    number = 0
    for image, row in enumerate(rows.of(split), start=1):
        for each in row["objects"]:
            number += 1
            yield {"id": number, "image_id": image, **each}


def _described(mask: Array) -> Row:
    """Return run lengths, area and box of a mask."""
    import pycocotools.mask

    runs = pycocotools.mask.encode(np.asfortranarray(mask > 0))
    return {
        "segmentation": {"size": [int(side) for side in runs["size"]], "counts": runs["counts"].decode("ascii")},
        "area": int(pycocotools.mask.area(runs)),
        "bbox": [float(value) for value in pycocotools.mask.toBbox(runs)],
    }

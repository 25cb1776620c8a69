"""YOLO: `images/SPLIT/KEY.jpg` beside `labels/SPLIT/KEY.txt` and, from metric depth, `depth/SPLIT/KEY.png`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fgbg_data.codecs.pictures import encode_png
from fgbg_data.exporting.layout import ExportedDataset, ExportedSample, Layout, Row, Rows, write_file
from fgbg_data.exporting.objects import LabelledObject
from fgbg_data.exporting.polygons import fill_polygon, mask_iou, mask_polygon
from fgbg_data.runtime.files import write_text
from fgbg_data.sample import Array

DEPTH_SCALE = 1000
"""Codes a metre in depth files: they hold millimetres, up to 65.535 m; 0 is not valid."""


class YoloLayout(Layout):
    """The files of Ultralytics: `data.yaml` for segmentation, and `depth.yaml` for depth, over the same images.

    Sources: https://docs.ultralytics.com/datasets/segment/ and .../datasets/depth/. A line of a label file is the
    index of the class and one polygon, x and y in [0, 1]. A coordinate is that of the centre of a pixel, so that a
    reader that multiplies by the size and cuts the fraction off gets the pixel itself.
    """

    needs_depth = True
    reading = "yolo segment train data={out}/data.yaml"

    def write(self, out: Path, sample: ExportedSample) -> Row:
        """Write image, labels and depth; return how exact the polygons are."""
        write_file(out / "images" / sample.split / f"{sample.key}.{sample.suffix}", sample.image)
        lines, ious = [], []
        for each in sample.objects:
            polygon = mask_polygon(each.mask)
            if polygon is not None:
                lines.append(_line(each, polygon, sample.shape))
                ious.append(mask_iou(each.mask, fill_polygon(polygon, sample.shape)))
        write_file(out / "labels" / sample.split / f"{sample.key}.txt", "".join(lines).encode())
        if sample.metres is not None:
            write_file(out / "depth" / sample.split / f"{sample.key}.png", encode_png(_millimetres(sample.metres)))
        return {"ious": ious, "depth": sample.metres is not None}

    def finish(self, out: Path, dataset: ExportedDataset, rows: Rows) -> None:
        """Write `data.yaml`, and `depth.yaml` if there is depth."""
        head = f"# {dataset.name}; without `path`, the folder of this file is the root\n{_splits(dataset.splits)}"
        names = "".join(f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(dataset.classes.names))
        write_text(out / "data.yaml", f"{head}names:\n{names}")
        if next(rows.of(dataset.splits[0]))["depth"]:
            write_text(out / "depth.yaml", f"{head}nc: 1\nnames:\n  0: depth\ndepth_scale: {DEPTH_SCALE}\n")


def _splits(splits: Sequence[str]) -> str:
    """Return the lines that say where the pictures of each split are. Other names than YOLO's become comments."""
    known = [name for name in ("train", "val", "test") if name in splits]
    lines = [f"{name}: images/{name}\n" for name in known]
    lines += [f"# images/{name} is one more split\n" for name in splits if name not in known]
    if "train" not in known:
        lines.append(f"train: images/{splits[0]}  # the dataset has no train split\n")
    if "val" not in known:
        lines.append(f"val: images/{splits[0]}  # the dataset has no val split\n")
    return "".join(lines)


def _line(labelled: LabelledObject, polygon: Array, shape: tuple[int, int]) -> str:
    """Return the line of a label file for one object."""
    points = (polygon + 0.5) / (shape[1], shape[0])
    return " ".join([str(labelled.class_index), *(f"{value:.6f}" for value in points.ravel())]) + "\n"


def _millimetres(metres: Array) -> Array:
    """Return depth as uint16 in millimetres; 0 where it is too far for that."""
    codes = np.rint(metres.astype(np.float64) * DEPTH_SCALE)
    return np.where(codes <= np.iinfo(np.uint16).max, np.maximum(codes, 1), 0).astype(np.uint16)

"""Export a dataset: write every sample as another tool expects it, shard by shard, and go on after a stop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from fgbg_data.codecs.depth_codes import dequantise_depth
from fgbg_data.codecs.pictures import encode_image, image_format_of
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.deriving.input import InputDataset, open_input
from fgbg_data.exporting.class_masks import ClassMaskLayout
from fgbg_data.exporting.coco import CocoLayout
from fgbg_data.exporting.folder import ExportFolder, Part
from fgbg_data.exporting.layout import ExportedDataset, ExportedSample, Layout, Rows
from fgbg_data.exporting.objects import LABELS, Classes, classes_of, labelled_objects
from fgbg_data.exporting.yolo import YoloLayout
from fgbg_data.options import one_of, to_path
from fgbg_data.runtime.files import writing_errors
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.parallel import in_parallel, num_jobs
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.sample import Array, Meta
from fgbg_data.text import counted

_LAYOUTS: Mapping[str, type[Layout]] = {"coco": CocoLayout, "yolo": YoloLayout, "index": ClassMaskLayout}
LayoutName = Literal["coco", "yolo", "index"]
Values = Literal["class", "binary", "instance"]


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What an export holds."""

    layout: str
    """`coco`, `yolo` or `index`."""
    samples: Mapping[str, int]
    """Split -> number of samples."""
    objects: int
    """Number of labelled objects; for `index` masks 0, because they are not counted."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their indices."""
    polygon_iou: Sequence[float] | None = None
    """Mean and smallest intersection over union of the polygons with the masks; None for a layout without polygons."""
    depth: bool = False
    """Whether depth in metres was written."""

    def text(self, out: Path) -> str:
        """Return what was written, in a few lines.

        Args:
            out: folder of the export.
        """
        splits = ", ".join(f"{split} {count:,}" for split, count in self.samples.items())
        lines = [f"{out}: {sum(self.samples.values()):,} samples ({splits}) in the layout {self.layout}"]
        if self.layout != "index":
            shown = ", ".join(self.classes[:8]) + (", ..." if len(self.classes) > 8 else "")
            lines.append(f"{counted(self.objects, 'object')}; classes: {shown}")
        if self.polygon_iou is not None:
            mean, least = self.polygon_iou
            lines.append(f"filled again, the polygons have an IoU of {mean:.4f} with the masks, at least {least:.4f}")
        if self.layout == "yolo" and not self.depth:
            lines.append("no depth was written, because it needs an estimator of metric depth (fgbg-data estimators)")
        reading = _LAYOUTS[self.layout].reading.format(out=out, split=next(iter(self.samples)))
        return "\n".join([*lines, f"read it by: {reading}"])


def export_dataset(
    path: str | Path,
    out: str | Path,
    layout: LayoutName,
    *,
    values: Values = "class",
    jobs: int = 0,
    progress: Progress = None,
) -> ExportReport:
    """Write a dataset as another tool expects it. The same call resumes a stopped one.

        report = export_dataset("shards/", "coco/", "coco")

    Image files are carried over byte by byte; pixels of HDF5 become PNG. What is labelled is what can be seen.

    Args:
        path: folder or URL of the dataset, with or without `dataset.json`.
        out: folder of the export; it is made, or holds an earlier part of the same export.
        layout: `coco` for instances of COCO, `yolo` for polygons of YOLO and, if the depth is metric, depth in
            millimetres, `index` for masks whose pixels are numbers.
        values: what the pixels of `index` masks hold: 0 and the number of the `class`, 0 and 1 (`binary`), or 0 and
            the number of the `instance`.
        jobs: number of worker processes; 0 starts one for each core.
        progress: see `build`.

    Returns:
        What was written.

    Raises:
        ConfigError: an option cannot work, or `pycocotools` is missing for `coco`.
        FgbgError: there is no such dataset, a sample of it is damaged, or the folder holds something else.
    """
    one_of("format", layout, get_args(LayoutName))
    one_of("values", values, get_args(Values))
    out = to_path("out", out)
    dataset = open_input(path, out=out)
    classes = classes_of(dataset.manifest)
    writer = make_layout(layout, values, len(classes.names))
    about = {"layout": layout, "values": values, "dataset": dataset.manifest.fingerprint}
    folder = ExportFolder(out)
    if (finished := folder.begin(about)) is not None:
        return ExportReport(**finished)
    parts = [Part(split, shard) for split, reader in dataset.splits.items() for shard in range(len(reader.shards))]
    with build_lock(folder.mark):
        _write_parts(dataset, classes, writer, folder, parts, jobs, progress)
        rows = Rows({split: [folder.rows(part) for part in parts if part.split == split] for split in dataset.splits})
        writer.finish(out, _described(dataset, classes), rows)
        report = _report(layout, dataset, classes, rows)
        folder.finish(about, asdict(report))
    return report


def make_layout(name: LayoutName, values: Values, classes: int) -> Layout:
    """Return the layout of a name.

    Args:
        name: `coco`, `yolo` or `index`.
        values: what the pixels of `index` masks hold.
        classes: number of classes of the dataset.

    Raises:
        ConfigError: it needs a package that is not installed.
    """
    if name == "coco":
        return CocoLayout()
    return YoloLayout() if name == "yolo" else ClassMaskLayout(values, classes)


def _write_parts(
    dataset: InputDataset,
    classes: Classes,
    writer: Layout,
    folder: ExportFolder,
    parts: Sequence[Part],
    jobs: int,
    progress: Progress,
) -> None:
    """Write the files of all shards that are not finished."""
    todo = [part for part in parts if not folder.rows(part).is_file()]
    total = sum(map(len, dataset.splits.values()))
    done = total - sum(dataset.splits[part.split].counts[part.shard] for part in todo)
    manifest = dataset.manifest
    work = _Export(folder, dict(dataset.splits), tuple(manifest.fields), writer, classes, _is_metric(manifest))
    shown = reporter(progress)
    with activity(shown, "export", total, "samples", done):
        for count in in_parallel(work, todo, jobs=num_jobs(jobs, len(todo)), folder=folder.mark):
            done += count
            shown.update(done)


@dataclass(frozen=True)
class _Export:
    """What every worker needs to know."""

    folder: ExportFolder
    splits: Mapping[str, SplitReader]
    fields: tuple[str, ...]
    layout: Layout
    classes: Classes
    metric: bool

    def open(self) -> Callable[[Part, int], int]:
        """Return the function that exports a shard."""
        return self.export

    def export(self, part: Part, slot: int = 0) -> int:
        """Write the files of a shard, then its rows; return its number of samples."""
        samples = range(self.splits[part.split].counts[part.shard])
        with writing_errors(self.folder.out):
            rows = [self.layout.write(self.folder.out, self.sample(part, index)) for index in samples]
        self.folder.write_rows(part, rows)
        return len(rows)

    def sample(self, part: Part, index: int) -> ExportedSample:
        """Read one sample."""
        split = self.splits[part.split]
        reader = split.reader(part.shard)
        meta: Meta = reader.read(index, "meta")
        wanted = [name for name in LABELS if name in self.fields]
        arrays: dict[str, Array] = {name: reader.read(index, name) for name in wanted}
        image = reader.read_file(index, "image")
        if image is None:
            image = encode_image(reader.read(index, "image"), "png", 0)
        metric = self.metric and self.layout.needs_depth
        return ExportedSample(
            split=part.split,
            key=split.key_in_shard(part.shard, index),
            image=image,
            suffix=image_format_of(image),
            shape=arrays["mask"].shape,
            mask=arrays["mask"],
            objects=labelled_objects(arrays, meta, self.classes),
            meta=meta,
            metres=_metres(reader.read(index, "depth"), meta, arrays["mask"].shape) if metric else None,
        )


def _metres(codes: Array, meta: Meta, shape: tuple[int, int]) -> Array:
    """Return depth in metres from the codes of inverse depth: (H, W) float32."""
    import cv2

    low, high = float(meta["depth_min"]), float(meta["depth_max"])
    inverse = low + dequantise_depth(codes, int(meta["depth_bits"])) * np.float32(high - low)
    metres: Array = 1 / np.maximum(inverse, np.float32(1e-6))
    return metres if metres.shape == shape else cv2.resize(metres, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def _is_metric(manifest: Manifest) -> bool:
    """Return whether the depth of a dataset is the inverse of metres."""
    estimator = manifest.identity.estimator
    return estimator is not None and "depth" in manifest.fields and estimator.values.get("output") == "metric"


def _described(dataset: InputDataset, classes: Classes) -> ExportedDataset:
    licences = {about["licence"] for about in dataset.manifest.provenance.values() if about.get("licence")}
    return ExportedDataset(
        name=f"made by fgbg of the dataset {dataset.manifest.fingerprint}",
        splits=tuple(dataset.splits),
        classes=classes,
        licences=tuple(sorted(licences)),
    )


def _report(layout: str, dataset: InputDataset, classes: Classes, rows: Rows) -> ExportReport:
    """Count what was written."""
    objects, depth = 0, False
    ious: list[float] = []
    for split in dataset.splits:
        for row in rows.of(split):
            objects += len(row.get("objects") or row.get("ious") or ())
            ious += row.get("ious", ())
            depth = depth or bool(row.get("depth"))
    return ExportReport(
        layout=layout,
        samples={split: len(reader) for split, reader in dataset.splits.items()},
        objects=objects,
        classes=classes.names,
        polygon_iou=(float(np.mean(ious)), float(np.min(ious))) if ious else None,
        depth=depth,
    )

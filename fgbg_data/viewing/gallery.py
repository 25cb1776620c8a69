"""`Gallery`: what the page shows of a dataset, which is a table of all samples, and pictures and details by key."""

import json
import math
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fgbg_data.codecs.pictures import encode_image, image_format_of
from fgbg_data.codecs.resize import resize_image
from fgbg_data.compositing.sources import local_pictures
from fgbg_data.dataset.info import info
from fgbg_data.dataset.json_values import to_json
from fgbg_data.dataset.layout import find_shards, find_splits, format_of_files
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.drawing.colours import field_picture
from fgbg_data.errors import FgbgError, ShardError, UnknownKeyError
from fgbg_data.fields import depth_fields, pixel_fields
from fgbg_data.fields.contrast import depth_edge_contrast
from fgbg_data.key import KINDS, key_sources
from fgbg_data.runtime import locations
from fgbg_data.sample import Array
from fgbg_data.viewing.ground_layer import GroundLayer
from fgbg_data.viewing.source_pictures import QUALITY, SourcePictures

TINT = (255, 64, 129)
"""Colour of the mask over an image, RGB."""


class Gallery:
    """All splits of a dataset, open for a person to look at.

    Args:
        path: folder or URL of the dataset.
        bg: folder or URL of the pictures that became backgrounds, to show them beside samples; None shows only names.
        fg: folder or URL of the pictures that became foregrounds, in the same way.

    Raises:
        FgbgError: there is no dataset, it cannot be read, or a given folder does not exist.
    """

    def __init__(self, path: str | Path, *, bg: str | Path | None = None, fg: str | Path | None = None) -> None:
        root = locations.locate(path)
        self.name = "/".join(Path(path).parts[-2:])
        self.about = info(path)
        layouts = [find_shards(root, split) for split in find_splits(root)]
        # Formats with encoded files are preferred: files are sent as they are, pixels would have to be encoded.
        self._readers = [SplitReader(layout, format_of_files(layout), skip=True) for layout in layouts]
        self.manifest: Manifest | None = self._readers[0].layout.manifest
        folders = (local_pictures(name, folder) if folder else None for name, folder in (("bg", bg), ("fg", fg)))
        self.sources = SourcePictures(self.manifest, *folders)
        self.grounds = GroundLayer(root, self.manifest)
        self.keys: list[str] = []
        self._splits: list[int] = []
        self._areas: list[int] = []
        self._starts: list[int] = []
        for split, reader in enumerate(self._readers):
            self._starts.append(len(self.keys))
            for shard in range(len(reader.shards)):
                self._add_shard(split, reader, shard)
        if "image" not in self.about["fields"]:
            reasons = [reason for reader in self._readers for reason in reader.skipped.values()]
            raise ShardError(reasons[0] if reasons else "its samples have no image, so there is nothing to show", root)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def layers(self) -> tuple[str, ...]:
        """What the page shows as pictures: fields, and the ground if objects stand on it."""
        return (*pixel_fields(self.about["fields"]), *((self.grounds.name,) if self.grounds.there else ()))

    @property
    def measures(self) -> tuple[str, ...]:
        """Numbers of a sample that `measure` can compute from the fields of this dataset."""
        fields = self.about["fields"]
        contrast = ("contrast",) if "mask" in fields and depth_fields(fields) else ()
        return (*(("scale",) if "meta" in fields else ()), *contrast)

    def header(self) -> dict[str, Any]:
        """Return the facts about the dataset as a whole, as JSON."""
        image = self.about["fields"]["image"]["shape"]
        return {
            "name": self.name,
            "fingerprint": self.about["fingerprint"],
            "samples": len(self),
            "splits": [reader.layout.split for reader in self._readers],
            "fields": self.about["fields"],
            "layers": self.layers,
            "measures": self.measures,
            "bytes": self.about["bytes"],
            "estimator": (self.about["estimator"] or {}).get("name"),
            "statistics": to_json(self.manifest.statistics) if self.manifest else {},
            "height": image[0],
            "width": image[1],
        }

    def table(self) -> bytes:
        """Return all samples as columns.

        First comes the length of a JSON header in four bytes, then the header, then the columns that it lists: `area`,
        `background` and `foreground` are little-endian uint32, `split` is uint8, and `keys` is text with a line for
        each key. Half a million samples take 20 MB and one request, and the page filters them by itself.
        """
        pairs = [key_sources(key) or ("", "") for key in self.keys]
        backgrounds = _numbered([background for background, _ in pairs])
        foregrounds = _numbered([foreground for _, foreground in pairs])
        names = {"backgrounds": backgrounds.names, "foregrounds": foregrounds.names}
        columns: dict[str, bytes] = {"area": np.array(self._areas, "<u4").tobytes()}
        columns |= {"background": backgrounds.column, "foreground": foregrounds.column}
        columns["split"] = bytes(self._splits)
        columns["keys"] = "\n".join(self.keys).encode()
        sizes = {name: len(column) for name, column in columns.items()}
        header = json.dumps(self.header() | names | {"columns": sizes}).encode()
        header += b" " * (-len(header) % 4)  # so that columns of uint32 start at multiples of four
        return struct.pack("<I", len(header)) + header + b"".join(columns.values())

    def picture(self, key: str, layer: str, side_px: int | None = None) -> tuple[bytes, str]:
        """Return one layer of a sample as a file, and its media type.

        Args:
            key: key of the sample.
            layer: one of `layers`; the mask is tinted, and clear elsewhere, and depth is shown in colours.
            side_px: shrink the picture to fit a square of this side; it is never enlarged.

        Raises:
            UnknownKeyError: there is no such sample, or it has no such layer.
            ShardError: it is damaged.
        """
        split, number = self._find(key)
        shard, index = split.locate(number)
        reader = split.reader(shard)
        if layer == self.grounds.name and self.grounds.there:
            return self._ground(split, shard, index, side_px), "image/jpeg"
        if layer not in split.shard_index(shard).fields:
            raise UnknownKeyError(f"{key!r} has no {layer}")
        stored = reader.picture_size(index, layer)
        size = _fitted(stored, side_px)
        if layer == "image":
            if size != stored:
                return encode_image(reader.read(index, "image", size), "jpg", QUALITY), "image/jpeg"
            data = reader.read_file(index, "image") or encode_image(reader.read(index, "image"), "png", 0)
            return data, "image/jpeg" if image_format_of(data) == "jpg" else "image/png"
        if layer == "mask":
            return _tinted(reader.read(index, "mask", size)), "image/png"
        colours = resize_image(field_picture(layer, reader.read(index, layer)), size)
        return encode_image(colours, "jpg", QUALITY), "image/jpeg"

    def _ground(self, split: SplitReader, shard: int, index: int, side_px: int | None) -> bytes:
        """Return the image of a sample with its ground drawn over it, as JPEG."""
        reader, fields = split.reader(shard), split.shard_index(shard).fields
        amodal = reader.read(index, "amodal") if "amodal" in fields else None
        drawn = self.grounds.draw(reader.read(index, "meta")["background"], reader.read(index, "image"), amodal)
        return encode_image(resize_image(drawn, _fitted(drawn.shape[:2], side_px)), "jpg", QUALITY)

    def details(self, key: str) -> dict[str, Any]:
        """Return where a sample is, and its meta, as JSON.

        Raises:
            UnknownKeyError: there is no such sample.
            ShardError: it is damaged.
        """
        split, number = self._find(key)
        shard, index = split.locate(number)
        sources = key_sources(key)
        return {
            "key": key,
            "split": split.layout.split,
            "shard": split.shards[shard].stem,
            "index": index,
            "meta": split.reader(shard).read(index, "meta") if "meta" in split.shard_index(shard).fields else {},
            "sources": {kind: self.sources.describe(kind, id) for kind, id in zip(KINDS, sources or (), strict=False)},
        }

    def measure(self, name: str, number: int) -> float:
        """Return a number of a sample that no record holds; to get it, the sample is read or decoded.

        Args:
            name: one of `measures`: `scale`, as meta gives it; or `contrast`, see `depth_edge_contrast`.
            number: number of the sample, from 0.

        Returns:
            The number; NaN if the sample is damaged, or lacks a field that the number needs.
        """
        split, number_in_split = self._locate(number)
        try:
            shard, index = split.locate(number_in_split)
            reader, fields = split.reader(shard), split.shard_index(shard).fields
            if name == "scale":
                scale = reader.read(index, "meta").get("scale") if "meta" in fields else None
                return float(scale) if isinstance(scale, int | float) and abs(scale) < 1e30 else math.nan
            depths = depth_fields(fields)
            if "mask" not in fields or not depths:
                return math.nan
            mask, depth = reader.read(index, "mask"), reader.read(index, depths[0])
            return depth_edge_contrast(depth, mask) if depth.shape == mask.shape else math.nan
        except FgbgError:
            return math.nan

    def choose(self, count: int, seed: int) -> list[int]:
        """Return the numbers of `count` random samples, in order."""
        return sorted(random.Random(seed).sample(range(len(self)), min(count, len(self))))

    def row(self, number: int) -> dict[str, Any]:
        """Return one row of the table, as JSON."""
        background, foreground = key_sources(self.keys[number]) or ("", "")
        return {
            "key": self.keys[number],
            "split": self._splits[number],
            "background": background,
            "foreground": foreground,
            "area": self._areas[number],
            "measures": {name: _finite(self.measure(name, number)) for name in self.measures},
        }

    # --- parts of it --------------------------------------------------------------------------------------

    def _add_shard(self, split: int, reader: SplitReader, shard: int) -> None:
        keys = reader.keys_of_shard(shard)
        self.keys += keys
        self._splits += [split] * len(keys)
        record = reader.record(shard)
        self._areas += record.mask_area_px if record else _read_areas(reader, shard, len(keys))

    def _locate(self, number: int) -> tuple[SplitReader, int]:
        """Return the split that holds a sample, and the number of the sample in it."""
        split = self._readers[self._splits[number]]
        return split, number - self._starts[self._splits[number]]

    def _find(self, key: str) -> tuple[SplitReader, int]:
        """Return the split that holds a key, and the number of the sample in it."""
        for reader in self._readers:
            try:
                return reader, reader.find(key)
            except UnknownKeyError:
                continue
        raise UnknownKeyError(f"{key!r} is none of the {len(self)} samples")


class _Numbered(NamedTuple):
    """The ids of the sources of many samples, as the page reads them."""

    names: list[str]
    """All ids, sorted."""
    column: bytes
    """The number of each sample's id in `names`, as little-endian uint32."""


def _numbered(ids: Sequence[str]) -> _Numbered:
    names = sorted(set(ids))
    number = {name: i for i, name in enumerate(names)}
    return _Numbered(names, np.array([number[name] for name in ids], "<u4").tobytes())


def _fitted(size: tuple[int, ...], side_px: int | None) -> tuple[int, int]:
    """Return the (height, width) of a picture that is shrunk to fit a square of this side; it is never enlarged."""
    height, width = size
    factor = min(1.0, side_px / max(height, width)) if side_px else 1.0
    return max(1, round(height * factor)), max(1, round(width * factor))


def _read_areas(split: SplitReader, shard: int, count: int) -> list[int]:
    """Return the mask areas that the meta of the samples gives, in pixels; 0 where it gives none."""
    if "meta" not in split.shard_index(shard).fields:
        return [0] * count
    reader = split.reader(shard)
    areas = (reader.read(index, "meta").get("mask_area_px") for index in range(count))
    return [area if isinstance(area, int) and 0 <= area < 2**32 else 0 for area in areas]


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it: None for NaN and infinity."""
    return value if math.isfinite(value) else None


def _tinted(mask: Array) -> bytes:
    """Return a PNG that has the colour TINT where the mask is, and is clear elsewhere."""
    import cv2

    tinted = np.zeros((*mask.shape, 4), np.uint8)
    tinted[..., :3] = TINT[::-1]
    tinted[..., 3] = mask
    _, data = cv2.imencode(".png", tinted, [cv2.IMWRITE_PNG_COMPRESSION, 2])
    return bytes(data.tobytes())

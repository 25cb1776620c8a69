"""What `view` shows of a dataset: a table of all samples, pictures of one, its details; looked up by key alone."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.codecs.encode import codec, encode_image
from fgbg_data.codecs.fields import resize_field
from fgbg_data.dataset.info import info
from fgbg_data.dataset.layout import find_shards, find_splits, form_of_files
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.drawing.colours import colour_depth
from fgbg_data.errors import UnknownKeyError
from fgbg_data.key import key_sources
from fgbg_data.runtime import locations
from fgbg_data.sample import PIXEL_FIELDS, Array

LAYERS = PIXEL_FIELDS
TINT = (255, 64, 129)
"""Colour of the mask over an image."""
QUALITY = 88


class Gallery:
    """A dataset as a person looks at it.

    Raises:
        FgbgError: there is no dataset, or it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        root = locations.locate(path)
        self.name = "/".join(Path(path).parts[-2:])
        self.about = info(path)
        layouts = [find_shards(root, split) for split in find_splits(root)]
        # Files can be sent as they are; pixels have to be encoded first.
        self._stores = [SplitReader(layout, form_of_files(layout), skip=True) for layout in layouts]
        self.manifest: Manifest | None = self._stores[0].layout.manifest
        self.keys: list[str] = []
        self._splits: list[int] = []
        self._areas: list[int] = []
        for number, store in enumerate(self._stores):
            for shard in range(len(store.shards)):
                self._add_shard(number, store, shard)

    def __len__(self) -> int:
        return len(self.keys)

    def header(self) -> dict[str, Any]:
        """Return what is said of the dataset as a whole."""
        image = self.about["fields"]["image"]["shape"]
        return {
            "name": self.name,
            "fingerprint": self.about["fingerprint"],
            "samples": len(self),
            "splits": [store.layout.split for store in self._stores],
            "fields": self.about["fields"],
            "bytes": self.about["bytes"],
            "estimator": (self.about["estimator"] or {}).get("name"),
            "statistics": self.manifest.statistics if self.manifest else {},
            "height": image[0],
            "width": image[1],
        }

    def table(self) -> bytes:
        """Return all samples as columns: length of a JSON header, the header, then what it lists, one after another.

        Columns are little-endian uint32 (`area`, `background`, `foreground`), uint8 (`split`), and the keys as text
        with a line each. Half a million samples take 20 MB and one request; every filter is then the page's own.
        """
        sources = [key_sources(key) or ("", "") for key in self.keys]
        names: dict[str, list[str]] = {}
        columns: dict[str, bytes] = {"area": np.array(self._areas, "<u4").tobytes()}
        for place, kind in enumerate(("background", "foreground")):
            names[f"{kind}s"] = sorted({pair[place] for pair in sources})
            number = {name: i for i, name in enumerate(names[f"{kind}s"])}
            columns[kind] = np.array([number[pair[place]] for pair in sources], "<u4").tobytes()
        columns["split"] = bytes(self._splits)
        columns["keys"] = "\n".join(self.keys).encode()
        sizes = {name: len(column) for name, column in columns.items()}
        header = json.dumps(self.header() | names | {"columns": sizes}).encode()
        header += b" " * (-len(header) % 4)  # so that columns of uint32 lie at multiples of four
        return struct.pack("<I", len(header)) + header + b"".join(columns.values())

    def picture(self, key: str, layer: str, side: int | None = None) -> tuple[bytes, str]:
        """Return one layer of a sample as a file, and its media type.

        Args:
            key: of the sample.
            layer: `image`; `mask`, tinted and clear elsewhere; fields of depth, in a perceptual colour map.
            side: of the square that it is fitted into, where it is larger, in pixels.

        Raises:
            UnknownKeyError: there is no such sample, or it has no such layer.
            ShardError: it is damaged.
        """
        store, number = self._find(key)
        shard, place = store.locate(number)
        reader = store.reader(shard)
        if layer not in store.shard_index(shard).fields:
            raise UnknownKeyError(f"{key!r} has no {layer}")
        height, width = reader.picture_size(place, layer)
        factor = min(1.0, side / max(height, width)) if side else 1.0
        size = max(1, round(height * factor)), max(1, round(width * factor))
        if layer == "image":
            if factor < 1:
                return encode_image(reader.read(place, "image", size), "jpg", QUALITY), "image/jpeg"
            data = reader.read_file(place, "image") or encode_image(reader.read(place, "image"), "png", 0)
            return data, "image/jpeg" if codec(data) == "jpg" else "image/png"
        if layer == "mask":
            return _tinted(reader.read(place, "mask", size)), "image/png"
        colours = resize_field("image", colour_depth(reader.read(place, layer)), size)
        return encode_image(colours, "jpg", QUALITY), "image/jpeg"

    def details(self, key: str) -> dict[str, Any]:
        """Return where a sample is, and its meta.

        Raises:
            UnknownKeyError: there is no such sample.
            ShardError: it is damaged.
        """
        store, number = self._find(key)
        shard, place = store.locate(number)
        return {
            "key": key,
            "split": store.layout.split,
            "shard": store.shards[shard].stem,
            "place": place,
            "meta": store.reader(shard).read(place, "meta") if "meta" in store.shard_index(shard).fields else {},
        }

    def choose(self, count: int, seed: int) -> "list[int]":
        """Return the numbers of `count` samples, taken at random, in order."""
        return sorted(random.Random(seed).sample(range(len(self)), min(count, len(self))))

    def row(self, number: int) -> dict[str, Any]:
        """Return one row of the table."""
        background, foreground = key_sources(self.keys[number]) or ("", "")
        return {
            "key": self.keys[number],
            "split": self._splits[number],
            "background": background,
            "foreground": foreground,
            "area": self._areas[number],
        }

    # --- parts of it --------------------------------------------------------------------------------------

    def _add_shard(self, split: int, store: SplitReader, shard: int) -> None:
        keys = store.keys_of_shard(shard)
        self.keys += keys
        self._splits += [split] * len(keys)
        record = store.record(shard)
        self._areas += record.mask_area_px if record else _read_areas(store, shard, len(keys))

    def _find(self, key: str) -> tuple[SplitReader, int]:
        for store in self._stores:
            try:
                return store, store.find(key)
            except UnknownKeyError:
                continue
        raise UnknownKeyError(f"{key!r} is none of the {len(self)} samples")


def _read_areas(store: SplitReader, shard: int, count: int) -> list[int]:
    """Return the mask areas that the samples' own meta tells; 0 where it does not."""
    if "meta" not in store.shard_index(shard).fields:
        return [0] * count
    reader = store.reader(shard)
    areas = (reader.read(place, "meta").get("mask_area_px") for place in range(count))
    return [area if isinstance(area, int) and 0 <= area < 2**32 else 0 for area in areas]


def _tinted(mask: Array) -> bytes:
    """Return a PNG of the mask's colour, clear where the mask is not."""
    import cv2

    tinted = np.zeros((*mask.shape, 4), np.uint8)
    tinted[..., :3] = TINT[::-1]
    tinted[..., 3] = mask
    _, data = cv2.imencode(".png", tinted, [cv2.IMWRITE_PNG_COMPRESSION, 2])
    return bytes(data.tobytes())

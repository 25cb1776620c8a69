"""Batches for training: cached views, cut-outs pasted on, cropped, and made to look like other people's photos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import distil
import numpy as np
import pairs
import torch
from cutouts import Cutout, load_clipart, load_rendered, paste, paste_before
from torch import Tensor
from torch.utils.data import IterableDataset

Array = np.ndarray
Rng = np.random.Generator
ASPECTS = (1.0, 1.0, 4 / 3, 4 / 3, 3 / 4, 16 / 9)  # width / height


class Views:
    """All shards of a folder in memory; `refresh` takes in what was rendered since."""

    def __init__(self, folder: Path, outdoors_frac: float) -> None:
        self.folder, self.outdoors_frac = folder, outdoors_frac
        self.shards: dict[Path, dict[str, Array]] = {}
        self.index: tuple[list[tuple[Path, int]], list[tuple[Path, int]]] = ([], [])  # rooms, outdoors
        self.refresh()

    def refresh(self) -> None:
        """Read the shards that are new."""
        for path in sorted(self.folder.glob("[0-9]*.npz")):
            if path not in self.shards:
                with np.load(path) as data:
                    self.shards[path] = {k: data[k] for k in ("rgb", "inverse_depth", "camera")}
                    for k, outdoors in enumerate(data["outdoors"]):
                        self.index[int(outdoors)].append((path, k))

    def draw(self, rng: Rng) -> tuple[Array, Array, Array]:
        """Return rgb, inverse depth and camera of a random view."""
        rooms, outdoors = self.index
        views = outdoors if outdoors and (not rooms or rng.random() < self.outdoors_frac) else rooms
        path, k = views[int(rng.integers(len(views)))]
        shard = self.shards[path]
        return shard["rgb"][k], shard["inverse_depth"][k].astype(np.float32), shard["camera"][k]


class Labelled:
    """Photos with the teacher's labels, or real pairs with measured depth, in memory; neither has a camera."""

    def __init__(self, pictures: Iterable[tuple[Array, Array]], chance: Array | None = None) -> None:
        self.pictures = list(pictures)
        self.chance = chance
        """Probability of each; None = all alike."""

    def draw(self, rng: Rng) -> tuple[Array, Array, None]:
        """Return rgb, inverse depth and no camera of a random picture."""
        rgb, inverse = self.pictures[int(rng.choice(len(self.pictures), p=self.chance))]
        return rgb, inverse.astype(np.float32), None

    @classmethod
    def pairs(cls, folder: Path, short_side: int = 288) -> Labelled:
        """Read the real pairs, shrunk to `short_side` pixels."""
        index = pairs.load_index(folder)
        pictures = []
        for rgb, inverse in (pair.read() for pair in index):
            scale = short_side / min(inverse.shape)
            if scale < 1:
                rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                inverse = cv2.resize(inverse, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            pictures.append((rgb, inverse.astype(np.float16)))
        return cls(pictures, pairs.weights([pair.scene for pair in index]))


@dataclass(frozen=True)
class Mix:
    """What a training run draws, as shares of its pictures. The path-traced views get what is left."""

    raycast: float = 0.12
    """Ray-cast scenes."""
    pairs: float = 0.0
    """Real pictures with measured depth."""
    labels: float = 0.0
    """Photos with the teacher's labels."""
    outdoors: float = 0.45
    """Of the path-traced views, those that are outdoors; there are fewer, but they are learnt worse than rooms."""
    pasted: float = 0.35
    """Of all pictures, those with cut-outs pasted on."""


class Batches(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Endless batches from step `first` on; batch `step` depends only on the seed, the step and what is rendered.

    Args:
        cache: folder of shards, labels and assets.
        size: step -> mean side of the crops in pixels.
        batch: images in one.
        first: number of the first step, for resuming.
        mix: what to draw.
        rgbd_train: folder of the real pairs; needed where the mix has a share of them.
        seed: of everything random.
        rank: which of the training processes this is.
    """

    def __init__(
        self,
        cache: Path,
        size: Any,
        batch: int,
        first: int,
        mix: Mix,
        rgbd_train: Path | None = None,
        seed: int = 0,
        rank: int = 0,
    ) -> None:
        if mix.pairs and rgbd_train is None:
            raise ValueError("the mix has real pairs; say in which folder they are")
        self.cache, self.size, self.batch, self.first, self.rank = cache, size, batch, first, rank
        self.mix, self.rgbd_train, self.seed = mix, rgbd_train, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield RGB (B, 3, H, W) float32 in [0, 1], inverse depth (B, H/2, W/2) float32 with NaN = unknown, soft (B,).

        `soft` is true for the teacher's labels, whose edges are blurred.
        """
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        pathtraced = Views(self.cache / "pathtraced", self.mix.outdoors)
        raycast = Views(self.cache / "raycast", self.mix.outdoors)
        real = Labelled.pairs(self.rgbd_train) if self.mix.pairs and self.rgbd_train else Labelled([])
        photos = Labelled([])
        pasted = [load_rendered(self.cache / "cutouts"), load_clipart(self.cache / "assets", np.random.default_rng(5))]
        step = self.first
        while True:
            if step % 50 == 0 or step == self.first:
                pathtraced.refresh()
                raycast.refresh()
                if self.mix.labels:
                    photos.pictures += distil.load(self.cache / "labels", len(photos.pictures))
                if not pasted[0]:
                    pasted[0] = load_rendered(self.cache / "cutouts")
            rng = np.random.default_rng([self.seed, self.rank, step])
            shape = crop_shape(np.random.default_rng([self.seed, step]), self.size(step))  # the same in every process
            images, targets, soft = [], [], []
            for _ in range(self.batch):
                kind = rng.random()
                source: Views | Labelled = pathtraced
                if kind < self.mix.pairs:
                    source = real
                elif kind < self.mix.pairs + self.mix.labels and photos.pictures:
                    source = photos
                elif kind < self.mix.pairs + self.mix.labels + self.mix.raycast and any(raycast.index):
                    source = raycast
                image, target = one(rng, source.draw(rng), pasted, self.mix.pasted, shape)
                images.append(image)
                targets.append(target)
                soft.append(source is photos)
            step += 1
            yield (
                torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255,
                torch.from_numpy(np.stack(targets)),
                torch.tensor(soft),
            )


def crop_shape(rng: Rng, size: int) -> tuple[int, int]:
    """Return (height, width) in multiples of 32 of about size^2 pixels."""
    aspect = ASPECTS[int(rng.integers(len(ASPECTS)))]
    return tuple(max(96, round(size * f / 32) * 32) for f in (aspect**-0.5, aspect**0.5))  # type: ignore[return-value]


def one(
    rng: Rng,
    view: tuple[Array, Array, Array | None],
    pasted: list[list[Cutout]],
    paste_frac: float,
    shape: tuple[int, int],
) -> tuple[Array, Array]:
    """Return (h, w, 3) uint8 and (h/2, w/2) float32."""
    rgb, inverse, camera = view
    if rng.random() < paste_frac:
        for _ in range(int(rng.choice([1, 1, 1, 2]))):
            kind = pasted[0] if pasted[0] and rng.random() < 0.75 else pasted[1]
            cutout = kind[int(rng.integers(len(kind)))]
            if camera is None:
                rgb, inverse = paste_before(rng, rgb, inverse, cutout)
            else:
                rgb, inverse = paste(rng, rgb, inverse, camera, cutout)
    rgb, inverse = crop(rng, rgb, inverse, shape)
    return photograph(rng, rgb), inverse


def crop(rng: Rng, rgb: Array, inverse: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Cut a random window of nearly the shape's aspect, mirror it half the time, resize."""
    height, width = inverse.shape
    aspect = shape[1] / shape[0] * np.exp(rng.normal(0, 0.06))
    tall = min(height, width / aspect) * (1.0 if rng.random() < 0.4 else rng.uniform(0.6, 1.0))
    h, w = min(int(tall), height), min(int(tall * aspect), width)
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    rgb, inverse = rgb[top : top + h, left : left + w], inverse[top : top + h, left : left + w]
    if rng.random() < 0.5:
        rgb, inverse = rgb[:, ::-1], inverse[:, ::-1]
    how = cv2.INTER_AREA if h > shape[0] else cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(inverse), (shape[1] // 2, shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(np.ascontiguousarray(rgb), (shape[1], shape[0]), interpolation=how), small


def photograph(rng: Rng, rgb: Array) -> Array:
    """Change light, colour, sharpness, grain and compression of (h, w, 3) uint8."""
    x = rgb.astype(np.float32) / 255
    if rng.random() < 0.8:
        x = x ** np.float32(np.exp(rng.normal(0, 0.2)))
        x = x * np.float32(np.exp(rng.normal(0, 0.15)))
        x = (x - 0.5) * np.float32(rng.uniform(0.65, 1.3)) + np.float32(0.5 + rng.normal(0, 0.05))
    if rng.random() < 0.7:
        grey = x @ np.array([0.3, 0.59, 0.11], np.float32)
        x = grey[..., None] + (x - grey[..., None]) * np.float32(rng.uniform(0.0, 1.7))
        x = x * np.exp(rng.normal(0, 0.1, 3)).astype(np.float32)
    if rng.random() < 0.06:  # night, under-exposed
        x = x * np.float32(rng.uniform(0.08, 0.35))
    if rng.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.3:  # enlarged from a small picture
        factor = rng.uniform(0.35, 0.8)
        tiny = cv2.resize(x, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        x = cv2.resize(tiny, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.25:  # sharpened by a camera
        x = x + np.float32(rng.uniform(0.3, 1.2)) * (x - cv2.GaussianBlur(x, (0, 0), 1.0))
    if rng.random() < 0.4:
        x = x + rng.normal(0, rng.uniform(0.005, 0.05), x.shape).astype(np.float32)
    image = (np.clip(x, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.4:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 92))])[1]
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image

"""Crops with known depth and the backbone's features of them, computed once: what the teacher's head learns from.

    features/KIND/NNNNN.npz   rgb (N, 224, 224, 3) uint8; inverse_depth (N, 112, 112) float16, NaN = unknown;
                              features (N, 4, 384, 16, 16) float16; scene (N,) names

Kinds are `pairs` (real pictures), `raycast` and `pathtraced`. A third of the crops hold pasted cut-outs. Each shard
depends only on its number, so that a stopped run goes on.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import torch
from cutouts import Cutout, load_clipart, load_rendered, paste, paste_before
from dino import Backbone
from pairs import Pair, load_index
from samples import crop, photograph
from shards import write

from fgbg_data.depth.tiny_net import normalise

Array = np.ndarray
Rng = np.random.Generator
SIDE = 224
PER_SHARD = 48
PASTE_FRAC = 0.33
KINDS = ("pairs", "raycast", "pathtraced")


def crops_of_pairs(rng: Rng, pairs: list[Pair], pasted: list[Cutout]) -> tuple[list[Array], list[Array], list[str]]:
    """Crop each picture once; return RGB, inverse depth and scene."""
    images, targets, scenes = [], [], []
    for pair in pairs:
        rgb, inverse = pair.read()
        if rng.random() < PASTE_FRAC:
            rgb, inverse = paste_before(rng, rgb, inverse, pasted[int(rng.integers(len(pasted)))])
        rgb, inverse = crop(rng, rgb, inverse, (SIDE, SIDE))
        images.append(photograph(rng, rgb))
        targets.append(inverse)
        scenes.append(pair.scene)
    return images, targets, scenes


def crops_of_shard(rng: Rng, path: Path, pasted: list[Cutout]) -> tuple[list[Array], list[Array], list[str]]:
    """Crop each view of a rendered shard once; return RGB, inverse depth and "outdoors" or "indoors"."""
    images, targets, scenes = [], [], []
    with np.load(path) as data:
        shard = {k: data[k] for k in ("rgb", "inverse_depth", "camera", "outdoors")}
    for k, camera in enumerate(shard["camera"]):
        rgb, inverse = shard["rgb"][k], shard["inverse_depth"][k].astype(np.float32)
        if rng.random() < PASTE_FRAC:
            rgb, inverse = paste(rng, rgb, inverse, camera, pasted[int(rng.integers(len(pasted)))])
        rgb, inverse = crop(rng, rgb, inverse, (SIDE, SIDE))
        images.append(photograph(rng, rgb))
        targets.append(inverse)
        scenes.append("outdoors" if shard["outdoors"][k] else "indoors")
    return images, targets, scenes


def compute(backbone: Backbone, images: list[Array], batch: int = 8) -> Array:
    """Return the features (N, 4, 384, h, w) float16 of (H, W, 3) uint8 pictures of one size."""
    out = []
    for start in range(0, len(images), batch):
        x = torch.from_numpy(np.stack(images[start : start + batch])).permute(0, 3, 1, 2).float() / 255
        out.append(backbone(normalise(x)).half().numpy())
    return np.concatenate(out)


def prepare(cache: Path, rgbd_train: Path, rounds: int = 2, kinds: tuple[str, ...] = KINDS) -> int:
    """Make the shards that are not there yet, of what is rendered by now; return how many were made."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    backbone = Backbone()
    pasted = load_rendered(cache / "cutouts") + load_clipart(cache / "assets", np.random.default_rng(5), 600)
    pairs = load_index(rgbd_train)
    made = 0
    for kind in kinds:
        folder = cache / "features" / kind
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "pairs":
            order = np.random.default_rng(3).permutation(len(pairs) * rounds) % len(pairs)
            numbers = list(range(-(-len(order) // PER_SHARD)))
        else:
            numbers = [int(p.stem) for p in sorted((cache / kind).glob("[0-9]*.npz"))]
        for number in numbers:
            path = folder / f"{number:05d}.npz"
            if path.exists():
                continue
            begin = time.perf_counter()
            rng = np.random.default_rng([31, number, len(kind)])
            if kind == "pairs":
                chosen = [pairs[k] for k in order[number * PER_SHARD : (number + 1) * PER_SHARD]]
                images, targets, scenes = crops_of_pairs(rng, chosen, pasted)
            else:
                images, targets, scenes = crops_of_shard(rng, cache / kind / path.name, pasted)
            write(
                path,
                rgb=np.stack(images),
                inverse_depth=np.stack(targets).astype(np.float16),
                features=compute(backbone, images),
                scene=np.array(scenes),
            )
            made += 1
            print(f"features {kind} {number}: {len(images)}, {time.perf_counter() - begin:.0f} s", flush=True)
    return made

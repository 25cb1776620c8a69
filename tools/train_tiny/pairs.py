"""Real pictures with inverse depth, as `index.csv` of a folder names them: FILE.jpg and FILE.depth.png.

Depth PNGs hold relative inverse depth, 16 bit, 0 = unknown. A scene is one room, street or table; its pictures look
alike, so that scenes and not pictures are counted when one is drawn.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

Array = np.ndarray
LEFT_OUT = ("boofv_", "boof_drone_park", "boofw_airplane")
"""Scenes whose names start so: close-ups of printed markers, and views from the air, whose depth is a plain ramp."""


@dataclass(frozen=True)
class Pair:
    """One picture of a scene."""

    file: Path
    """Path without its extension."""
    scene: str

    def read(self) -> tuple[Array, Array]:
        """Return (H, W, 3) uint8 RGB and (H, W) float32 inverse depth in [0, 1], NaN = unknown."""
        image = cv2.imread(f"{self.file}.jpg")
        codes = cv2.imread(f"{self.file}.depth.png", cv2.IMREAD_UNCHANGED)
        if image is None or codes is None:
            raise FileNotFoundError(f"{self.file}: expected .jpg and .depth.png")
        inverse = np.where(codes == 0, np.nan, codes.astype(np.float32) / 65535).astype(np.float32)
        if inverse.shape != image.shape[:2]:
            inverse = cv2.resize(inverse, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return image[..., ::-1].copy(), inverse


def load_index(folder: Path) -> list[Pair]:
    """Read the index, without the scenes that are left out."""
    with (folder / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    pairs = [Pair(folder / r["file"], f"{r['source']}/{r['scene']}") for r in rows]
    return [p for p in pairs if not p.scene.partition("/")[2].startswith(LEFT_OUT)]


def weights(scenes: list[str], power: float = 0.6) -> Array:
    """(n,) scenes -> (n,) float64 probabilities: a scene of n pictures is drawn n^(1 - power) times as often as one."""
    counts = {s: scenes.count(s) for s in set(scenes)}
    weight = np.array([counts[s] ** -power for s in scenes], np.float64)
    return weight / weight.sum()

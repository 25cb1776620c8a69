"""What scenes are furnished with: the catalogue, sorted by use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import textures
from scene import Array, Rng

Record = dict[str, Any]
PLANTS = ("plant", "ficus", "bamboo", "tulip", "flower", "lily", "orchid", "spathi", "yucca", "bonsai", "succulent")
HANGING = ("lamp", "light", "fan", "chandelier", "hood", "smoke", "cctv", "camera", "curtain", "blind", "shutter")
BARRIERS = ("tatami", "rug", "carpet", "mat", "parking", "arrow", "crossing", "rails", "sidewalk", "pool", "stair")


@dataclass(frozen=True)
class Library:
    """What scenes are furnished with, sorted by use."""

    folder: Path
    photos: list[Path]
    floor: dict[str, list[Record]]  # category -> things that stand on the floor
    seats: list[Record]
    tables: list[Record]
    small: list[Record]
    wall: list[Record]
    openings: list[Record]
    people: list[Record]
    plants: list[Record]
    vehicles: list[Record]
    outdoor: list[Record]

    @classmethod
    def build(cls, assets: Path, index: list[Record]) -> Library:
        """Sort the catalogue."""
        out: dict[str, list[Record]] = {
            k: [] for k in ("seats", "tables", "small", "wall", "openings", "people", "plants", "vehicles", "outdoor")
        }
        floor: dict[str, list[Record]] = {}
        for record in index:
            name, category = record["name"].lower(), record["category"]
            width, height, depth = record["size"]
            widest = max(width, depth)
            if record["opening"] or category == "Doors and windows":
                if height > 0.6 and widest < 4:
                    out["openings"].append(record)
            elif category == "Characters":
                out["people"].append(record)
            elif category == "Vehicles":
                out["vehicles"].append(record)
            elif any(p in name for p in BARRIERS):
                continue
            elif any(p in name for p in PLANTS):
                out["plants"].append(record)
            elif category == "Exterior":
                out["outdoor"].append(record)
            elif record["elevation"] > 0.7 and height < 1.5 and depth < 0.7:
                if not any(h in name for h in HANGING):
                    out["wall"].append(record)
            elif max(width, height, depth) < 0.5:
                out["small"].append(record)
            elif 0.25 < height < 2.6 and 0.2 < widest < 3.2 and record["elevation"] < 0.1:
                if "chair" in name or "stool" in name or "seat" in name:
                    out["seats"].append(record)
                if ("table" in name or "desk" in name) and height < 1.2 and widest > 0.6:
                    out["tables"].append(record)
                floor.setdefault(category, []).append(record)
        return cls(folder=assets / "models", photos=sorted((assets / "photos").glob("*.jpg")), floor=floor, **out)

    def pick(self, rng: Rng, kind: str) -> Record:
        """Draw one record of a kind such as "small"."""
        records: list[Record] = getattr(self, kind)
        return records[int(rng.integers(len(records)))]


def colour01(rng: Rng, low: float = 0.03, high: float = 0.8) -> Array:
    """(3,) float32 linear colour in [0, 1]."""
    return (np.clip(textures.colour(rng, int(255 * low), int(255 * high), 0.8) / 255, 0.02, 0.9) ** 1.8).astype(
        np.float32
    )

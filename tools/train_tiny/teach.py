"""Train the teacher's head on cached features: real pairs, ray-cast scenes and path-traced views together."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from losses import loss
from pairs import weights
from teacher_net import Head
from torch import Tensor, nn

from fgbg_data.depth.tiny_net import normalise

BATCH = 16
RATE = 1e-3
EMA = 0.99
SHARES = {"pairs": 0.4, "raycast": 0.12, "pathtraced": 0.48}
OUTDOORS_SHARE = 0.45
"""Of the path-traced views; there are fewer."""

Array = np.ndarray


class Crops:
    """Every crop of the shards of `features.py` in memory, with the probability of drawing it."""

    def __init__(self, folder: Path) -> None:
        parts: dict[str, list[Array]] = {k: [] for k in ("rgb", "inverse_depth", "features")}
        chances = []
        for kind, share in SHARES.items():
            scenes: list[str] = []
            for path in sorted((folder / kind).glob("[0-9]*.npz")):
                with np.load(path) as data:
                    for key, part in parts.items():
                        part.append(data[key])
                    scenes += data["scene"].tolist()
            if not scenes:
                raise FileNotFoundError(f"{folder / kind}: no shards; run the stage `features` first")
            if kind == "pathtraced":
                outdoors = np.array([s == "outdoors" for s in scenes])
                chance = np.where(outdoors, OUTDOORS_SHARE / max(outdoors.sum(), 1), 0)
                chance += np.where(~outdoors, (1 - OUTDOORS_SHARE) / max((~outdoors).sum(), 1), 0)
            else:
                chance = weights(scenes)
            chances.append(share * chance)
            print(f"{kind}: {len(scenes)} crops", flush=True)
        chance = np.concatenate(chances)
        self.chance = chance / chance.sum()
        self.parts = {k: [torch.from_numpy(a) for part in parts[k] for a in part] for k in parts}

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return features (B, 4, 384, h, w), RGB (B, 3, H, W) in [0, 1], inverse depth (B, H/2, W/2), half mirrored."""
        chosen = rng.choice(len(self.chance), count, p=self.chance)
        rgb, inverse, features = (torch.stack([self.parts[k][i] for i in chosen]) for k in self.parts)
        images = rgb.permute(0, 3, 1, 2).float() / 255
        flip = torch.from_numpy(rng.random(count) < 0.5)
        features, images, inverse = (torch.where(_like(flip, x), x.flip(-1), x) for x in (features, images, inverse))
        return features.float(), images, inverse.float()


def _like(flags: Tensor, x: Tensor) -> Tensor:
    return flags.view(-1, *[1] * (x.ndim - 1))


def fit(cache: Path, steps: int, name: str = "teacher") -> Path:
    """Train, or go on training; return the checkpoint, whose `ema` is the averaged head."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = cache / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.pt"
    crops = Crops(cache / "features")
    head = Head()
    ema = {k: v.clone() for k, v in head.state_dict().items()}
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.05)
    step = 0
    if last.exists():
        state = torch.load(last, map_location="cpu", weights_only=True)
        head.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        ema, step = state["ema"], state["step"]
    running, begin = 0.0, time.perf_counter()
    while step < steps:
        features, images, inverse = crops.draw(np.random.default_rng([41, step]), BATCH)
        optimizer.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 30) * 0.5 * (1 + math.cos(math.pi * step / steps))
        features = features * (torch.rand(BATCH, 4, features.shape[2], 1, 1) > 0.1) / 0.9
        value = loss(head(features, normalise(images)), inverse)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 2.0)
        optimizer.step()
        step += 1
        decay = min(EMA, step / (step + 10))
        with torch.no_grad():
            for key, tensor in head.state_dict().items():
                ema[key].lerp_(tensor, 1 - decay)
        running = 0.97 * running + 0.03 * value.item() if running else value.item()
        if step % 50 == 0 or step == steps:
            line = {"step": step, "loss": round(running, 4), "s": round(time.perf_counter() - begin)}
            print(json.dumps(line), flush=True)
        if step % 100 == 0 or step == steps:
            state: dict[str, Any] = {
                "net": head.state_dict(),
                "ema": ema,
                "optimizer": optimizer.state_dict(),
                "step": step,
            }
            torch.save(state, folder / "partial.pt")
            (folder / "partial.pt").replace(last)
    return last

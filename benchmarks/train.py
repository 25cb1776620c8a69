"""How fast is training? Against the notebook way, with the same network, batch, workers and machine.

    python benchmarks/train.py SHARDS

(a) the loader alone, samples/s: loose files opened and resized by PIL in a DataLoader (the notebook way), against the
    trainer's stream, in the first epoch (decoding from shards) and in later ones (from the cache of resized samples).
(b) the whole loop, samples/s and share of the time spent waiting for data: the notebook way is float32, the default
    memory layout, and the same losses and optimizer; the trainer's is `fit` as it is, with augmentation and metrics.
(c) with a GPU: `fit` in float32 against `--precision bf16 --compile`.

Images are stored loose as the notebooks stored them: JPEG image, JPEG mask, JPEG depth. Best of three rounds, both
sides taking turns. Let nothing else run.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from fgbg_data import open_dataset
from fgbg_train import FitConfig, fit, losses, plan_fit
from fgbg_train.config import LossConfig
from fgbg_train.data.batches import BatchReader
from fgbg_train.data.loader import Loader
from fgbg_train.data.order import EpochOrder
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item, Segment
from fgbg_train.devices import resolve_device
from fgbg_train.models.build import build_cascade
from fgbg_train.run.log import read_rows

ROUNDS = 3


class LooseFiles(Dataset[tuple[torch.Tensor, ...]]):
    """The notebook way: three JPEG files a sample, opened and resized by PIL."""

    def __init__(self, folder: Path, count: int, size_px: int) -> None:
        self.folder, self.count, self.size_px = folder, count, size_px

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        found = []
        for name, mode in (("image", "RGB"), ("mask", "L"), ("depth", "L")):
            with Image.open(self.folder / f"{index:06d}.{name}.jpg") as picture:
                small = picture.convert(mode).resize((self.size_px, self.size_px))
            array = np.asarray(small, np.float32) / 255
            found.append(torch.from_numpy(array.transpose(2, 0, 1).copy() if array.ndim == 3 else array[None].copy()))
        return tuple(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    device = resolve_device("auto")
    print(f"{os.cpu_count()} cores, {device}, {options.samples} samples of {options.size} px, batch {options.batch}\n")
    with tempfile.TemporaryDirectory(prefix="fgbg-bench-") as folder:
        count = write_loose(options.shards, Path(folder) / "loose", options.samples)
        compare_loaders(options, Path(folder), count)
        compare_loops(options, Path(folder), count, device)


def write_loose(shards: Path, folder: Path, samples: int) -> int:
    """Unpack train to loose JPEG files; return how many samples."""
    folder.mkdir()
    dataset = open_dataset(shards, "train", fields=("image", "mask", "depth"))
    count = min(samples, len(dataset))
    for index in range(count):
        sample = dataset[index]
        grey = np.round(sample.depth * 255).astype(np.uint8)
        for name, picture in (("image", sample.image[..., ::-1]), ("mask", sample.mask), ("depth", grey)):
            cv2.imwrite(str(folder / f"{index:06d}.{name}.jpg"), picture)
    return count


# --- (a) the loader alone -----------------------------------------------------------------------------------


def compare_loaders(options: argparse.Namespace, folder: Path, count: int) -> None:
    """Print samples/s of both loaders."""
    rates: dict[str, list[float]] = {"loose files, PIL": [], "first epoch, shards": [], "later epochs, cache": []}
    for number in range(options.rounds):
        loose = LooseFiles(folder / "loose", count, options.size)
        loader = DataLoader(loose, options.batch, shuffle=True, num_workers=options.workers, drop_last=True)
        rates["loose files, PIL"].append(rate(iter(loader), options.batch))
        config = quick(options, f"1@{options.size}x{options.batch},1@{options.size}x{options.batch}")
        plan = plan_fit(options.shards, config, out=folder / f"loader{number}")
        for cache in plan.caches:
            cache.create()
        for name in ("first epoch, shards", "later epochs, cache"):
            rates[name].append(rate(epoch_batches(plan.readers["train"], options, count), options.batch))
    print("| loader alone | samples/s | against loose files |\n|---|---|---|")
    base = max(rates["loose files, PIL"])
    for name, found in rates.items():
        print(f"| {name} | {max(found):.0f} | {max(found) / base:.2f}x |")
    print()


def epoch_batches(reader: SampleReader, options: argparse.Namespace, count: int) -> Iterator[Any]:
    """One epoch of the trainer's loader."""
    order = EpochOrder(count, 0, 0).take(range(count // options.batch * options.batch))
    items = [Item("train", i, options.size, options.size) for i in order]
    batches = [items[i : i + options.batch] for i in range(0, len(items), options.batch)]
    loader = Loader(BatchReader({"train": reader}, skip_errors=False), workers=options.workers)
    return loader.read([Segment("train", frozenset({options.size}), batches)])


def rate(batches: Iterator[Any], batch: int) -> float:
    """Samples/s after the first batch, so that starting workers does not count for either side."""
    next(batches)
    started, seen = time.monotonic(), 0
    for _ in batches:
        seen += batch
    return seen / (time.monotonic() - started)


# --- (b), (c) the whole loop --------------------------------------------------------------------------------


def quick(options: argparse.Namespace, schedule: str, **settings: Any) -> FitConfig:
    """The preset `small` at one size."""
    base = {"schedule": schedule, "workers": options.workers, "limit": options.samples, "model": {"start": "random"}}
    return FitConfig.preset("small", **base, **settings)


def compare_loops(options: argparse.Namespace, folder: Path, count: int, device: str) -> None:
    """Print samples/s and share of waiting of both loops."""
    ours: dict[str, dict[str, Any]] = {"fit": {}}
    if device == "cuda":
        ours["fit --precision bf16 --compile"] = {"precision": "bf16", "compile": True}
    found: dict[str, list[tuple[float, float]]] = {"notebook": [], **{name: [] for name in ours}}
    for number in range(options.rounds):
        found["notebook"].append(notebook_loop(options, folder / "loose", count, device))
        for name, settings in ours.items():
            schedule = f"3@{options.size}x{options.batch}"
            run = fit(options.shards, quick(options, schedule, **settings), out=folder / f"{len(name)}-{number}")
            last = [row for row in read_rows(run / "log.csv") if row["split"] == "train"][-1]
            found[name].append((float(last["samples_per_s"]), float(last["waiting_frac"])))
    print("| whole loop | samples/s | waiting for data | against the notebook |\n|---|---|---|---|")
    base = max(found["notebook"])[0]
    for name, rows in found.items():
        speed, waiting = max(rows)
        print(f"| {name} | {speed:.1f} | {waiting:.1%} | {speed / base:.2f}x |")


def notebook_loop(options: argparse.Namespace, loose: Path, count: int, device: str) -> tuple[float, float]:
    """Train one epoch the notebook way; return samples/s and share of waiting, after the first step."""
    torch.manual_seed(0)
    model = build_cascade(quick(options, f"1@{options.size}x{options.batch}").model).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    files = LooseFiles(loose, count, options.size)
    batches = iter(DataLoader(files, options.batch, shuffle=True, num_workers=options.workers, drop_last=True))
    started, waited, seen = time.monotonic(), 0.0, -options.batch
    while True:
        asked = time.monotonic()
        batch = next(batches, None)
        waited += time.monotonic() - asked
        if batch is None:
            break
        image, mask, depth = (x.to(device) for x in batch)
        optimizer.zero_grad()
        loss = torch.stack(list(losses.terms(model(image), mask, depth, LossConfig()).values())).sum()
        loss.backward()
        optimizer.step()
        loss.item()
        seen += options.batch
        if not seen:
            started, waited = time.monotonic(), 0.0
    seconds = time.monotonic() - started
    return seen / seconds, waited / seconds


if __name__ == "__main__":
    main()

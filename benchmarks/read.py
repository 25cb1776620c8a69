"""How fast can samples be read? Our tar and HDF5 against webdataset, MosaicML Streaming, LitData and loose files.

    python -m venv .venv-bench && .venv-bench/bin/pip install '.[bench]'
    .venv-bench/bin/python benchmarks/read.py

It draws the demo's pictures and builds a dataset of them, and gives every contestant the same JPEG and PNG bytes:
tars for webdataset, MDS shards, LitData chunks, and loose files, which PIL opens and resizes as in a notebook. The
others leave decoding to the user: cv2 decodes for them, and `cv2.resize` by area makes the smaller size. All of them
give uint8 image and mask and float32 depth, in batches of a torch DataLoader (LitData has its own) whose workers hand
over a count alone, so that pickling of pixels weighs on nobody. 1 process reads where it is; 2 are two workers.

Every reader's samples are compared with ours first: equal to the bit at full size, alike at 64 px. Each figure is the
best of three rounds, all sides taking turns; the epoch before warms workers and page cache. Let nothing else run.
"""

import argparse
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import webdataset
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from fgbg_data import open_dataset

ROUNDS = 3
BATCH = 32
FILES = {"image": "jpg", "mask": "mask.png", "depth": "depth.png"}
ALL = tuple(FILES)


class Task(NamedTuple):
    """What is read: fields, and the size in px, 0 for as stored."""

    fields: tuple[str, ...]
    size_px: int


TASKS = {"224 px": Task(ALL, 0), "64 px": Task(ALL, 64), "64 px, image": Task(("image",), 64)}


@dataclass(frozen=True)
class Contestant:
    """One way to read: makes a loader of a task for a number of worker processes."""

    name: str
    loader: Callable[[Task, int, Callable[[list[Any]], Any]], Iterable[Any]]
    peer: bool = False
    """A reader of another library. Ratios at full size are those to the fastest of these."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--keep", type=Path, help="folder for what is built, which another run then takes up")
    parser.add_argument("--only", default="", help="contestants whose names hold this")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(
        f"{len(os.sched_getaffinity(0))} cores, {options.samples} samples, best of {options.rounds}, warm page cache\n"
    )
    with tempfile.TemporaryDirectory(prefix="fgbg-bench-") as folder:
        home = options.keep or Path(folder)
        build(home, "full", options.samples)
        contestants = [c for c in prepared(home) if options.only in c.name]
        check(contestants, home)
        compare(contestants, options)
        build(home, "half", options.samples)
        depth_codec(home, options)


# --- contestants ----------------------------------------------------------------------------------------------


def prepared(home: Path) -> list[Contestant]:
    """Write what each contestant reads, and return those that are installed."""
    shards = home / "full"
    found = []
    for fmt in ("tar", "hdf5"):
        for order in ("random", "sequential"):
            found.append(Contestant(f"fgbg {fmt}, {order}", functools.partial(ours, shards, fmt, order)))
    found.append(Contestant("webdataset, sequential", functools.partial(stock_webdataset, shards), peer=True))
    for name, package, write, read in (
        ("mosaicml-streaming, sequential", "streaming", write_mds, mosaic),
        ("litdata, sequential", "litdata", write_litdata, litdata),
    ):
        if importlib.util.find_spec(package) is None:
            print(f"{name.partition(',')[0]} is not installed and left out: pip install '.[bench]'\n")
            continue
        folder = home / package
        if not folder.exists():
            write(shards, folder)
        found.append(Contestant(name, functools.partial(read, folder), peer=True))
    if not (home / "loose").exists():
        write_loose(shards, home / "loose")
    for order in ("random", "sequential"):
        found.append(Contestant(f"loose files by PIL, {order}", functools.partial(loose, home / "loose", order)))
    return found


def ours(shards: Path, fmt: str, order: str, task: Task, workers: int, collate: Any) -> Iterable[Any]:
    dataset = open_dataset(shards, fields=task.fields, size=task.size_px or None, format=fmt)
    return map_style(dataset, len(dataset), order, workers, collate)


def loose(folder: Path, order: str, task: Task, workers: int, collate: Any) -> Iterable[Any]:
    dataset = LooseFiles(folder, task)
    return map_style(dataset, len(dataset), order, workers, collate)


def map_style(dataset: Any, count: int, order: str, workers: int, collate: Any) -> Iterable[Any]:
    sampler = np.random.default_rng(0).permutation(count).tolist() if order == "random" else range(count)
    keep = workers > 0
    return DataLoader(dataset, BATCH, sampler=sampler, num_workers=workers, collate_fn=collate, persistent_workers=keep)


def stock_webdataset(shards: Path, task: Task, workers: int, collate: Any) -> Iterable[Any]:
    urls = sorted(str(path) for path in shards.glob("train/*.tar"))
    dataset = webdataset.WebDataset(urls, shardshuffle=False).map(functools.partial(decoded, task))
    return DataLoader(dataset, BATCH, num_workers=workers, collate_fn=collate, persistent_workers=workers > 0)


def mosaic(folder: Path, task: Task, workers: int, collate: Any) -> Iterable[Any]:
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()

    class Decoded(StreamingDataset):
        def __getitem__(self, at: Any) -> Any:
            return decoded(task, super().__getitem__(at))

    dataset = Decoded(local=str(folder), shuffle=False, batch_size=BATCH)
    return DataLoader(dataset, BATCH, num_workers=workers, collate_fn=collate, persistent_workers=workers > 0)


def litdata(folder: Path, task: Task, workers: int, collate: Any) -> Iterable[Any]:
    from litdata import StreamingDataLoader, StreamingDataset

    dataset = StreamingDataset(str(folder), shuffle=False, transform=functools.partial(decoded, task))
    return StreamingDataLoader(
        dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate, persistent_workers=workers > 0
    )


def decoded(task: Task, files: dict[str, Any]) -> dict[str, Any]:
    """Decode and resize as one does with libraries that give bytes."""
    found: dict[str, Any] = {"key": files["__key__"]}
    for field in task.fields:
        flag = cv2.IMREAD_COLOR_RGB if field == "image" else cv2.IMREAD_UNCHANGED
        array = cv2.imdecode(np.frombuffer(files[FILES[field]], np.uint8), flag)
        if field == "depth":
            array = (array >> 4).astype(np.float32) / np.float32(4095)
        if task.size_px:
            array = cv2.resize(array, (task.size_px, task.size_px), interpolation=cv2.INTER_AREA)
        found[field] = array
    return found


class LooseFiles(Dataset[dict[str, Any]]):
    """Read as the notebooks do: one file for each field, opened and resized by PIL."""

    def __init__(self, folder: Path, task: Task) -> None:
        self.folder, self.task = folder, task
        self.keys = sorted(path.stem for path in folder.glob("*.jpg"))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict[str, Any]:
        found: dict[str, Any] = {"key": self.keys[index]}
        for field in self.task.fields:
            with Image.open(self.folder / f"{self.keys[index]}.{FILES[field]}") as picture:
                if self.task.size_px:
                    picture = picture.resize((self.task.size_px, self.task.size_px))
                array = np.asarray(picture)
            if field == "depth":
                array = (array >> 4).astype(np.float32) / np.float32(4095)
            found[field] = array
        return found


# --- what they read -------------------------------------------------------------------------------------------


def build(home: Path, depth_size: str, samples: int) -> None:
    """Build `folder/DEPTH_SIZE` of the demo's pictures, all of it train."""
    shards = home / depth_size
    if (shards / "preview.png").exists():
        return
    command = [sys.executable, "-m", "fgbg_data.cli"]
    subprocess.run([*command, "demo", str(home / "demo")], check=True, stdout=subprocess.DEVNULL)
    sources = ["--bg", str(home / "demo" / "bg"), "--fg", str(home / "demo" / "fg"), "--out", str(shards)]
    counts = ["--samples", str(samples), "--shard-size", str(max(1, samples // 4))]
    splits = ["--holdout", "sample", "--val", "0", "--test", "0"]
    layout = ["--format", "tar,hdf5", "--depth-size", depth_size]
    subprocess.run([*command, "build", *sources, *counts, *splits, *layout], check=True, capture_output=True)


def files_of(shards: Path) -> Iterator[dict[str, Any]]:
    """Give the key and files of every sample of the tars, in their order."""
    for path in sorted(shards.glob("train/*.tar")):
        yield from webdataset.WebDataset(str(path), shardshuffle=False)


def write_loose(shards: Path, folder: Path) -> None:
    folder.mkdir()
    for files in files_of(shards):
        for suffix in FILES.values():
            (folder / f"{files['__key__']}.{suffix}").write_bytes(files[suffix])


def write_mds(shards: Path, folder: Path) -> None:
    from streaming import MDSWriter

    columns = {"__key__": "str", **dict.fromkeys(FILES.values(), "bytes")}
    with MDSWriter(out=str(folder), columns=columns) as out:
        for files in files_of(shards):
            out.write({name: files[name] for name in columns})


def write_litdata(shards: Path, folder: Path) -> None:
    from litdata import optimize

    paths = sorted(str(path) for path in shards.glob("train/*.tar"))
    how = {"chunk_bytes": "64MB", "num_workers": 1, "start_method": "fork", "verbose": False}
    optimize(fn=litdata_samples, inputs=paths, output_dir=str(folder), **how)


def litdata_samples(path: str) -> Iterator[dict[str, Any]]:
    for files in webdataset.WebDataset(path, shardshuffle=False):
        yield {name: files[name] for name in ("__key__", *FILES.values())}


# --- the comparison -------------------------------------------------------------------------------------------


def check(contestants: list[Contestant], home: Path) -> None:
    """Stop unless every reader gives every sample, with the pixels that ours gives."""
    for task in (TASKS["224 px"], TASKS["64 px"]):
        expected = {s.key: s for s in open_dataset(home / "full", fields=ALL, size=task.size_px or None, format="tar")}
        for contestant in contestants:
            seen = set()
            for batch in contestant.loader(task, 0, list):
                for sample in batch:
                    key = sample["key"]
                    seen.add(key)
                    for field in ALL:
                        if not alike(sample[field], expected[key][field], exactly=not task.size_px):
                            sys.exit(f"{contestant.name} reads another {field} of {key} at {task.size_px} px")
            if seen != expected.keys():
                sys.exit(f"{contestant.name} reads {len(seen)} of {len(expected)} samples")
    print("every reader gives the same pixels: to the bit at full size, at 64 px within 4 % on average\n")


def alike(one: np.ndarray, other: np.ndarray, *, exactly: bool) -> bool:
    """Compare pixels; smaller sizes differ by the filter that shrinks."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if exactly:
        return bool(np.array_equal(one, other))
    span = 1 if one.dtype == np.float32 else 255
    return bool(np.abs(one.astype(np.float32) - other).mean() <= 0.04 * span)


def compare(contestants: list[Contestant], options: argparse.Namespace) -> None:
    """Print samples/s and ratios."""
    columns = [(name, workers) for name in TASKS for workers in (0, 2)]
    best = {(c.name, column): 0.0 for c in contestants for column in columns}
    for _ in range(options.rounds):
        for name, workers in columns:
            for contestant in contestants:
                speed = rate(contestant.loader(TASKS[name], workers, len), options.samples)
                cell = contestant.name, (name, workers)
                best[cell] = max(best[cell], speed)
    heads = [f"{name}, {max(1, workers)} process{'es' if workers else ''}" for name, workers in columns]
    print("| samples/s (ratio) | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    for contestant in contestants:
        cells = []
        for column in columns:
            speed, base = best[contestant.name, column], base_of(contestants, best, column)
            cells.append(f"{speed:.0f} ({speed / base:.2f}x)" if base else f"{speed:.0f}")
        print(f"| {contestant.name} | " + " | ".join(cells) + " |")
    print("\nRatios at 224 px are to the fastest other library, at 64 px to loose files in random order.\n")


def base_of(contestants: list[Contestant], best: dict[Any, float], column: tuple[str, int]) -> float | None:
    """Return what 1.00x is in a column."""
    if column[0] == "224 px":
        return max((best[c.name, column] for c in contestants if c.peer), default=None)
    return best.get(("loose files by PIL, random", column))


def rate(loader: Iterable[Any], samples: int) -> float:
    """Samples/s of an epoch, after one that warms everything up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sum(loader)
        started = time.perf_counter()
        seen = sum(loader)
        seconds = time.perf_counter() - started
    if seen != samples:
        sys.exit(f"{loader} gave {seen} of {samples} samples")
    return samples / seconds


def depth_codec(home: Path, options: argparse.Namespace) -> None:
    """Print what depth costs, and what storing it at half the size would bring."""
    print("| fgbg, random, 1 process, samples/s | kB a sample | image and mask, 224 px | with depth | at 64 px |")
    print("|---|---|---|---|---|")
    tasks = [Task(("image", "mask"), 0), Task(ALL, 0), Task(ALL, 64)]
    for fmt, suffix in (("tar", "tar"), ("hdf5", "h5")):
        for depth_size in ("full", "half"):
            shards = home / depth_size
            size = sum(path.stat().st_size for path in shards.glob(f"train/*.{suffix}")) / options.samples
            speeds = [
                max(rate(ours(shards, fmt, "random", task, 0, len), options.samples) for _ in range(options.rounds))
                for task in tasks
            ]
            cells = " | ".join(f"{speed:.0f}" for speed in speeds)
            print(f"| {fmt}, depth of {depth_size} size | {size / 1000:.1f} | {cells} |")


if __name__ == "__main__":
    main()

"""Measure what grows with the number of shards: a plan of a billion samples in a million shards, made by 10,000 parts.

    python benchmarks/scale.py --shards 1000000 --parts 10000

The plan, the part, the listing, the manifest and the tables are those of such a dataset. The shards themselves are
empty files, because their 40 TB would say nothing more, except for the finishing: that is measured with full records of
1000 samples and given for all of them. Each step runs in a process of its own, whose largest memory is shown.
"""

import argparse
import dataclasses
import hashlib
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data import BuildConfig, build, build_status, open_dataset, write_demo
from fgbg_data.building.build import BuildMaker
from fgbg_data.building.prepare import prepare
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.record import ShardRecord, record_path, shard_stem
from fgbg_data.dataset.shard_table import ShardTable, TableInfo, row_type
from fgbg_data.writing.part import Part

PER_SHARD = 1000


def billion(root: Path, shards: int) -> BuildConfig:
    """Return a build of the demo pictures with so many positions that it has this many full shards."""
    pairs = 12 * 12 * 2
    return BuildConfig(
        bg=root / "demo/bg",
        fg=root / "demo/fg",
        out=root / "out",
        size=48,
        depth="none",
        positions=-(-shards * PER_SHARD // pairs),
        samples=shards * PER_SHARD,
        val=0.0,
        test=0.0,
    )


def measured(name: str, step: Callable[..., str], *arguments: object) -> None:
    """Run a step in a process of its own; print its time, its memory and what it says."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(send, step, arguments))
    process.start()
    seconds, busy, megabytes, text = receive.recv()
    process.join()
    print(f"{name:<32} {seconds:7.2f} s ({busy:6.2f} s busy) {megabytes:6.0f} MB  {text}", flush=True)


def _child(send: Any, step: Callable[..., str], arguments: tuple[object, ...]) -> None:
    started, before = time.monotonic(), time.process_time()
    text = step(*arguments)
    seconds, busy = time.monotonic() - started, time.process_time() - before
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    send.send((seconds, busy, int(found.split()[1]) / 1024, text))


def nothing() -> str:
    return "(imports alone)"


def one_part(root: Path, shards: int, parts: int) -> str:
    maker = BuildMaker(prepare(billion(root, shards), False), Part(7, parts))
    finished, todo = maker.find_finished(Part(7, parts).of(maker.tasks))
    return f"checks its sources, finds {len(finished)} of {len(finished) + len(todo)} shards finished"


def status(root: Path) -> str:
    found = build_status(root / "out")
    return f"{found.finished:,} of {found.shards:,} shards"


def open_all(root: Path) -> str:
    dataset = open_dataset(root / "out", fields="image,mask")
    return f"{len(dataset):,} samples"


def read_manifest(root: Path) -> str:
    manifest = Manifest.read(root / "out")
    return f"{(root / 'out/dataset.json').stat().st_size:,} bytes of JSON, {len(manifest.shards):,} shards"


def finish(root: Path, shards: int, records: int) -> str:
    """Find the finished shards of a small dataset whose shards are full."""
    config = dataclasses.replace(billion(root, records), out=root / "full")
    maker = BuildMaker(prepare(config, False))
    started = time.monotonic()
    finished, _ = maker.find_finished()
    each = (time.monotonic() - started) / max(1, len(finished))
    size = record_path(root / "full", "train", 0).stat().st_size
    whole = f"{each * shards / 60:.0f} min for {shards:,} shards on one core"
    return f"{each * 1000:.2f} ms and {size:,} bytes a record: {whole}"


def write_empty_shards(root: Path, shards: int) -> None:
    """Write the plan, and an empty record and an empty shard for each of its shards but the last."""
    maker = BuildMaker(prepare(billion(root, shards), False))
    folder = root / "out" / "train"
    folder.mkdir(parents=True)
    maker.write_plan()
    for index in range(shards - 1):
        for suffix in (".json", ".tar"):
            (folder / f"{shard_stem('train', index)}{suffix}").touch()


def write_complete_manifest(root: Path, shards: int) -> None:
    stem = root / "out" / "train" / shard_stem("train", shards - 1)
    stem.with_suffix(".json").touch()
    stem.with_suffix(".tar").touch()
    rows = np.zeros(shards, row_type(1))
    rows["samples"] = PER_SHARD
    rows["sha256"] = np.frombuffer(hashlib.sha256(b"").digest(), np.uint8)
    table = ShardTable({"train": TableInfo(sha256="", shards=shards, suffixes={"tar": ".tar"})}, rows={"train": rows})
    manifest = dataclasses.replace(Manifest.read(root / "out"), complete=True, shards=table)
    manifest.write(root / "out")


def write_full_records(root: Path, records: int) -> None:
    """Build one full shard, and copy its record and its file to as many others."""
    config = dataclasses.replace(billion(root, records), out=root / "full")
    first = dataclasses.replace(config, samples=PER_SHARD, positions=4, out=root / "first")
    build(first, progress=False)
    maker = BuildMaker(prepare(config, False))
    record = ShardRecord.read(record_path(root / "first", "train", 0))
    for index in range(records):
        files = {
            name: dataclasses.replace(file, name=f"{shard_stem('train', index)}.tar")
            for name, file in record.files.items()
        }
        copy = dataclasses.replace(record, fingerprint=maker.manifest.fingerprint, index=index, files=files)
        copy.write(root / "full")
        with (root / "full" / "train" / f"{shard_stem('train', index)}.tar").open("wb") as stream:
            stream.truncate(record.files["tar"].bytes)  # a sparse file of the right size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="a folder with this many free inodes x 2")
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="fgbg-scale-", dir=asked.folder))
    try:
        write_demo(root / "demo")
        measured("nothing", nothing)
        measured("one part, in a new folder", one_part, root, asked.shards, asked.parts)
        write_empty_shards(root, asked.shards)
        measured("--status", status, root)
        write_complete_manifest(root, asked.shards)
        measured("the manifest", read_manifest, root)
        measured("one part, in a complete folder", one_part, root, asked.shards, asked.parts)
        measured("open_dataset", open_all, root)
        write_full_records(root, asked.records)
        measured("find what is finished", finish, root, asked.shards, asked.records)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

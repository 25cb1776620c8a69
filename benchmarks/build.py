"""How fast is a build? Against the notebook way, and against the bare estimator.

    python benchmarks/build.py --bg BACKGROUNDS --fg FOREGROUNDS

(a) `--depth none` against the way of the notebooks that this replaces: one process; for each pair of pictures both
    are decoded once; for each sample a float64 blend in a Python loop over three channels, then `cv2.imwrite` of a
    loose JPEG image and a loose JPEG mask. Beside it, what a build could be at best: its composing, encoding,
    decoding, digests and sums alone, with nothing planned and nothing written. Of many samples, as datasets have:
    what loose files cost shows when they no longer fit into the page cache.
(b) `--depth tiny` against what the same estimator does on the same cores with batches that are ready.
(c) peak memory of a worker, for few and many samples, for few and many sources.
(d) bytes a sample in tar.

Best of three, runs of both sides taking turns. Let nothing else run.
"""

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import psutil

ROUNDS = 3
SIZE = 224
POSITIONS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bg", type=Path, required=True)
    parser.add_argument("--fg", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=100_000, help="of (a), or as many as the pictures give")
    parser.add_argument("--depth-samples", type=int, default=1000, help="of (b)")
    parser.add_argument("--only", choices=["a", "b", "c"], help="one part alone")
    options = parser.parse_args()
    most = len(pictures(options.bg)) * len(pictures(options.fg)) * POSITIONS * 2
    options.samples = min(options.samples, most)
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, best of {ROUNDS}\n")
    with tempfile.TemporaryDirectory(prefix="fgbg-bench-") as folder:
        if options.only in (None, "a"):
            against_notebook(options, Path(folder), cores)
        if options.only in (None, "b"):
            against_estimator(options, Path(folder), cores)
        if options.only in (None, "c"):
            memory(options, Path(folder))


def against_notebook(options: argparse.Namespace, folder: Path, cores: int) -> None:
    """Measure (a) and, without depth, (d)."""
    canvas, box, ours = "notebook", "notebook, blending inside the box alone", "fgbg-data build --depth none"
    times: dict[str, list[float]] = {canvas: [], box: [], ours: []}
    pixels = []
    size = 0.0
    for _ in range(ROUNDS):
        for name in (canvas, box):
            inside = name == box
            work = functools.partial(notebook, options.bg, options.fg, folder / "loose", options.samples, inside=inside)
            times[name].append(timed(work))
            shutil.rmtree(folder / "loose")
        seconds, size = build(options, folder, options.samples, "none")
        times[ours].append(seconds)
        pixels.append(pixels_alone(options, folder, cores))
    rates = {name: options.samples / min(seconds) for name, seconds in times.items()}
    rates[f"the pixels of a build alone, {cores} processes"] = max(pixels)
    print("| (a) no depth | samples/s | ratio |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:.0f} | {rate / rates['notebook']:.2f} |")
    print(f"\n{size / 1000:.1f} kB a sample in tar, without depth\n")


def against_estimator(options: argparse.Namespace, folder: Path, cores: int) -> None:
    """Measure (b) and (d)."""
    bare, kept, whole, size = [], [], [], 0.0
    for _ in range(ROUNDS):
        bare.append(estimator_alone(cores, keep=False))
        kept.append(estimator_alone(cores, keep=True))
        seconds, size = build(options, folder, options.depth_samples, "tiny")
        startup, _ = build(options, folder, cores * 16, "tiny")  # processes, imports, weights: once a build
        whole.append((options.depth_samples - cores * 16) / (seconds - startup))
    print("| (b) with depth | images/s | ratio |\n|---|---|---|")
    print(f"| tiny alone, ready batches, {cores} processes of one thread | {max(bare):.1f} | 1.00 |")
    print(f"| tiny alone, freed memory kept as in a build | {max(kept):.1f} | {max(kept) / max(bare):.2f} |")
    print(f"| fgbg-data build --depth tiny, start-up taken off | {max(whole):.1f} | {max(whole) / max(bare):.2f} |")
    print(f"\n(d) {size / 1000:.1f} kB a sample in tar, with 12-bit depth\n")


def memory(options: argparse.Namespace, folder: Path) -> None:
    """Measure (c), the peak resident memory of the largest worker."""
    print("| (c) backgrounds x foregrounds | samples | peak of a worker, MB |\n|---|---|---|")
    for sources, samples in ((10, 400), (10, 2000), (100, 400), (100, 2000)):
        few = argparse.Namespace(
            bg=some(options.bg, folder / "bg", sources), fg=some(options.fg, folder / "fg", sources)
        )
        peak = Peak()
        with peak:
            build(few, folder, samples, "tiny")
        backgrounds, foregrounds = len(pictures(few.bg)), len(pictures(few.fg))
        print(f"| {backgrounds} x {foregrounds} | {samples} | {peak.bytes / 1e6:.0f} |")


def notebook(bg: Path, fg: Path, out: Path, samples: int, *, inside: bool) -> None:
    """Composite as the notebooks do: `inside` the box only, or with the cut-out on a layer as large as the canvas."""
    out.mkdir(parents=True)
    rng = np.random.default_rng(0)
    made = 0
    for bg_path in pictures(bg):
        for fg_path in pictures(fg):
            background = cv2.resize(cv2.imread(str(bg_path)), (SIZE, SIZE))
            foreground = cv2.imread(str(fg_path), cv2.IMREAD_UNCHANGED)
            for position in range(POSITIONS):
                scale = rng.uniform(0.4, 0.7) / max(foreground.shape[0] / SIZE, foreground.shape[1] / SIZE)
                small = cv2.resize(foreground, None, fx=scale, fy=scale)
                height, width = small.shape[:2]
                top, left = rng.integers(0, SIZE - height + 1), rng.integers(0, SIZE - width + 1)
                for flip in (False, True):
                    cutout = small[:, ::-1] if flip else small
                    box = np.s_[top : top + height, left : left + width]
                    layer = np.zeros((SIZE, SIZE, 4))
                    layer[box] = cutout
                    mask = layer[..., 3]
                    part = box if inside else np.s_[:, :]
                    alpha = layer[part][..., 3] / 255.0
                    image = background.astype(np.float64)
                    for channel in range(3):
                        image[part][..., channel] = (
                            alpha * layer[part][..., channel] + (1 - alpha) * image[part][..., channel]
                        )
                    name = f"{bg_path.stem}_{fg_path.stem}_{position:02d}{'f' if flip else ''}"
                    cv2.imwrite(str(out / f"{name}.jpg"), image.astype(np.uint8))
                    cv2.imwrite(str(out / f"{name}_mask.jpg"), mask.astype(np.uint8))
                    made += 1
                    if made == samples:
                        return


def build(options: argparse.Namespace, folder: Path, samples: int, depth: str) -> tuple[float, float]:
    """Run the command; return its seconds, and bytes a sample of its tars."""
    out = folder / "shards"
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "fgbg_data.cli", "build", "--bg", str(options.bg), "--fg", str(options.fg)]
    command += ["--out", str(out), "--samples", str(samples), "--depth", depth, "--device", "cpu"]
    command += ["--holdout", "sample", "--val", "0", "--test", "0", "--shard-size", str(max(16, samples // cores // 2))]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    seconds = timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment))
    size = sum(path.stat().st_size for path in out.rglob("*.tar")) / samples
    shutil.rmtree(out)
    return seconds, size


def pixels_alone(options: argparse.Namespace, folder: Path, cores: int) -> float:
    """Samples a second that are composed, encoded, decoded, digested and summed, and neither planned nor written."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    rate = sum(Parallel(n_jobs=cores)(delayed(_compose)(options.bg, options.fg, folder) for _ in range(cores)))
    get_reusable_executor().shutdown()
    return rate


def _compose(bg: Path, fg: Path, folder: Path, samples: int = 1000, seconds: float = 10) -> float:
    from fgbg_data.building.prepare import prepare
    from fgbg_data.building.worker import Worker
    from fgbg_data.config import BuildConfig
    from fgbg_data.dataset.statistics import Sums
    from fgbg_data.fields.samples import encode_files, sample_digest
    from fgbg_data.runtime.malloc import keep_freed_memory

    keep_freed_memory()
    cv2.setNumThreads(1)
    prepared = prepare(BuildConfig(bg=bg, fg=fg, out=folder / "none", depth="none"), progress=False)
    worker, sums = Worker(prepared.work), Sums()
    for index in range(samples):  # this decodes all sources before the measurement
        worker.render("train", index)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        sample = worker.render("train", done % samples)
        encode_files(sample)
        sample_digest(sample)
        sums.add_sample(sample, 0)
        done += 1
    return done / (time.perf_counter() - started)


def estimator_alone(cores: int, *, keep: bool) -> float:
    """Images a second of the estimator, one process of one thread a core, on batches that are ready."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    rate = sum(Parallel(n_jobs=cores)(delayed(_predict)(keep) for _ in range(cores)))
    get_reusable_executor().shutdown()  # settings of an allocator last as long as its process
    return rate


def _predict(keep: bool, seconds: float = 10) -> float:
    from fgbg_data.depth.registry import load_estimator
    from fgbg_data.runtime.malloc import keep_freed_memory
    from fgbg_data.runtime.threads import set_num_threads

    if keep:
        keep_freed_memory()
    set_num_threads(1)
    estimator = load_estimator("tiny", "cpu")
    images = np.random.default_rng(0).integers(0, 256, (estimator.batch_size, SIZE, SIZE, 3)).astype(np.uint8)
    estimator.estimate(images)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        estimator.estimate(images)
        done += len(images)
    return done / (time.perf_counter() - started)


class Peak:
    """Watches the resident memory of the children of the children of this process: the workers."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for child in psutil.Process().children(recursive=True):
                try:
                    if "worker_process" in " ".join(child.cmdline()):
                        self.bytes = max(self.bytes, child.memory_info().rss)
                except psutil.Error:
                    continue


def some(source: Path, folder: Path, count: int) -> Path:
    """Copy the first `count` pictures of a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in pictures(source)[:count]:
        shutil.copy(path, folder)
    return folder


def pictures(folder: Path) -> list[Path]:
    """Return what OpenCV can read of a folder."""
    return [path for path in sorted(folder.iterdir()) if cv2.haveImageReader(str(path))]


def timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""Which PNG settings for masks and depth? Bytes against both speeds, on the samples of a dataset.

    python benchmarks/png.py shards/

Prints, for each field, the settings that nothing beats in both size and encoding time, and what the package uses.
One thread. Let nothing else run.
"""

import argparse
import io
import itertools
import time
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from fgbg_data import open_dataset
from fgbg_data.codecs import png
from fgbg_data.codecs.pictures import encode_depth, encode_mask

STRATEGIES = {
    "default": cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
    "filtered": cv2.IMWRITE_PNG_STRATEGY_FILTERED,
    "huffman": cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
    "rle": cv2.IMWRITE_PNG_STRATEGY_RLE,
}
FILTERS = {
    "none": cv2.IMWRITE_PNG_FILTER_NONE,
    "sub": cv2.IMWRITE_PNG_FILTER_SUB,
    "up": cv2.IMWRITE_PNG_FILTER_UP,
    "average": cv2.IMWRITE_PNG_FILTER_AVG,
    "paeth": cv2.IMWRITE_PNG_FILTER_PAETH,
    "adaptive": cv2.IMWRITE_PNG_ALL_FILTERS,
}
LEVELS = (1, 2, 3, 4, 6, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards")
    parser.add_argument("--samples", type=int, default=64)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    dataset = open_dataset(options.shards, fields=("mask", "depth"), depth_as="codes")
    samples = [dataset[number] for number in range(min(options.samples, len(dataset)))]
    show("mask", [sample.mask for sample in samples], encode_mask)
    if samples[0].depth is not None:
        show("depth", [sample.depth for sample in samples if sample.depth is not None], encode_depth)


def show(field: str, arrays: list[np.ndarray], used: Callable[[np.ndarray], bytes]) -> None:
    """Print the table of one field."""
    print(f"| {field}: level, strategy, filter | bytes | encode ms | decode ms (cv2) | decode ms (Pillow) |")
    print("|---|---|---|---|---|")
    rows = []
    for level, strategy, row_filter in itertools.product(LEVELS, STRATEGIES, FILTERS):
        if level > 1 and strategy in ("huffman", "rle"):
            continue  # the level of zlib does not apply to them

        def encode(array: np.ndarray, level: int = level, strategy: str = strategy, kind: str = row_filter) -> bytes:
            flags = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, STRATEGIES[strategy]]
            return bytes(cv2.imencode(".png", array, [*flags, cv2.IMWRITE_PNG_FILTER, FILTERS[kind]])[1])

        rows.append((*measure(encode, arrays), f"{level}, {strategy}, {row_filter}"))
    for level in LEVELS if field == "depth" else ():
        rows.append(
            (*measure(lambda array, level=level: png.encode_grey(array, level), arrays), f"zlib-ng {level}, up")
        )  # type: ignore[misc]
    best = min(size for size, *_ in rows)
    least = float("inf")
    for size, seconds, files, name in sorted(rows, key=lambda row: row[1]):
        if size < least and size < 2 * best:
            least = size
            report(name, size, seconds, files)
    report("**used**", *measure(used, arrays))
    print()


def measure(encode: Callable[[np.ndarray], bytes], arrays: list[np.ndarray]) -> tuple[float, float, list[bytes]]:
    """Return mean bytes, seconds for one array (best of three), and the files."""
    seconds, files = best_of_three(lambda: [encode(array) for array in arrays])
    return sum(map(len, files)) / len(files), seconds / len(arrays), files


def report(name: str, size: float, seconds: float, files: list[bytes]) -> None:
    by_cv2, _ = best_of_three(lambda: [cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_UNCHANGED) for f in files])
    by_pillow, _ = best_of_three(lambda: [np.asarray(Image.open(io.BytesIO(f))) for f in files])
    each = [1000 * value / len(files) for value in (seconds * len(files), by_cv2, by_pillow)]
    print(f"| {name} | {size:.0f} | " + " | ".join(f"{value:.2f}" for value in each) + " |")


def best_of_three(work: Callable[[], list]) -> tuple[float, list]:
    times, result = [], []
    for _ in range(3):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return min(times), result


if __name__ == "__main__":
    main()

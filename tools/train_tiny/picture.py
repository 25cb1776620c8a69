"""Draw `docs/tiny.png`: pictures that the estimator never saw, with its depth below each.

    python tools/train_tiny/picture.py [--out docs/tiny.png] [--weights FILE]

Rooms and streets are path-traced from numbers that no training shard has, with cut-outs pasted on as
`fgbg-data build` does; the photos are scikit-image's.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

import shards  # noqa: E402

Array = np.ndarray
HELD_OUT = 90_000  # number of the first shard that is never trained on
SHOWN = (  # view, cut-out (None = none), its height, place across and foot as fractions of the picture
    (22, 35, 0.62, 0.62, 0.97),
    (23, 17, 0.60, 0.28, 0.98),
    (25, 4, 0.48, 0.30, 0.99),
    (28, 26, 0.62, 0.30, 0.95),
    (32, 31, 0.55, 0.75, 0.97),
    (3, 35, 0.50, 0.48, 0.95),
    (36, 17, 0.62, 0.80, 0.99),
    (9, None, 0.0, 0.0, 0.0),
)


def held_out(cache: Path, kind: str, number: int = HELD_OUT) -> dict[str, Array]:
    """Return a shard that no training saw, rendering it the first time."""
    path = cache / "held_out" / f"{kind}-{number}.npz"
    if not path.exists():
        import pathtrace

        path.parent.mkdir(parents=True, exist_ok=True)
        pathtrace.start(threads=os.cpu_count() or 1)
        shards.write(path, **shards.KINDS[kind](number, cache / "assets"))
    with np.load(path) as data:
        return {k: data[k] for k in data.files}


def paste(background: Array, rgba: Array, height_frac: float, left_frac: float, bottom_frac: float) -> Array:
    """Lay (h, w, 4) uint8 over (H, W, 3) uint8; sizes and places as fractions of the background."""
    rows, cols = np.where(rgba[..., 3] > 127)
    rgba = rgba[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    scale = height_frac * background.shape[0] / rgba.shape[0]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    over = cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=how).astype(np.float32)
    top = int(bottom_frac * background.shape[0] - over.shape[0])
    left = int(left_frac * background.shape[1] - over.shape[1] / 2)
    out = background.astype(np.float32)
    t, b = max(top, 0), min(top + over.shape[0], out.shape[0])
    a, z = max(left, 0), min(left + over.shape[1], out.shape[1])
    part = over[t - top : b - top, a - left : z - left]
    alpha = part[..., 3:] / 255
    out[t:b, a:z] = part[..., :3] * alpha + out[t:b, a:z] * (1 - alpha)
    return out.astype(np.uint8)


def samples(cache: Path) -> list[Array]:
    """Return a dozen (H, W, 3) uint8 pictures."""
    from skimage import data

    views = held_out(cache, "pathtraced")["rgb"]
    alone = held_out(cache, "cutouts")["rgba"]
    out = []
    for view, cutout, *place in SHOWN:
        out.append(views[view] if cutout is None else paste(views[view], alone[cutout], *place))
    return [
        *out,
        data.stereo_motorcycle()[0],
        data.coffee(),
        data.astronaut(),
        data.chelsea(),
    ]


def colour(depth: Array) -> Array:
    """(H, W) -> (H, W, 3) uint8 RGB: far dark, near bright."""
    low, high = np.percentile(depth, (0.5, 99.5))
    codes = (np.clip((depth - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    return cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO)[..., ::-1]


def sheet(
    images: Sequence[Array], estimate: Callable[[Array], Array], columns: int = 6, cell: tuple[int, int] = (168, 224)
) -> Array:
    """Return one picture: every image with its depth below it."""
    cells = []
    for image in images:
        fitted = _cover(image, cell)
        cells.append(np.concatenate([fitted, colour(estimate(fitted))], 0))
    rows = [np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells) // columns * columns, columns)]
    return np.concatenate(rows, 0)


def _cover(image: Array, cell: tuple[int, int]) -> Array:
    scale = max(cell[0] / image.shape[0], cell[1] / image.shape[1])
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (large.shape[0] - cell[0]) // 2, (large.shape[1] - cell[1]) // 2
    return np.ascontiguousarray(large[top : top + cell[0], left : left + cell[1]])


def main() -> None:
    """Write the picture."""
    from evaluate import estimator

    parser = argparse.ArgumentParser(description="Draw docs/tiny.png.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "docs" / "tiny.png")
    parser.add_argument("--weights", type=Path)
    parser.add_argument(
        "--cache", type=Path, default=Path(os.environ.get("FGBG_TINY_CACHE", Path.home() / ".cache/fgbg-tiny"))
    )
    arguments = parser.parse_args()
    picture = sheet(samples(arguments.cache), estimator(arguments.weights))
    cv2.imwrite(str(arguments.out), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()

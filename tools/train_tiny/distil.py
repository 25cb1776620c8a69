"""The teacher's labels of photos that nobody measured: what the student learns from, beside exact depth.

    labels/NNNNN.npz   rgb (H, W, 3) uint8, short side 256 px; inverse_depth (H, W) float16 from 0 (farthest) to 1

Photos come from folders whose licences allow it (see `docs/tiny.md`): those of the assets, of `--photos`, the
pictures of the real pairs, and the backgrounds of the demo.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from pairs import load_index
from shards import write

Array = np.ndarray
SHORT_SIDE = 256
PER_SCENE = 12
"""Pictures of one scene of the real pairs that are labelled: more of them look alike."""


def sources(cache: Path, photos: Path, rgbd_train: Path) -> list[Path]:
    """Return the files to label, well mixed, so that the first ones already show something of everything."""
    seen: dict[str, int] = {}
    pairs = []
    for pair in load_index(rgbd_train):
        seen[pair.scene] = seen.get(pair.scene, 0) + 1
        if seen[pair.scene] <= PER_SCENE:
            pairs.append(pair.file.with_suffix(".jpg"))
    files = [*sorted((cache / "assets" / "photos").glob("*.jpg")), *sorted(photos.glob("*.jpg")), *pairs]
    files += sorted((cache / "demo" / "bg").glob("*.jpg"))
    return [files[k] for k in np.random.default_rng(51).permutation(len(files))]


def write_demo_backgrounds(cache: Path) -> None:
    """Draw the demo's pictures into `cache`/demo."""
    from fgbg_data.demo import write_demo

    if not (cache / "demo" / "bg").exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            write_demo(Path(folder))
            (cache / "demo").mkdir(exist_ok=True)
            (Path(folder) / "bg").rename(cache / "demo" / "bg")


def shrink(image: Array) -> Array:
    """Resize (H, W, 3) so that the short side is SHORT_SIDE, and cut very long pictures to 2 : 1."""
    height, width = image.shape[:2]
    if max(height, width) > 2 * min(height, width):
        image = image[: 2 * width, : 2 * height]
    scale = SHORT_SIDE / min(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


def to_unit(depth: Array) -> Array:
    """Stretch (H, W) from its 0.5th to its 99.8th percentile over [0, 1]."""
    low, high = np.percentile(depth, (0.5, 99.8))
    out: Array = np.clip((depth - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)
    return out


def prepare(teacher: Callable[[Array], Array], files: list[Path], out: Path, limit: int | None = None) -> int:
    """Label the files that have no label yet; return how many were labelled."""
    out.mkdir(parents=True, exist_ok=True)
    made, begin = 0, time.perf_counter()
    for number, file in enumerate(files[:limit]):
        path = out / f"{number:05d}.npz"
        if path.exists():
            continue
        image = cv2.imread(str(file))
        if image is None:
            raise FileNotFoundError(f"{file}: not a picture that can be read")
        image = shrink(image)[..., ::-1].copy()
        write(path, rgb=image, inverse_depth=to_unit(teacher(image)).astype(np.float16))
        made += 1
        if made % 50 == 0:
            print(f"labels: {made}, {(time.perf_counter() - begin) / made:.2f} s each", flush=True)
    return made


def load(folder: Path, start: int = 0) -> Iterator[tuple[Array, Array]]:
    """Yield the pictures that are labelled by now, without the first `start`, and their inverse depth as float16."""
    for path in sorted(folder.glob("[0-9]*.npz"))[start:]:
        with np.load(path) as data:
            yield data["rgb"], data["inverse_depth"]

"""Small exams: pictures with masks and depth, written as files."""

from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.sample import Array


def disc(height: int = 40, width: int = 60, radius: int = 12, centre: tuple[int, int] = (20, 30)) -> Array:
    """A round mask, (height, width) bool."""
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2)


def slope(height: int = 40, width: int = 60) -> Array:
    """Depth in metres that grows from 1 at the lower edge to 5 at the upper one, (height, width) float32."""
    return np.repeat(np.linspace(5, 1, height, dtype=np.float32)[:, None], width, 1)


def write_picture(path: Path, mask: Array) -> None:
    """Write a picture on which the mask is bright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).integers(0, 60, (*mask.shape, 3))
    Image.fromarray((noise + 150 * mask[..., None]).astype(np.uint8)).save(path)


def write_mask(path: Path, mask: Array, top: int = 255) -> None:
    """Write a mask of 0 and `top`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask * top).astype(np.uint8)).save(path)


def write_depth(path: Path, depth: Array, scale: float = 1000) -> None:
    """Write depth in metres as .npy, or as 16-bit PNG of `scale` units in a metre."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, depth)
    else:
        Image.fromarray(np.round(depth * scale).astype(np.uint16)).save(path)


def write_exam(folder: Path) -> Path:
    """Write an exam of two sets: `street` (two pictures with an object) and `empty` (one without), all with depth."""
    for number, centre in enumerate([(20, 30), (16, 22)]):
        mask = disc(centre=centre)
        write_picture(folder / "street" / f"{number}.jpg", mask)
        write_mask(folder / "street" / f"{number}.mask.png", mask)
        write_depth(folder / "street" / f"{number}.depth.png", slope())
    nothing = np.zeros((40, 60), bool)
    write_picture(folder / "empty" / "0.png", nothing)
    write_mask(folder / "empty" / "0.mask.png", nothing)
    write_depth(folder / "empty" / "0.depth.npy", slope())
    return folder

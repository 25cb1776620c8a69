"""What tests share: small real pictures, an exact fake estimator, and quick configurations."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from fgbg_data import storage
from fgbg_data.config import BuildConfig
from fgbg_data.plan import Placement
from fgbg_data.sample import Array


class FakeEstimator:
    """Green is near: deterministic, and different for every picture."""

    name = "fake"

    def __init__(self, device: str = "cpu", batch_size: int = 4) -> None:
        self.device = device
        self.batch_size = batch_size

    def identity(self) -> dict[str, str | int]:
        return {"name": "fake", "weights": "0" * 64, "device": self.device, "batch_size": self.batch_size}

    def estimate(self, images: Array) -> Array:
        rows = np.linspace(0, 50, images.shape[1], dtype=np.float32)[None, :, None]
        return images[..., 1].astype(np.float32) + rows


def draw_pictures(folder: Path, backgrounds: int = 4, foregrounds: int = 3) -> Path:
    """Write photos of noise and gradients to bg/, and cut-outs with soft edges to fg/."""
    rng = np.random.default_rng(7)
    (folder / "bg").mkdir(parents=True)
    (folder / "fg").mkdir()
    for number in range(backgrounds):
        small = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        picture = Image.fromarray(small).resize((96, 80), Image.Resampling.BICUBIC)
        picture.save(folder / "bg" / f"room{number}.jpg", quality=95)
    for number in range(foregrounds):
        large = Image.new("RGBA", (240, 320), (0, 0, 0, 0))
        pen = ImageDraw.Draw(large)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        pen.ellipse((60, 10, 180, 130), fill=(*colour, 255))
        pen.polygon([(120, 100), (20 + 20 * number, 310), (220, 300)], fill=(*colour[::-1], 255))
        large.resize((60, 80), Image.Resampling.LANCZOS).save(folder / "fg" / f"thing{number}.png")
    return folder


def config_for(pictures: Path, out: Path, **options: Any) -> BuildConfig:
    """A quick build of 48 px samples; options replace the defaults here."""
    values: dict[str, Any] = {
        "bg": pictures / "bg",
        "fg": pictures / "fg",
        "out": out,
        "size": "48",
        "positions": 2,
        "depth": "none",
        "val": 0.2,
        "test": 0.2,
        "shard_size": 8,
        "jobs": 1,
    }
    return BuildConfig(**(values | options))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset, or of any folder; what is no part of a dataset is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in storage.NOT_DATA
    }


def place(top: int, left: int, height: int, width: int, *, mirrored: bool = False) -> Placement:
    """A placement of which only the box matters."""
    return Placement(
        key="k",
        background="b",
        foreground="f",
        position=0,
        mirrored=mirrored,
        top=top,
        left=left,
        height=height,
        width=width,
    )

"""Small source pictures: photos for backgrounds, cut-outs for foregrounds."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


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

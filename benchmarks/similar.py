"""How well perceptual hashes tell near copies from other pictures: `python benchmarks/similar.py FOLDER...`.

Each picture is compared with altered copies of itself (true pairs) and with every other picture (false pairs). For
several thresholds it prints the share of each kind of true pairs that is found, and the number of false pairs.
"""

import io
import sys
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from fgbg_data.compositing.similar import look_of, similar_pairs
from fgbg_data.pictures import find_named, open_picture

THRESHOLDS = (8, 16, 24, 32, 40, 56, 72)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    on_white(picture).save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    x, y = round(picture.width * share), round(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


ALTERED = {
    "half the size": lambda picture: scaled(picture, 0.5),
    "a quarter of the size": lambda picture: scaled(picture, 0.25),
    "JPEG of quality 75": lambda picture: jpeg(picture, 75),
    "JPEG of quality 30": lambda picture: jpeg(picture, 30),
    "flipped": ImageOps.mirror,
    "flipped, half, JPEG 50": lambda picture: jpeg(scaled(ImageOps.mirror(picture), 0.5), 50),
    "20 % lighter": lambda picture: ImageEnhance.Brightness(on_white(picture)).enhance(1.2),
    "2 % cropped at each side": lambda picture: cropped(picture, 0.02),
}


def main() -> None:
    pictures = [open_picture(path) for path in find_named(sys.argv[1:])]
    looks = [look_of(picture) for picture in pictures]
    print(f"{len(pictures)} pictures, {len(pictures) * (len(pictures) - 1) // 2} pairs of different ones")
    print("| bits of 256 | " + " | ".join(map(str, THRESHOLDS)) + " |")
    for name, alter in ALTERED.items():
        pairs = [(look, look_of(alter(picture))) for look, picture in zip(looks, pictures, strict=True)]
        shares = [sum(bool(similar_pairs(pair, limit)) for pair in pairs) / len(pairs) for limit in THRESHOLDS]
        print(f"| found: {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    print("| false pairs | " + " | ".join(str(len(similar_pairs(looks, limit))) for limit in THRESHOLDS) + " |")
    names = [str(Path(path)) for path in find_named(sys.argv[1:])]
    for one, other in similar_pairs(looks, 32)[:20]:
        print("  alike:", names[one], names[other])


if __name__ == "__main__":
    main()

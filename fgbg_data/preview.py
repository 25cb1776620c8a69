"""Contact sheets: image, mask and depth of some samples, for a person to look at."""

import difflib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fgbg_data.dataset import Dataset, open_dataset
from fgbg_data.errors import ConfigError, UnknownKeyError
from fgbg_data.manifest import Record
from fgbg_data.sample import DEPTH_FIELDS, PIXEL_FIELDS, Array, Meta
from fgbg_data.shards import load_format

PREVIEW_ROWS = 6
GAP_PX = 6
LINE_PX = 14
PAPER = (255, 255, 255)
INK = (70, 70, 70)
OUTLINE = (255, 0, 255)


def preview(
    path: str | Path,
    out: str | Path,
    *,
    split: str = "train",
    keys: Sequence[str] = (),
    count: int = 8,
    seed: int = 0,
    background: str | None = None,
    foreground: str | None = None,
) -> Path:
    """Draw a contact sheet: image, outline of the mask over it, mask and depth of some samples.

    Args:
        path: of the dataset.
        out: the PNG file to write.
        split: which samples to take from.
        keys: of the samples, in order; without any, `count` are taken at random.
        count: how many.
        seed: which ones.
        background: take only samples on this background, by its id.
        foreground: take only samples with this foreground, by its id.

    Returns:
        The path of the sheet.

    Raises:
        FgbgError: there is no such dataset, split, key, background or foreground.
    """
    if count < 1:
        raise ConfigError(f"--count {count}: expected at least 1")
    if Path(out).suffix.lower() != ".png":
        raise ConfigError(f"{out}: the sheet is a PNG; expected a name that ends in .png")
    dataset = open_dataset(path, split, fields=PIXEL_FIELDS, depth="codes")
    chosen = keys or _choose(dataset, count, seed, background, foreground)
    samples = [dataset[key] for key in chosen]
    height, width = samples[0].image.shape[:2]
    rows, titles = [], []
    for sample in samples:
        depths = {name: getattr(sample, name) for name in DEPTH_FIELDS}
        pictures = sample_pictures(sample.image, sample.mask, depths)
        pictures = {"image": pictures["image"], "outline": outlined(sample.image, sample.mask)} | pictures
        titles = list(pictures)
        rows.append([_fitted(picture, height, width) for picture in pictures.values()])
    save_sheet(contact_sheet(rows, titles, list(chosen)), Path(out))
    return Path(out)


def key_sources(key: str) -> tuple[str, str] | None:
    """Return background and foreground of a key, whatever prefix it has; None for keys of other makers.

    >>> key_sources("hall_cat_007m")
    ('hall', 'cat')
    """
    parts = key.split("_")
    return (parts[-3], parts[-2]) if len(parts) >= 3 else None


def outlined(image: Array, mask: Array) -> Array:
    """Draw the outline of a mask on an image: the outermost pixels that the mask holds."""
    import cv2

    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    picture = image.copy()
    picture[(mask > 0) & (inside == 0)] = OUTLINE
    return picture


def _choose(dataset: Dataset, count: int, seed: int, background: str | None, foreground: str | None) -> list[str]:
    """Take keys at random, in the order in which they are stored."""
    keys = dataset.keys()
    for place, wanted, kind in ((0, background, "background"), (1, foreground, "foreground")):
        if wanted is None:
            continue
        known = {sources[place] for sources in map(key_sources, keys) if sources}
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownKeyError(f"{dataset.split}: no sample has the {kind} {wanted!r}{hint}")
        keys = [key for key in keys if (key_sources(key) or ("", ""))[place] == wanted]
    if not keys:
        raise UnknownKeyError(f"{dataset.split}: no sample has the background {background!r} and {foreground!r}")
    return [keys[place] for place in sorted(random.Random(seed).sample(range(len(keys)), min(count, len(keys))))]


def _fitted(picture: Array, height: int, width: int) -> Array:
    """Scale a picture to the size of the sheet's first; datasets of others may hold several sizes."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height)))


def colour_depth(codes: Array) -> Array:
    """Show depth codes in a perceptual colour map (inferno; near is bright): (h, w) uint16 -> (h, w, 3) uint8."""
    import cv2

    shown = cv2.applyColorMap((codes >> 8).astype(np.uint8), cv2.COLORMAP_INFERNO)
    rgb: Array = cv2.cvtColor(shown, cv2.COLOR_BGR2RGB)
    return rgb


def on_checkerboard(cutout: Array, height: int, width: int, square_px: int = 8) -> Array:
    """Show a cut-out, (h, w, 4) uint8 premultiplied, on a checkerboard, fitted into (height, width)."""
    squares = np.add.outer(np.arange(height) // square_px, np.arange(width) // square_px) % 2
    board = np.where(squares[..., None], 255, 225).astype(np.uint8).repeat(3, -1)
    sheet = Image.fromarray(board).convert("RGBA")
    shown = Image.frombytes("RGBa", cutout.shape[1::-1], cutout.tobytes()).convert("RGBA")
    shown.thumbnail((width, height))
    sheet.alpha_composite(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    return np.asarray(sheet.convert("RGB"))


def contact_sheet(rows: Sequence[Sequence[Array]], titles: Sequence[str], captions: Sequence[str] = ()) -> Image.Image:
    """Lay pictures out in rows under column titles.

    Args:
        rows: of (H, W, 3) uint8 pictures, all of one size.
        titles: one a column.
        captions: one a row, written above it; or none.
    """
    height, width = rows[0][0].shape[:2]
    top, line = 18, LINE_PX if captions else 0
    step = line + height + GAP_PX
    sheet = Image.new("RGB", (GAP_PX + len(titles) * (width + GAP_PX), top + GAP_PX + len(rows) * step), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = GAP_PX + column * (width + GAP_PX)
        pen.text((left, 5), title, fill=INK)
        for row, pictures in enumerate(rows):
            sheet.paste(Image.fromarray(pictures[column]), (left, top + GAP_PX + row * step + line))
    for row, caption in enumerate(captions):
        pen.text((GAP_PX, top + GAP_PX + row * step), caption, fill=INK)
    return sheet


def sample_pictures(image: Array, mask: Array, depths: Mapping[str, Array | None]) -> dict[str, Array]:
    """Return image, mask and depths of a sample as (H, W, 3) uint8 pictures of one size.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8.
        depths: field -> (h, w) uint16 codes; None where there are none.
    """
    pictures = {"image": image, "mask": mask[..., None].repeat(3, -1)}
    for name, codes in depths.items():
        if codes is not None:
            shown = Image.fromarray(colour_depth(codes))
            pictures[name] = np.asarray(shown.resize(image.shape[1::-1], Image.Resampling.NEAREST))
    return pictures


def draw_shard(
    out: Path,
    record: Record,
    format: str,
    places: Iterable[int],
    beside: Callable[[Meta], dict[str, Array]] = lambda meta: {},
) -> None:
    """Draw samples of a shard that was just written, read back from it, as `preview.png` of the dataset.

    Args:
        out: folder of the dataset.
        record: of the shard.
        format: which of its files is read.
        places: of the samples in the shard.
        beside: gives pictures to show before those of a sample, from its meta.
    """
    form, file = load_format(format), record.files[format]
    place = out / record.split / file.name
    index = form.read_index(place, record.keys, file.index)
    reader = form.open_reader(place, index)
    rows, titles = [], []
    for number in places:
        depths = {name: reader.read(number, name) for name in DEPTH_FIELDS if name in index.fields}
        pictures = beside(reader.read(number, "meta"))
        pictures |= sample_pictures(reader.read(number, "image"), reader.read(number, "mask"), depths)
        titles = list(pictures)
        rows.append(list(pictures.values()))
    save_sheet(contact_sheet(rows, titles), out / "preview.png")


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, atomically."""
    from fgbg_data import storage

    with storage.partial(path) as temporary:
        sheet.save(temporary, "PNG", compress_level=3)  # a tenth larger than at 6, in half the time

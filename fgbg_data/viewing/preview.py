"""Contact sheets: image, mask and depth of some samples, for a person to look at."""

import difflib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.dataset.reading import Dataset, open_dataset
from fgbg_data.drawing.colours import outlined
from fgbg_data.drawing.sheets import contact_sheet, sample_pictures, save_sheet
from fgbg_data.errors import ConfigError, UnknownKeyError, option
from fgbg_data.key import key_sources
from fgbg_data.sample import PIXEL_FIELDS, Array


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
        raise ConfigError(f"{option('count', count)}: expected at least 1")
    if Path(out).suffix.lower() != ".png":
        raise ConfigError(f"{out}: the sheet is a PNG; expected a name that ends in .png")
    dataset = open_dataset(path, split, fields=PIXEL_FIELDS, depth_as="codes")
    chosen = keys or _choose(dataset, count, seed, background, foreground)
    samples = [dataset[key] for key in chosen]
    height, width = samples[0].image.shape[:2]
    rows, titles = [], []
    for sample in samples:
        pictures = sample_pictures(sample)
        pictures = {"image": pictures["image"], "outline": outlined(sample.image, sample.mask)} | pictures
        titles = list(pictures)
        rows.append([_fitted(picture, height, width) for picture in pictures.values()])
    save_sheet(contact_sheet(rows, titles, list(chosen)), Path(out))
    return Path(out)


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

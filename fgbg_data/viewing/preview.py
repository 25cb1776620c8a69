"""`preview`: a contact sheet with image, mask and depth of some samples, for a person to look at."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.reading import Dataset, open_dataset
from fgbg_data.drawing.colours import outlined, outlined_objects
from fgbg_data.drawing.sheets import contact_sheet, sample_pictures, save_png
from fgbg_data.errors import ConfigError, ShardError, UnknownKeyError
from fgbg_data.key import KINDS, key_sources
from fgbg_data.options import between, nearest, to_path
from fgbg_data.runtime.locations import locate
from fgbg_data.sample import Array
from fgbg_data.viewing.ground_layer import GroundLayer
from fgbg_data.viewing.output_file import check_output_file

MAX_ROWS = 200
"""Samples of the largest sheet: one of many more is too tall for the programs that show pictures."""


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
    """Draw a contact sheet: image, outline of the mask over it, mask and fields of depth of some samples.

    If objects stand on the ground, a column shows the ground, the horizon and the outlines of whole objects.

        preview("shards/", "sheet.png", split="val")

    Args:
        path: folder or URL of the dataset.
        out: PNG file to write, in a folder that exists.
        split: split to take samples from.
        keys: keys of the samples, in order; without any, `count` samples are chosen at random.
        count: number of random samples, 1 to 200. `view` and `export_page` show more.
        seed: seed of this choice.
        background: choose only samples on the background with this id.
        foreground: choose only samples of the foreground with this id.

    Returns:
        The path of the sheet.

    Raises:
        FgbgError: there is no such dataset, split, key, background or foreground, or an option cannot work.
    """
    out = to_path("out", out)
    between("count", count, 1, MAX_ROWS)
    if len(keys) > MAX_ROWS:
        raise ConfigError(f"{len(keys)} keys are given; expected at most {MAX_ROWS} in one sheet")
    check_output_file(out, (".png",), "the sheet is a PNG")
    dataset = open_dataset(path, split, depth_as="codes")
    if len(dataset) and "image" not in dataset.info["fields"]:
        raise ShardError("its samples have no image, so there is nothing to show", where=str(path))
    chosen = keys or _choose(dataset, count, seed, (background, foreground))
    samples = [dataset[key] for key in chosen]
    height, width = samples[0].image.shape[:2]
    grounds = GroundLayer(locate(path), dataset.manifest)
    rows, titles = [], []
    for sample in samples:
        pictures = sample_pictures(sample)
        if "mask" in sample:
            pictures = {"image": pictures["image"], "outline": _outline(sample)} | pictures
        if grounds.there:
            drawn = grounds.draw(sample.meta["background"], sample.image, sample.get("amodal"))
            pictures = {"image": pictures["image"], grounds.name: drawn} | pictures
        titles = list(pictures)
        rows.append([_fitted(picture, height, width) for picture in pictures.values()])
    save_png(contact_sheet(rows, titles, list(chosen)), out)
    return out


def _outline(sample: LoadedSample) -> Array:
    """Return the image with the outline of every object, or of the mask if the dataset does not tell objects apart."""
    if "instances" in sample:
        return outlined_objects(sample.image, sample.instances)
    return outlined(sample.image, sample.mask)


def _choose(dataset: Dataset, count: int, seed: int, sources: tuple[str | None, str | None]) -> list[str]:
    """Choose keys at random, and return them in the order in which they are stored.

    Args:
        dataset: the split.
        count: number of keys, if there are so many.
        seed: of the choice.
        sources: ids of the background and the foreground that samples must have; None for any.

    Raises:
        UnknownKeyError: no sample has these sources.
    """
    keys = dataset.keys()
    for position, (kind, wanted) in enumerate(zip(KINDS, sources, strict=True)):
        if wanted is None:
            continue
        known = {found[position] for found in map(key_sources, keys) if found}
        if wanted not in known:
            raise UnknownKeyError(f"{dataset.split}: no sample has the {kind} {wanted!r}{_hint(wanted, known)}")
        keys = [key for key in keys if (key_sources(key) or ("", ""))[position] == wanted]
    if not keys:
        raise UnknownKeyError(f"{dataset.split}: no sample has the background {sources[0]!r} and {sources[1]!r}")
    return [keys[number] for number in sorted(random.Random(seed).sample(range(len(keys)), min(count, len(keys))))]


def _hint(wanted: str, known: set[str]) -> str:
    """Return the ids that were probably meant: those that hold the text, or one that is similar, or some of all."""
    holding = sorted(name for name in known if wanted in name)
    if not holding and (similar := nearest(wanted, known)):
        return similar
    shown = holding or sorted(known)
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return f"; {'ids that hold this text' if holding else 'there are'}: {', '.join(shown[:5])}{more}"


def _fitted(picture: Array, height: int, width: int) -> Array:
    """Scale a picture to the size of the sheet's first one; datasets of other programs may hold several sizes."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height)))

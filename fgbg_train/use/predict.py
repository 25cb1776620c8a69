"""Predict mask and depth of pictures, at the pictures' own size."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from fgbg_data.errors import option
from fgbg_train.data.samples import height_width
from fgbg_train.devices import resolve_device
from fgbg_train.errors import DataError
from fgbg_train.models.blocks import resize
from fgbg_train.models.cascade import Cascade
from fgbg_train.run import checkpoint
from fgbg_train.run.panels import colour_depth, grey, write_picture

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
PREVIEW_PX = 320  # shorter side of the pictures in a preview


def find_pictures(inputs: Sequence[Path]) -> list[Path]:
    """Return the pictures named, and those in the folders named, in order.

    Raises:
        DataError: something is not there, a folder has no pictures, or two would get the same name.
    """
    found = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS)
            if not inside:
                raise DataError(f"{path}: no pictures in it ({', '.join(sorted(ENDINGS))})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: no such picture or folder")
    by_name: dict[str, Path] = {}
    for path in found:
        if path.stem in by_name:
            raise DataError(f"{by_name[path.stem]} and {path} would give results of the same name")
        by_name[path.stem] = path
    return found


def load_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture as (H, W, 3) uint8 RGB, the way up that its camera noted.

    Raises:
        DataError: it is no picture.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as a picture") from error


@torch.no_grad()
def predict_picture(
    model: Cascade, image: npt.NDArray[np.uint8], size_px: int, device: torch.device
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]:
    """Predict one picture; the networks see it with its shorter side at `size_px`.

    Args:
        model: in evaluation mode, on `device`.
        image: (H, W, 3) uint8 RGB.
        size_px: what the networks were trained at, or near.
        device: to compute on.

    Returns:
        Mask probability and inverse depth, (H, W) float32 in [0, 1], or None for what the model has not.
    """
    full = image.shape[0], image.shape[1]
    small = np.asarray(_shrink(image, height_width(full, size_px)))
    x = torch.from_numpy(small.copy()).to(device).permute(2, 0, 1).unsqueeze(0).float() / 255  # (1, 3, h, w)
    prediction = model(x)
    logits, depth = prediction.mask_logits, prediction.depth
    mask = None if logits is None else torch.sigmoid(resize(logits, full))[0, 0].cpu().numpy()
    return mask, None if depth is None else resize(depth, full)[0, 0].cpu().numpy()


def predict(
    weights: Path | str,
    inputs: Sequence[Path],
    out: Path,
    *,
    size_px: int = 0,
    device: str = "auto",
) -> Iterator[Path]:
    """Predict pictures, one after another, and write NAME.mask.png, NAME.depth.png (16 bit), NAME.preview.png.

    Everything is checked before the first is written; nothing is overwritten.

    Args:
        weights: a checkpoint.
        inputs: pictures and folders of pictures.
        out: folder for the results.
        size_px: shorter side of what the networks see; 0: as in training.
        device: auto, cpu, cuda or mps.

    Yields:
        Each picture when it is done.

    Raises:
        FgbgError: an input, or what is in the way of the results, is named.
    """
    pictures = find_pictures(inputs)
    there = [p for path in pictures for p in results_of(path, out) if p.exists()]
    if there:
        raise DataError(
            f"{there[0]}: already there ({len(there)} results would be overwritten); give another {option('out')}"
        )
    bad = [path for path in pictures if not _is_picture(path)]
    if bad:
        raise DataError(f"not pictures: {', '.join(map(str, bad))}")
    place = torch.device(resolve_device(device))
    state = checkpoint.load(Path(weights))
    model = checkpoint.model_of(Path(weights), state).to(place)
    model.saliency = False  # its second pass is for training
    out.mkdir(parents=True, exist_ok=True)
    for path in pictures:
        image = load_picture(path)
        mask, depth = predict_picture(model, image, size_px or state["size_px"], place)
        mask_path, depth_path, preview_path = results_of(path, out)
        if mask is not None:
            write_picture(mask_path, (mask >= 0.5).astype(np.uint8) * np.uint8(255))
        if depth is not None:
            write_picture(depth_path, np.round(np.clip(depth, 0, 1) * 65535).astype(np.uint16))
        size = height_width((image.shape[0], image.shape[1]), min(PREVIEW_PX, *image.shape[:2]))
        cells = [image, *(() if mask is None else (grey(mask),)), *(() if depth is None else (colour_depth(depth),))]
        write_picture(preview_path, np.concatenate([_shrink(cell, size) for cell in cells], axis=1))
        yield path


def results_of(picture: Path, out: Path) -> tuple[Path, Path, Path]:
    """Return the paths of a picture's mask, depth and preview."""
    return out / f"{picture.stem}.mask.png", out / f"{picture.stem}.depth.png", out / f"{picture.stem}.preview.png"


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError):
        return False
    return True


def _shrink(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Bring (H, W, 3) to (height, width) by area."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX))

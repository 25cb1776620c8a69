"""Pictures that a person judges: rows of samples with what is known and what is predicted."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Picture = npt.NDArray[np.uint8]

GAP_PX, CAPTION_PX = 6, 26
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
COLUMNS = ("image", "mask", "predicted mask", "depth", "predicted depth", "depth error")


def colour_depth(v: npt.NDArray[np.float32]) -> Picture:
    """(H, W) inverse depth in [0, 1] -> (H, W, 3) uint8 RGB, near = yellow, far = blue (viridis)."""
    grey = np.round(np.clip(v, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)[..., ::-1], dtype=np.uint8)


def colour_error(error: npt.NDArray[np.float32]) -> Picture:
    """(H, W) absolute error in [0, 1] -> (H, W, 3) uint8 RGB, black to white by way of red; 0.5 is white."""
    grey = np.round(np.clip(2 * error, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_HOT)[..., ::-1], dtype=np.uint8)


def grey(x: npt.NDArray[np.float32]) -> Picture:
    """(H, W) in [0, 1] -> (H, W, 3) uint8."""
    return np.repeat(np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def panel(
    image: "Tensor",
    *,
    mask: "Tensor | None",
    depth: "Tensor | None",
    predicted_mask: "Tensor | None",
    predicted_depth: "Tensor | None",
    side_px: int = 128,
) -> Picture:
    """Lay a batch out as one picture: a row for every sample, a column for everything there is.

    Args:
        image: (B, 3, H, W) float RGB in [0, 1].
        mask: (B, 1, H, W) in [0, 1], likewise depth and both predictions.
        depth: known inverse depth.
        predicted_mask: probability.
        predicted_depth: inverse depth.
        side_px: least height of a cell; small images are enlarged by whole factors.

    Returns:
        (height, width, 3) uint8 RGB.
    """

    def planes(x: "Tensor | None") -> npt.NDArray[np.float32] | None:
        return None if x is None else x.detach().float().cpu().numpy()[:, 0]

    photos = np.round(image.detach().float().cpu().numpy().transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    g, p = planes(depth), planes(predicted_depth)
    error = None if g is None or p is None else np.abs(np.clip(p, 0, 1) - g)
    columns: list[Sequence[Picture] | None] = [list(photos)]
    columns += [None if x is None else [grey(one) for one in x] for x in (planes(mask), planes(predicted_mask))]
    columns += [None if x is None else [colour_depth(one) for one in x] for x in (g, p)]
    columns.append(None if error is None else [colour_error(one) for one in error])
    kept = [(name, column) for name, column in zip(COLUMNS, columns, strict=True) if column is not None]

    factor = max(1, -(-side_px // photos.shape[1]))
    height, width = photos.shape[1] * factor, photos.shape[2] * factor
    rows = len(photos)
    canvas = np.full(
        (CAPTION_PX + rows * (height + GAP_PX), GAP_PX + len(kept) * (width + GAP_PX), 3), 255, dtype=np.uint8
    )
    for i, (name, column) in enumerate(kept):
        left = GAP_PX + i * (width + GAP_PX)
        text_px = cv2.getTextSize(name, FONT, FONT_SCALE, 1)[0][0]
        middle = left + (width - text_px) // 2
        cv2.putText(canvas, name, (middle, CAPTION_PX - 9), FONT, FONT_SCALE, (40, 40, 40), 1, cv2.LINE_AA)
        for row, cell in enumerate(column):
            top = CAPTION_PX + row * (height + GAP_PX)
            big = cell.repeat(factor, axis=0).repeat(factor, axis=1)
            canvas[top : top + height, left : left + width] = big
    return canvas


def write_picture(path: Path, picture: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write (H, W, 3) uint8 RGB, or (H, W) uint8 or uint16, in the format of the path's ending.

    Raises:
        OSError: the file cannot be written.
    """
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    done, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(bgr))
    if not done:
        raise OSError(f"{path}: cannot be encoded")
    path.write_bytes(encoded.tobytes())

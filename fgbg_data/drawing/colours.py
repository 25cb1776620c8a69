"""How fields look to a person: depth in colours, the outline of a mask, a cut-out on a checkerboard."""

import numpy as np

from fgbg_data.fields import FIELDS
from fgbg_data.fields.objects import colour_ids
from fgbg_data.sample import Array

OUTLINE = (255, 0, 255)
"""Colour of the outline of a mask, RGB."""


def field_picture(field: str, array: Array) -> Array:
    """Return a field of a sample as an (H, W, 3) uint8 RGB picture: depth in colours, single channels as grey.

    Args:
        field: name of a field with pixels.
        array: its pixels, as a dataset gives them. Depth of any unit is shown over its own range.
    """
    picture = FIELDS[field].picture
    if picture is not None:
        return picture(array)
    if FIELDS[field].depth:
        return colour_depth(array) if array.dtype == np.uint16 else colour_depth(array, array.min(), array.max())
    return array if array.ndim == 3 else array[..., None].repeat(3, -1)


def colour_depth(depth: Array, low: float = 0.0, high: float = 1.0) -> Array:
    """Show depth in the perceptual colour map inferno; near is bright: (h, w) -> (h, w, 3) uint8 RGB.

    This is the only function that colours depth, so that it looks alike on every sheet and page.

    Args:
        depth: (h, w) uint16 codes, or floating point, larger is nearer.
        low: for floating point, the value that is shown darkest, as all smaller ones are.
        high: for floating point, the value that is shown brightest, as all larger ones are.
    """
    import cv2

    if depth.dtype == np.uint16:
        grey = (depth >> 8).astype(np.uint8)
    else:
        grey = np.rint(((depth - low) / max(high - low, 1e-12)).clip(0, 1) * 255).astype(np.uint8)
    rgb: Array = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return rgb


def outlined(image: Array, mask: Array) -> Array:
    """Draw the outline of a mask on an image: the outermost pixels inside the mask.

    Args:
        image: (H, W, 3) uint8 RGB, left unchanged.
        mask: (H, W) uint8, 0 outside.
    """
    import cv2

    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    picture = image.copy()
    picture[(mask > 0) & (inside == 0)] = OUTLINE
    return picture


def outlined_objects(image: Array, instances: Array) -> Array:
    """Draw the outline of every object on an image, each in its colour of the field `instances`.

    Args:
        image: (H, W, 3) uint8 RGB, left unchanged.
        instances: (H, W) uint8, the id of the object that is seen, 0 for none.
    """
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    lowest, highest = (
        each(instances, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) for each in (cv2.erode, cv2.dilate)
    )
    picture = image.copy()
    edge = (instances > 0) & ((lowest < instances) | (highest > instances))
    picture[edge] = colour_ids(instances)[edge]
    return picture


def on_checkerboard(cutout: Array, height: int, width: int, square_px: int = 8) -> Array:
    """Show a cut-out on a checkerboard of a given size.

    Args:
        cutout: (h, w, 4) uint8 RGBA, premultiplied.
        height: of the checkerboard, in pixels; the cut-out is shrunk to fit it.
        width: of the checkerboard, in pixels.
        square_px: side of a square.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    from PIL import Image

    squares = np.add.outer(np.arange(height) // square_px, np.arange(width) // square_px) % 2
    board = np.where(squares[..., None], 255, 225).astype(np.uint8).repeat(3, -1)
    sheet = Image.fromarray(board).convert("RGBA")
    shown = Image.frombytes("RGBa", cutout.shape[1::-1], cutout.tobytes()).convert("RGBA")
    shown.thumbnail((width, height))
    sheet.alpha_composite(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    return np.asarray(sheet.convert("RGB"))

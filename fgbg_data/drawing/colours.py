"""How fields are shown to a person: depth in colours, the outline of a mask, a cut-out on a checkerboard."""

import numpy as np
from PIL import Image

from fgbg_data.sample import Array

OUTLINE = (255, 0, 255)


def outlined(image: Array, mask: Array) -> Array:
    """Draw the outline of a mask on an image: the outermost pixels that the mask holds."""
    import cv2

    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    picture = image.copy()
    picture[(mask > 0) & (inside == 0)] = OUTLINE
    return picture


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

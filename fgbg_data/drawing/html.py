"""Thumbnails of samples as HTML for notebooks: one self-contained piece, with its pictures in it."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from fgbg_data.codecs.pictures import encode_image
from fgbg_data.drawing.colours import field_picture
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Array

MAX_SAMPLES = 8
"""Number of samples of a dataset that are shown."""
SAMPLE_PX = 224
DATASET_PX = 80
"""Longer side of a picture, of one sample and of several."""
QUALITY = 85
"""Quality of the pictures that are JPEGs."""


def sample_html(sample: Mapping[str, Any]) -> str:
    """Return the pictures of a sample side by side, each over its name, type and shape; meta folds out below."""
    cells = []
    for name, value in sample.items():
        if name not in ("key", "meta"):
            about = f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "dtype") else type(value).__name__
            picture = _img(field_picture(name, value), SAMPLE_PX, name) if _is_picture(name, value) else ""
            cells.append(_figure(picture, f"{escape(name)} <small>{escape(about)}</small>"))
    meta = ""
    if isinstance(sample.get("meta"), Mapping):
        text = escape(json.dumps(sample["meta"], indent=1, ensure_ascii=False, default=str))
        meta = f"<details><summary>meta</summary><pre>{text}</pre></details>"
    return f"<div><b>{escape(str(sample.get('key', '')))}</b>{_row(cells)}{meta}</div>"


def dataset_html(title: str, samples: Sequence[Mapping[str, Any]]) -> str:
    """Return a title and a grid of samples: the pictures of each side by side over its key.

    Args:
        title: text above the grid.
        samples: at most MAX_SAMPLES of them are shown.
    """
    cells = []
    for sample in samples[:MAX_SAMPLES]:
        pictures = "".join(
            _img(field_picture(name, value), DATASET_PX, name)
            for name, value in sample.items()
            if _is_picture(name, value)
        )
        cells.append(_figure(pictures, f"<small>{escape(str(sample.get('key', '')))}</small>"))
    return f"<div><code>{escape(title)}</code>{_row(cells)}</div>"


def _is_picture(name: str, value: Any) -> bool:
    return name in FIELDS and isinstance(value, np.ndarray) and value.ndim == (3 if FIELDS[name].channels else 2)


def _row(cells: Sequence[str]) -> str:
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(cells)}</div>'


def _figure(pictures: str, caption: str) -> str:
    return f'<figure style="margin:4px 0">{pictures}<figcaption>{caption}</figcaption></figure>'


def _img(picture: Array, side_px: int, name: str) -> str:
    """Return an `img` element that holds a picture, (H, W, 3) uint8, shrunk to fit a square and never enlarged."""
    import cv2

    height, width = picture.shape[:2]
    factor = min(1.0, side_px / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if factor < 1 else picture
    kind = "png" if name == "mask" else "jpg"
    data = base64.b64encode(encode_image(np.ascontiguousarray(shown), kind, QUALITY)).decode()
    media = "image/png" if kind == "png" else "image/jpeg"
    return f'<img src="data:{media};base64,{data}" width="{size[0]}" height="{size[1]}" title="{escape(name)}">'

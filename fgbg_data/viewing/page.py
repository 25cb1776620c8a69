"""The page that shows a dataset: as the server gives it, or as one file with samples in it."""

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

from fgbg_data.options import at_least
from fgbg_data.runtime.files import write_text
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.output_file import check_output_file

EXPORT_SIDE_PX = 256
"""Longer side of the pictures in an exported page."""
_DATA = "/*EMBEDDED*/ null"
"""The text in the page that an exported file replaces by its data."""


def export_page(path: str | Path, out: str | Path, *, samples: int = 200, seed: int = 0) -> Path:
    """Write the page that `view` serves as one HTML file, with random samples in it; it needs nothing else.

    Args:
        path: folder or URL of the dataset.
        out: HTML file to write, in a folder that exists.
        samples: number of samples, chosen at random.
        seed: another seed chooses other samples.

    Returns:
        The path of the file.

    Raises:
        FgbgError: there is no dataset, a chosen sample is damaged, or an option cannot work.
    """
    out = Path(out)
    at_least("samples", samples, 1)
    check_output_file(out, (".html", ".htm"), "the page is HTML")
    gallery = Gallery(path)
    rows = [_row(gallery, number) for number in gallery.choose(samples, seed)]
    data = json.dumps({"header": gallery.header(), "rows": rows}, ensure_ascii=True)
    for character in "<>&":  # so that no text of the dataset ends the script that holds it
        data = data.replace(character, f"\\u{ord(character):04x}")
    write_text(out, page_text().replace(_DATA, data))
    return out


def page_text() -> str:
    """Return the page without data."""
    return resources.files("fgbg_data.viewing").joinpath("view.html").read_text(encoding="utf-8")


def _row(gallery: Gallery, number: int) -> dict[str, Any]:
    """Return a sample with its pictures as data URIs."""
    key = gallery.keys[number]
    pictures = {}
    for layer in gallery.layers:
        data, media_type = gallery.picture(key, layer, EXPORT_SIDE_PX)
        pictures[layer] = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return gallery.row(number) | {"pictures": pictures, "details": gallery.details(key)}

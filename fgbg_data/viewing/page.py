"""The page that shows a dataset: as the server gives it, or as one file with samples in it."""

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

from fgbg_data.options import at_least, to_path
from fgbg_data.runtime.files import write_text
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.output_file import check_output_file

EXPORT_SIDE_PX = 256
"""Longer side of the pictures in an exported page."""
STYLES = ("style.css", "sample.css")
SCRIPTS = ("data.js", "filters.js", "panel.js", "grid.js", "sample.js", "marks.js", "address.js", "start.js")
"""The scripts in the order in which the page runs them; they share one scope."""
_DATA = "/*EMBEDDED*/ null"
"""The text in the page that an exported file replaces by its data."""


def export_page(
    path: str | Path,
    out: str | Path,
    *,
    samples: int = 200,
    seed: int = 0,
    bg: str | Path | None = None,
    fg: str | Path | None = None,
) -> Path:
    """Write the page that `view` serves as one HTML file, with random samples in it; it needs nothing else.

        export_page("shards/", "shards.html", samples=50)

    Args:
        path: folder or URL of the dataset.
        out: HTML file to write, in a folder that exists.
        samples: number of samples, chosen at random.
        seed: seed of this choice.
        bg: folder or URL of the pictures that became backgrounds, to show them beside samples; None shows only names.
        fg: folder or URL of the pictures that became foregrounds, in the same way.

    Returns:
        The path of the file.

    Raises:
        FgbgError: there is no dataset, a chosen sample is damaged, or an option cannot work.
    """
    out = to_path("out", out)
    at_least("samples", samples, 1)
    check_output_file(out, (".html", ".htm"), "the page is HTML")
    gallery = Gallery(path, bg=bg, fg=fg)
    rows = [_row(gallery, number) for number in gallery.choose(samples, seed)]
    sources = {
        f"{kind}/{about['id']}": _uri(*gallery.sources.picture(kind, about["id"], EXPORT_SIDE_PX))
        for row in rows
        for kind, about in row["details"]["sources"].items()
        if about.get("shown")
    }
    data = json.dumps({"header": gallery.header(), "rows": rows, "sources": sources}, ensure_ascii=True)
    for character in "<>&":  # so that no text of the dataset ends the script that holds it
        data = data.replace(character, f"\\u{ord(character):04x}")
    write_text(out, page_text().replace(_DATA, data))
    return out


def page_text() -> str:
    """Return the page without data: one text with its styles and scripts in it."""
    style = "\n".join(map(_asset, STYLES))
    script = "\n".join(map(_asset, SCRIPTS))
    return _asset("page.html").replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)


def _asset(name: str) -> str:
    return resources.files("fgbg_data.viewing").joinpath("assets", name).read_text(encoding="utf-8").strip()


def _row(gallery: Gallery, number: int) -> dict[str, Any]:
    """Return a sample with its pictures as data URIs."""
    key = gallery.keys[number]
    pictures = {layer: _uri(*gallery.picture(key, layer, EXPORT_SIDE_PX)) for layer in gallery.layers}
    return gallery.row(number) | {"pictures": pictures, "details": gallery.details(key)}


def _uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"

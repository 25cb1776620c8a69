"""A cache of decoded and resized sources, so that a worker decodes each picture once."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgbg_data.compositing.cutouts import decode_foreground
from fgbg_data.compositing.resize import cutout_sizes, fit_background
from fgbg_data.config import BuildConfig
from fgbg_data.errors import SourceError, option
from fgbg_data.key import Kind
from fgbg_data.pictures import decode_file, on_white, quiet, read_picture
from fgbg_data.runtime.mirror import copy_file, local_folder_of
from fgbg_data.sample import Array
from fgbg_data.versions import FORMAT_VERSION, rules_of

CACHE_BYTES = 256 * 2**20
"""Bytes of decoded sources that one worker keeps by default."""


class SourceCache:
    """Loads sources by id and keeps them in memory; beyond a limit it drops the least recently used ones.

    Args:
        config: the folders of the sources, the canvas and the range of scales.
        backgrounds: id -> path relative to the folder of backgrounds.
        foregrounds: id -> path relative to the folder of foregrounds.
        limit: bytes of pixels that are kept.
        digests: (kind, id) -> SHA-256 that the file must have; sources that are not named are not checked.
        version: the format version by whose rules pictures are read and cropped.
    """

    def __init__(
        self,
        config: BuildConfig,
        backgrounds: dict[str, str],
        foregrounds: dict[str, str],
        limit: int = CACHE_BYTES,
        digests: Mapping[tuple[Kind, str], str] | None = None,
        version: int = FORMAT_VERSION,
    ) -> None:
        self._config = config
        self._files = {"background": backgrounds, "foreground": foregrounds}
        self._limit = limit
        self._digests = digests or {}
        self._version = version
        self._kept: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the canvas, in pixels."""
        return self._config.canvas

    def background(self, name: str) -> Array:
        """Return a background at the size of the canvas, as (H, W, 3) uint8 RGB.

        Raises:
            SourceError: the file cannot be used.
        """
        pixels: Array = self._get("background", name)
        return pixels

    def foreground(self, name: str) -> tuple[Array, ...]:
        """Return a cropped cut-out at several sizes, each (h, w, 4) uint8 premultiplied RGBA; see `cutout_sizes`.

        Raises:
            SourceError: the file cannot be used.
        """
        sizes: tuple[Array, ...] = self._get("foreground", name)
        return sizes

    def _get(self, kind: Kind, name: str) -> Any:
        if (kind, name) in self._kept:
            self._kept.move_to_end((kind, name))
            return self._kept[kind, name][0]
        config = self._config
        folder, file = config.bg if kind == "background" else config.fg, self._files[kind][name]
        path = local_folder_of(folder) / file
        if isinstance(folder, str) and not path.is_file():  # this worker runs on another machine than the scan
            copy_file(folder, file)
        data = self._read(kind, name, path)
        value: Any
        with quiet():
            if kind == "background":
                picture = decode_file(data, path, true_colours=rules_of(self._version).true_colours)
                value = fit_background(on_white(picture), config.canvas, config.fit)
                num_bytes = value.nbytes
            else:
                value = cutout_sizes(decode_foreground(data, path, self._version), config)
                num_bytes = sum(pixels.nbytes for pixels in value)
        self._kept[kind, name] = value, num_bytes
        self._bytes += num_bytes
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value

    def _read(self, kind: Kind, name: str, path: Path) -> bytes:
        """Return the bytes of a source, which must be the file that it was when the sources were checked.

        Raises:
            SourceError: the file has changed since then, or it cannot be read.
        """
        data = read_picture(path)
        expected = self._digests.get((kind, name))
        if expected and hashlib.sha256(data).hexdigest() != expected:
            raise SourceError(
                "changed while the dataset was built, so its samples would not be of one picture. Put the file back "
                f"and run the same command again, or build into a new folder with {option('out')}",
                where=path,
            )
        return data

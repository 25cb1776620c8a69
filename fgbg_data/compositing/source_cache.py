"""A cache of decoded and resized sources, so that a worker decodes each picture once."""

from collections import OrderedDict
from typing import Any

from fgbg_data.compositing.cutouts import load_foreground
from fgbg_data.compositing.resize import cutout_sizes, fit_background
from fgbg_data.config import BuildConfig
from fgbg_data.key import Kind
from fgbg_data.pictures import load_rgb, quiet
from fgbg_data.sample import Array

CACHE_BYTES = 256 * 2**20
"""Bytes of decoded sources that one worker keeps by default."""


class SourceCache:
    """Loads sources by id and keeps them in memory; beyond a limit it drops the least recently used ones.

    Args:
        config: the folders of the sources, the canvas and the range of scales.
        backgrounds: id -> path relative to the folder of backgrounds.
        foregrounds: id -> path relative to the folder of foregrounds.
        limit: bytes of pixels that are kept.
    """

    def __init__(
        self,
        config: BuildConfig,
        backgrounds: dict[str, str],
        foregrounds: dict[str, str],
        limit: int = CACHE_BYTES,
    ) -> None:
        self._config = config
        self._files = {"background": backgrounds, "foreground": foregrounds}
        self._limit = limit
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
        value: Any
        with quiet():
            if kind == "background":
                value = fit_background(load_rgb(config.bg / self._files[kind][name]), config.canvas, config.fit)
                num_bytes = value.nbytes
            else:
                value = cutout_sizes(load_foreground(config.fg / self._files[kind][name]), config)
                num_bytes = sum(pixels.nbytes for pixels in value)
        self._kept[kind, name] = value, num_bytes
        self._bytes += num_bytes
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value

"""Decoded sources that a worker keeps at hand."""

from collections import OrderedDict
from typing import Any

from fgbg_data.compositing.cutouts import load_foreground
from fgbg_data.compositing.resize import cutout_sizes, fit_background
from fgbg_data.config import BuildConfig
from fgbg_data.key import Kind
from fgbg_data.pictures import load_rgb, quiet
from fgbg_data.sample import Array

CACHE_BYTES = 256 * 2**20
"""Decoded sources that one worker keeps."""


class SourceCache:
    """Decoded sources of one worker, the least recently used dropped beyond a byte limit.

    Args:
        config: gives the folders, the canvas and the scale.
        backgrounds: id -> relative path.
        foregrounds: id -> relative path.
        limit: bytes kept.
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
        """(H, W, 3) uint8 RGB at the size of the canvas."""
        pixels: Array = self._get("background", name)
        return pixels

    def foreground(self, name: str) -> tuple[Array, ...]:
        """The cropped cut-out at its sizes, (h, w, 4) uint8 premultiplied, from at most twice the largest box down."""
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

"""Arrangements: the objects of a scene are drawn one after another, and again where one would hide too much."""

from collections.abc import Callable, Sequence

from fgbg_data.compositing.figures import Figure, far_to_near, make_figure, seen_shares
from fgbg_data.compositing.plan import SplitForegrounds
from fgbg_data.compositing.scene import draw_count, draw_object, draws_of
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.errors import PlacementError, option
from fgbg_data.key import SampleKey
from fgbg_data.sample import Array

MAX_ATTEMPTS = 1000
"""How often a primary object that shows no mask pixel is drawn again before the build gives up."""
MAX_FURTHER = 50
"""How often a further object is drawn before the scene stays without it, because there is no room."""

Cutouts = Callable[[str], Sequence[Array]]
"""Id of a foreground -> its cut-out at several sizes."""


def arrange(config: BuildConfig, key: SampleKey, foregrounds: SplitForegrounds, cutouts: Cutouts) -> list[Figure]:
    """Return the objects of a sample as figures, from far to near.

    An object is drawn again if it, or an object that was drawn before it, would keep less than the share `visible` of
    its pixels. A further object for which there is no room is left out.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        foregrounds: the foregrounds of its split.
        cutouts: gives the pixels of a foreground.

    Raises:
        PlacementError: no draw shows a mask pixel of the primary object.
    """
    figures = [_primary(config, key, foregrounds.by_id[key.foreground], cutouts)]
    draws = draws_of(config, key)
    for number in range(2, draw_count(config, key) + 1):
        for attempt in range(MAX_FURTHER):
            name = foregrounds.choice.choose(draws.of_object(number, attempt), "foreground")
            placed = draw_object(config, key, number, foregrounds.by_id[name], attempt)
            tried = far_to_near([*figures, make_figure(placed, cutouts(name), config.canvas)])
            if all(full and seen >= config.visible * full for seen, full in seen_shares(tried, config.canvas)):
                figures = tried
                break
    return figures


def _primary(config: BuildConfig, key: SampleKey, foreground: Source, cutouts: Cutouts) -> Figure:
    """Return the figure of the primary object: the first that is drawn with a mask pixel."""
    for attempt in range(MAX_ATTEMPTS):
        placed = draw_object(config, key, 1, foreground, attempt)
        figure = make_figure(placed, cutouts(foreground.id), config.canvas)
        if figure.area.any():
            return figure
    raise PlacementError(
        f"{MAX_ATTEMPTS} placements of {foreground.id} showed no pixel with half coverage. It may be too faint or too "
        f"thin for this {option('size')} and {option('scale')}; remove it, or use a larger {option('scale')}",
        str(key),
    )

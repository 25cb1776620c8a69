"""Arrangements: the objects of a scene are drawn one after another, and again where one would hide too much."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fgbg_data.compositing.figures import Figure, far_to_near, make_figure, on_stage, seen_shares
from fgbg_data.compositing.plan import SplitSources
from fgbg_data.compositing.scene import draw_count, draw_decoy, draw_num_decoys, draw_object, draws_of
from fgbg_data.compositing.source_file import Source
from fgbg_data.compositing.stage import Stage
from fgbg_data.compositing.texture import fill
from fgbg_data.config import BuildConfig
from fgbg_data.errors import PlacementError, option
from fgbg_data.key import SampleKey
from fgbg_data.sample import Array

MAX_ATTEMPTS = 1000
"""How often a primary object that shows no mask pixel is drawn again before the build gives up."""
MAX_FURTHER = 50
"""How often a further object is drawn before the scene stays without it, because there is no room."""


class Pictures(Protocol):
    """Gives the pixels of sources: a `SourceCache`."""

    def foreground(self, name: str) -> Sequence[Array]:
        """Return a cut-out at several sizes, as `cutout_sizes` returns them."""
        ...

    def background(self, name: str) -> Array:
        """Return a background at the size of the canvas, (H, W, 3) uint8 RGB."""
        ...


def arrange(
    config: BuildConfig, key: SampleKey, sources: SplitSources, pictures: Pictures, stage: Stage | None = None
) -> list[Figure]:
    """Return the objects of a sample as figures, from far to near.

    An object is drawn again if it, or an object that was drawn before it, would keep less than the share `visible` of
    its pixels. A further object for which there is no room is left out.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        sources: the sources of its split.
        pictures: gives the pixels of a source.
        stage: the ground on which the objects stand; None places them freely.

    Raises:
        PlacementError: no draw shows a mask pixel of the primary object.
    """
    count, draws = draw_count(config, key), draws_of(config, key)
    if not count:
        return []
    figures = [_primary(config, key, sources.foregrounds[key.foreground], pictures, stage)]
    for number in range(2, count + 1):
        for attempt in range(MAX_FURTHER):
            name = sources.foreground_choice.choose(draws.of_object(number, attempt), "foreground")
            figure = make_object(config, key, number, sources.foregrounds[name], attempt, pictures, stage)
            tried = far_to_near([*figures, figure])
            if all(full and seen >= config.visible * full for seen, full in seen_shares(tried, config.canvas)):
                figures = tried
                break
    return figures


def arrange_decoys(config: BuildConfig, key: SampleKey, sources: SplitSources, pictures: Pictures) -> list[Figure]:
    """Return the decoys of a sample as figures, in the order of painting.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        sources: the sources of its split. If it has only one background, a part of this one fills the decoys.
        pictures: gives the pixels of a source.
    """
    figures = []
    for number in range(1, draw_num_decoys(config, key) + 1):
        draws = draws_of(config, key).of_decoy(number)
        name = sources.foreground_choice.choose(draws, "foreground")
        background = sources.background_choice.choose(draws, "background", besides=key.background)
        figures.append(make_decoy(config, key, number, sources.foregrounds[name], background, pictures))
    return figures


def make_object(
    config: BuildConfig,
    key: SampleKey,
    number: int,
    foreground: Source,
    attempt: int,
    pictures: Pictures,
    stage: Stage | None = None,
) -> Figure:
    """Draw one object of a sample and return it as pixels; for the arguments see `draw_object`."""
    placed = draw_object(config, key, number, foreground, attempt, stage)
    return on_stage(make_figure(placed, pictures.foreground(foreground.id), config.canvas), stage, config)


def make_decoy(
    config: BuildConfig, key: SampleKey, number: int, foreground: Source, background: str, pictures: Pictures
) -> Figure:
    """Draw one decoy of a sample and return it as pixels: the silhouette of a foreground, filled with a background."""
    placed = draw_decoy(config, key, number, foreground, background)
    figure = make_figure(placed, pictures.foreground(foreground.id), config.canvas)
    return figure._replace(cutout=fill(figure.cutout, pictures.background(background), placed.texture))


def _primary(
    config: BuildConfig, key: SampleKey, foreground: Source, pictures: Pictures, stage: Stage | None
) -> Figure:
    """Return the figure of the primary object: the first with a mask pixel that the background leaves to be seen."""
    for attempt in range(MAX_ATTEMPTS):
        figure = make_object(config, key, 1, foreground, attempt, pictures, stage)
        seen, full = (int(np.count_nonzero(each)) for each in (figure.unhidden, figure.area))
        if seen and (stage is None or seen >= config.visible * full):
            return figure
    raise PlacementError(
        f"{MAX_ATTEMPTS} placements of {foreground.id} showed no pixel with half coverage. It may be too faint or too "
        f"thin for this {option('size')} and {option('scale')}; remove it, or use a larger {option('scale')}",
        str(key),
    )

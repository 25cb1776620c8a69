"""The look of an object: how it is turned, coloured and blended. All of it is drawn by the key."""

from typing import NamedTuple

from fgbg_data.compositing.blends import Blend, draw_blend
from fgbg_data.compositing.colour import Colour, Match, draw_colour, draw_match
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.rotation import Rotation, draw_rotation
from fgbg_data.config import BuildConfig


class Look(NamedTuple):
    """How one object looks. The default leaves the cut-out as it is."""

    rotation: Rotation = Rotation()
    """How far it is turned."""
    colour: Colour = Colour()
    """How its colours are changed."""
    match: Match = Match()
    """How far it is matched to the background around it."""
    blend: Blend = Blend()
    """How its edge meets what is behind it."""


def draw_look(config: BuildConfig, draws: Draws, twin: int) -> Look:
    """Draw the look of one object.

    Args:
        config: the configuration of the build.
        draws: the draws of the object.
        twin: number of the twin, from 0. Each takes the next blend of the list.
    """
    if not config.is_scene:
        return Look()
    draws = draws._replace(retry="")  # an object that is drawn again elsewhere looks the same
    names = tuple(config.blend)
    return Look(
        rotation=draw_rotation(draws, config.rotate),
        colour=draw_colour(draws, config.colour),
        match=draw_match(draws, *config.match_range),
        blend=draw_blend(draws, names[twin:] + names[:twin], config.canvas),
    )

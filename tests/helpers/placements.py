"""Placements that are made without a plan."""

from fgbg_data.compositing.plan import Placement


def placement_at(top: int, left: int, height: int, width: int, *, mirrored: bool = False) -> Placement:
    """A placement for tests that look only at its box."""
    return Placement(
        key="k",
        background="b",
        foreground="f",
        position=0,
        mirrored=mirrored,
        top=top,
        left=left,
        height=height,
        width=width,
    )

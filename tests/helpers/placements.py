"""Objects that are placed without a plan."""

from fgbg_data.compositing.scene import SceneObject


def placement_at(top: int, left: int, height: int, width: int, *, mirrored: bool = False) -> SceneObject:
    """An object for tests that look only at its box."""
    return SceneObject(number=1, foreground="f", mirrored=mirrored, top=top, left=left, height=height, width=width)

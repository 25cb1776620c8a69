"""A scene: a background with objects on it. Everything about it is drawn here, before there are pixels."""

from dataclasses import dataclass

from fgbg_data.compositing.colour import Colour, Match
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.look import Look, draw_look
from fgbg_data.compositing.plan import draw_box
from fgbg_data.compositing.rotation import Rotation, rotated_size
from fgbg_data.compositing.source_file import Source
from fgbg_data.compositing.stage import Stage
from fgbg_data.compositing.standing import stand
from fgbg_data.compositing.texture import Texture, draw_texture
from fgbg_data.config import BuildConfig
from fgbg_data.key import SampleKey
from fgbg_data.splits import draw


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One cut-out in a scene.

    The *box* is the rectangle that the upright cut-out fills. It may reach beyond the canvas as far as the option
    `truncate` allows.
    """

    number: int
    """1 for the primary object, which the key names; 2, 3 and so on for further ones."""
    foreground: str
    """Id of the foreground."""
    class_name: str = ""
    """Class of the foreground; empty if it has none."""
    mirrored: bool
    """Whether the cut-out is flipped left to right."""
    top: int
    """Row of the box's upper edge in pixels; negative above the canvas."""
    left: int
    """Column of the box's left edge in pixels; negative left of the canvas."""
    height: int
    """Height of the whole box in pixels."""
    width: int
    """Width of the whole box in pixels."""
    z: float = 0.0
    """How near it is; larger is nearer. Objects are painted in this order, so that nearer ones hide farther ones.
    On the ground, it is the code of the ground's inverse depth at the foot, of 12 bits."""
    attempt: int = 0
    """How many earlier draws were dropped because too little of it, or of another object, would have been seen."""
    look: Look = Look()
    """How it is turned, coloured and blended."""

    @property
    def box(self) -> list[int]:
        """[top, left, height, width] of the box in pixels."""
        return [self.top, self.left, self.height, self.width]


@dataclass(frozen=True, kw_only=True)
class Decoy(SceneObject):
    """The silhouette of a cut-out, filled with a part of another background. It belongs to no object."""

    background: str
    """Id of the background that fills it."""
    texture: Texture
    """The part of that background."""


def draws_of(config: BuildConfig, key: SampleKey) -> Draws:
    """Return the draws of a sample, which its mirrored twin shares."""
    return Draws(config.seed, str(SampleKey(key.background, key.foreground, key.position)))


def draw_count(config: BuildConfig, key: SampleKey) -> int:
    """Return the number of objects that are drawn for a sample; 0 if it is one of those without objects.

    Whether it is empty depends on the whole key, because the twins of an empty picture would be the same picture.
    """
    if config.empty and draw(config.seed, str(key._replace(prefix="")), "empty", 2**32) < config.empty * 2**32:
        return 0
    low, high = config.object_range
    return low + draws_of(config, key).below("objects", high - low + 1)


def draw_num_decoys(config: BuildConfig, key: SampleKey) -> int:
    """Return the number of decoys that are drawn for a sample."""
    low, high = config.decoy_range
    return low + draws_of(config, key).below("decoys", high - low + 1)


def draw_object(
    config: BuildConfig, key: SampleKey, number: int, foreground: Source, attempt: int, stage: Stage | None = None
) -> SceneObject:
    """Draw everything about one object of a sample but its foreground. It depends on no other source and on no order.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        number: 1 for the primary object, 2 and so on for further ones.
        foreground: its foreground, with its size.
        attempt: how many earlier draws of this object were dropped.
        stage: the ground on which it stands; None places it freely.
    """
    draws = draws_of(config, key).of_object(number, attempt)
    look = draw_look(config, draws, key.twin)
    if stage is None:
        top, left, height, width = draw_box(config, foreground, draws)
        top, left = keep_inside(config, (top, left, height, width), look.rotation)
        z = round(draws.share("z"), 6) if config.object_range[1] > 1 else 0.0
    else:
        top, left, height, width, z = stand(config, stage, foreground, draws)
    flipped = number > 1 and config.mirror and draws.below("mirrored", 2) == 1
    return SceneObject(
        number=number,
        foreground=foreground.id,
        class_name=foreground.class_name,
        mirrored=key.mirrored != flipped,
        top=top,
        left=left,
        height=height,
        width=width,
        z=z,
        attempt=attempt,
        look=look,
    )


def draw_decoy(config: BuildConfig, key: SampleKey, number: int, foreground: Source, background: str) -> Decoy:
    """Draw everything about one decoy of a sample but its sources.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        number: number of the decoy, from 1.
        foreground: the foreground whose silhouette it has, with its size.
        background: id of the background that fills it.
    """
    draws = draws_of(config, key).of_decoy(number)
    top, left, height, width = draw_box(config, foreground, draws)
    look = draw_look(config, draws, key.twin)._replace(colour=Colour(), match=Match())
    top, left = keep_inside(config, (top, left, height, width), look.rotation)
    rows, columns = rotated_size(height, width, look.rotation)
    return Decoy(
        number=number,
        foreground=foreground.id,
        mirrored=key.mirrored != (config.mirror and draws.below("mirrored", 2) == 1),
        top=top,
        left=left,
        height=height,
        width=width,
        look=look,
        background=background,
        texture=draw_texture(draws, config.canvas, rows, columns),
    )


def keep_inside(config: BuildConfig, box: tuple[int, int, int, int], rotation: Rotation) -> tuple[int, int]:
    """Return (top, left) of a box, moved as little as needed so that the rotated object stays on the canvas.

    It is not moved if the option `truncate` allows objects to be cut off, nor if it is too large for the canvas.

    Args:
        config: the configuration of the build.
        box: (top, left, height, width) in pixels.
        rotation: how far the object is turned.
    """
    top, left, height, width = box
    if config.truncate or not rotation.millidegrees:
        return top, left
    rows, columns = rotated_size(height, width, rotation)
    return (
        _moved_inside(top, height, rows, config.canvas[0]),
        _moved_inside(left, width, columns, config.canvas[1]),
    )


def _moved_inside(start: int, length: int, rotated: int, limit: int) -> int:
    """Return where a side begins if the rotated side, whose middle is the same, is moved into [0, limit]."""
    if rotated > limit:
        return start
    grown = (rotated - length) // 2
    return min(max(start - grown, 0), limit - rotated) + grown


def drawn_stand(config: BuildConfig, key: SampleKey, number: int) -> float:
    """Return how far an object is moved towards the camera in composed depth, in [0, 1].

    0 leaves it on the floor under it, and 1 moves it to the nearest depth of the background. Mirrored and plain twins
    stand at the same depth.
    """
    return 0.0 if config.stand == "floor" else draws_of(config, key).of_object(number).share("stand")

"""A scene: a background with objects on it. Everything about it is drawn here, before there are pixels."""

from dataclasses import dataclass

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.plan import draw_box
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.key import SampleKey


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
    """How near it is; larger is nearer. Objects are painted in this order, so that nearer ones hide farther ones."""
    attempt: int = 0
    """How many earlier draws were dropped because too little of it, or of another object, would have been seen."""

    @property
    def box(self) -> list[int]:
        """[top, left, height, width] of the box in pixels."""
        return [self.top, self.left, self.height, self.width]


def draws_of(config: BuildConfig, key: SampleKey) -> Draws:
    """Return the draws of a sample, which its mirrored twin shares."""
    return Draws(config.seed, str(SampleKey(key.background, key.foreground, key.position)))


def draw_count(config: BuildConfig, key: SampleKey) -> int:
    """Return the number of objects that are drawn for a sample."""
    low, high = config.object_range
    return low + draws_of(config, key).below("objects", high - low + 1)


def draw_object(config: BuildConfig, key: SampleKey, number: int, foreground: Source, attempt: int) -> SceneObject:
    """Draw everything about one object of a sample but its foreground. It depends on no other source and on no order.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        number: 1 for the primary object, 2 and so on for further ones.
        foreground: its foreground, with its size.
        attempt: how many earlier draws of this object were dropped.
    """
    draws = draws_of(config, key).of_object(number, attempt)
    top, left, height, width = draw_box(config, foreground, draws)
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
        z=round(draws.share("z"), 6) if config.object_range[1] > 1 else 0.0,
        attempt=attempt,
    )


def drawn_stand(config: BuildConfig, key: SampleKey, number: int) -> float:
    """Return how far an object is moved towards the camera in composed depth, in [0, 1].

    0 leaves it on the floor under it, and 1 moves it to the nearest depth of the background. Mirrored and plain twins
    stand at the same depth.
    """
    return 0.0 if config.stand == "floor" else draws_of(config, key).of_object(number).share("stand")

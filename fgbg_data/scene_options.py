"""Options of scenes: what a picture holds beside one object, and how objects are changed and blended."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from fgbg_data.dataset.identity import SCENE_OPTIONS
from fgbg_data.errors import ConfigError, option
from fgbg_data.fields.objects import MAX_AMODAL, MAX_OBJECTS
from fgbg_data.options import (
    Converted,
    Names,
    RangeText,
    at_least,
    between,
    one_of,
    parse_range,
    range_text,
    to_names,
    to_range_text,
)

Place = Literal["free", "ground"]
Shadow = Literal["none", "contact", "cast"]

BLENDS = ("over", "feather", "box", "erode", "motion")
"""The names of the blends: the plain paste; a soft edge, wide and narrow; a narrower object; an object that moves."""
MAX_DECOYS = 16
"""Most decoys in a picture."""


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """The options that only scenes have. With all defaults, every picture is a background with one object as it is."""

    objects: RangeText = Converted(to_range_text, "1")
    """Number of objects in a picture, drawn for each: one number, (low, high), or text LOW:HIGH; at most 255. The
    further ones are drawn among the foregrounds of the same split."""
    visible: float = 0.3
    """Smallest share of the pixels of every object that other objects must leave to be seen, in [0, 1]. An object that
    would hide more of another one is drawn again."""
    amodal: bool = False
    """Store the field `amodal` too: the whole area of each object, with what others hide; for at most 16 objects."""
    empty: float = 0.0
    """Share of samples that show no object, in [0, 1)."""
    decoys: RangeText = Converted(to_range_text, "0")
    """Number of decoys in a picture, drawn for each: one number, (low, high), or text LOW:HIGH; at most 16. A decoy is
    the silhouette of a cut-out, filled with a part of another background of the same split. It is not in the mask."""
    twins: int = 1
    """Make every sample this many times, with other blends each time. There must be as many blends."""
    blend: Names = Converted(to_names, ("over",))
    """Blends, one of which is drawn for each object: some of `over`, `feather`, `box`, `erode`, `motion`."""
    rotate: float = 0.0
    """Largest angle in degrees by which an object is turned to either side, 0 to 180."""
    colour: float = 0.0
    """Strength of the random change of an object's brightness, contrast, gamma and white balance, 0 to 1."""
    match: RangeText = Converted(to_range_text, "0")
    """How far the colours of an object are moved to those of the background around it, drawn for each: one number,
    (low, high), or text LOW:HIGH, from 0 for not at all to 1 for its mean and spread."""
    camera: float = 0.0
    """Share of pictures that get some of blur, noise, vignette and the marks of JPEG, as a whole, 0 to 1."""

    place: Place = "free"
    """Where objects are placed: anywhere (`free`), or on the `ground` of the background, at the size that they have
    there. A background without ground is used as with `free`."""
    camera_height: RangeText = Converted(to_range_text, "1.2:1.8")
    """Height of the camera above the ground in metres, drawn for each background: one number, (low, high), or text
    LOW:HIGH. The lower it is, the larger are the objects."""
    require_ground: bool = False
    """Leave out backgrounds without ground, and record them, instead of placing objects freely on them."""
    occlude: bool = True
    """Let what is nearer in the background hide objects on its ground."""
    shadow: Shadow = "none"
    """Shadows of objects on the ground: `none`, under their lowest part (`contact`), or also `cast` by the light of the
    background, which is drawn once for each. They belong to no mask."""

    def check_scene(self) -> None:
        """Check the values, and keep each in the one way in which it is written.

        Raises:
            ConfigError: a value cannot work.
        """
        for name, found in (
            ("objects", self.object_range),
            ("decoys", self.decoy_range),
            ("match", self.match_range),
            ("camera_height", self.camera_range),
        ):
            object.__setattr__(self, name, range_text(found))  # 1:1 and 1 are one dataset
        one_of("place", self.place, get_args(Place))
        one_of("shadow", self.shadow, get_args(Shadow))
        for name in self.blend:
            one_of("blend", name, BLENDS)
        if len(set(self.blend)) < len(self.blend) or not self.blend:
            raise ConfigError(f"{option('blend', self.blend)}: expected each of {', '.join(BLENDS)} at most once")
        object.__setattr__(self, "blend", tuple(name for name in BLENDS if name in self.blend))
        between("visible", self.visible, 0, 1)
        if not 0 <= self.empty < 1:
            raise ConfigError(f"{option('empty', self.empty)}: expected a share of at least 0 and below 1")
        between("rotate", self.rotate, 0, 180)
        between("colour", self.colour, 0, 1)
        between("camera", self.camera, 0, 1)
        at_least("twins", self.twins, 1)
        if self.twins > len(self.blend):
            raise ConfigError(
                f"{option('twins', self.twins)} and {option('blend', self.blend)}: twins differ in their blends, so "
                f"at least {self.twins} are needed; there are {', '.join(BLENDS)}"
            )

    @cached_property
    def object_range(self) -> tuple[int, int]:
        """Smallest and largest number of objects in a picture."""
        low, high = parse_range("objects", self.objects, 1, MAX_OBJECTS, whole=True)
        if self.amodal and high > MAX_AMODAL:
            raise ConfigError(
                f"{option('objects', self.objects)} and {option('amodal', True)}: the field amodal holds at most "
                f"{MAX_AMODAL} objects"
            )
        return int(low), int(high)

    @cached_property
    def decoy_range(self) -> tuple[int, int]:
        """Smallest and largest number of decoys in a picture."""
        low, high = parse_range("decoys", self.decoys, 0, MAX_DECOYS, whole=True)
        return int(low), int(high)

    @cached_property
    def match_range(self) -> tuple[float, float]:
        """Smallest and largest strength of matching."""
        return parse_range("match", self.match, 0, 1)

    @cached_property
    def camera_range(self) -> tuple[float, float]:
        """Smallest and largest height of the camera above the ground, in metres."""
        return parse_range("camera_height", self.camera_height, 0.1, 100)

    @property
    def is_scene(self) -> bool:
        """Whether the dataset is more than the classic one, which pastes one object as it is."""
        return any(getattr(self, name) != getattr(type(self), name) for name in SCENE_OPTIONS)

    @property
    def object_fields(self) -> tuple[str, ...]:
        """Names of the fields that tell objects apart; none if every picture has one object."""
        instances = ("instances",) if self.object_range[1] > 1 else ()
        return (*instances, *(("amodal",) if self.amodal else ()))

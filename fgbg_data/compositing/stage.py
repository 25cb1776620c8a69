"""Stages: backgrounds on whose ground things can stand. The table of them is made once and kept with the dataset."""

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from fgbg_data.codecs.pictures import encode_png
from fgbg_data.dataset.file_names import GROUNDS
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.errors import ManifestError
from fgbg_data.ground.ground import Ground
from fgbg_data.ground.plane import BITS
from fgbg_data.runtime.locations import Location, join, read_text, size
from fgbg_data.sample import Array, canonical_json

NEARNESS_BITS = 8
"""Bits of the inverse depth that decides what hides an object."""
KEPT = 64
"""Number of backgrounds whose depth is kept decoded."""


@dataclass(frozen=True)
class Light:
    """Where the light of a background comes from. It is drawn once for each background."""

    across: int
    """Columns by which a shadow moves for each pixel of height of what casts it, in 1/256; to the right above 0."""
    back: int
    """Rows by which it moves up, away from the camera, for each pixel of height, in 1/256."""


@dataclass(frozen=True)
class Stage:
    """A background with a ground, its camera and its light."""

    ground: Ground
    """The ground."""
    camera_mm: int
    """Height of the camera above the ground, in millimetres."""
    light: Light
    """Its light."""
    nearness: Array
    """(H, W) uint8 inverse depth with edges as sharp as those of the picture; larger is nearer."""
    mask: Array
    """(H, W) bool: the pixels on which things can stand."""


@dataclass(frozen=True, kw_only=True)
class StageEntry:
    """What the table holds about one background."""

    background: str
    """Id of the background."""
    ground: Ground | None
    """Its ground; None if it has none."""
    reason: str = ""
    """Why it has none; empty if it has one."""
    camera_mm: int
    """Height of the camera above the ground, in millimetres."""
    light: Light
    """Its light."""
    nearness: bytes
    """PNG of its inverse depth, 8 bit; empty without ground."""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as values that JSON can hold."""
        about: dict[str, Any] = {"background": self.background}
        if self.ground is None:
            return about | {"reason": self.reason}
        return about | {
            "ground": self.ground.to_json(),
            "camera_mm": self.camera_mm,
            "light": [self.light.across, self.light.back],
            "nearness": base64.b64encode(self.nearness).decode(),
        }

    @classmethod
    def from_json(cls, found: Any) -> Self:
        """Return the entry that `to_json` gave."""
        ground = Ground.from_json(found["ground"]) if "ground" in found else None
        return cls(
            background=found["background"],
            ground=ground,
            reason=found.get("reason", ""),
            camera_mm=found.get("camera_mm", 0),
            light=Light(*found.get("light", (0, 0))),
            nearness=base64.b64decode(found.get("nearness", "")),
        )


@dataclass(frozen=True)
class Grounds:
    """The grounds of all backgrounds of a dataset."""

    made_of: str
    """Digest of everything that they were made of: backgrounds, options and the estimator."""
    entries: tuple[StageEntry, ...]
    """One for each background, in the order of ids."""

    @functools.cached_property
    def text(self) -> str:
        """The content of the file `grounds.json`."""
        lines = ",\n".join(canonical_json(entry.to_json()) for entry in self.entries)
        return f'{{"made_of": {json.dumps(self.made_of)}, "backgrounds": [\n{lines}\n]}}\n'

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of the file `grounds.json`, which the manifest names."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Return the table that a file `grounds.json` holds.

        Args:
            text: content of the file.
            where: the file, for errors.

        Raises:
            ManifestError: the file holds something else.
        """
        try:
            found = json.loads(text)
            return cls(found["made_of"], tuple(StageEntry.from_json(entry) for entry in found["backgrounds"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ManifestError(f"is no table of grounds ({type(error).__name__}: {error})", where=where) from error

    @functools.cached_property
    def by_id(self) -> dict[str, StageEntry]:
        """Id of a background -> its entry."""
        return {entry.background: entry for entry in self.entries}

    @property
    def without(self) -> dict[str, str]:
        """Id of each background without ground -> the reason."""
        return {entry.background: entry.reason for entry in self.entries if entry.ground is None}

    def only(self, backgrounds: Iterable[str]) -> Self:
        """Return the table with the named backgrounds only."""
        kept = set(backgrounds)
        return type(self)(self.made_of, tuple(entry for entry in self.entries if entry.background in kept))


def read_grounds(root: Location, manifest: Manifest) -> Grounds | None:
    """Return the grounds of a dataset; None if its objects are placed freely.

    Args:
        root: folder or URL of the dataset.
        manifest: manifest of that dataset.

    Raises:
        FgbgError: the table is missing, or it is not the one that the manifest names.
    """
    named = manifest.identity.ground
    if named is None:
        return None
    location = join(root, GROUNDS)
    if size(location) is None:
        raise ManifestError(f"is missing, and {MANIFEST} names it", where=location)
    text = read_text(location)
    if hashlib.sha256(text.encode()).hexdigest() != named.sha256:
        raise ManifestError(f"is not the table that {MANIFEST} names: their digests differ", where=location)
    return Grounds.parse(text, str(location))


class Stages:
    """Gives the stage of a background, decoded.

    Args:
        grounds: the table; None if things are placed freely.
    """

    def __init__(self, grounds: Grounds | None) -> None:
        self._grounds = grounds
        self._open = functools.lru_cache(KEPT)(self._decode)

    def of(self, background: str) -> Stage | None:
        """Return the stage of a background; None if things are placed freely on it."""
        return self._open(background) if self._grounds is not None else None

    def _decode(self, background: str) -> Stage | None:
        import cv2

        entry = self._grounds.by_id[background] if self._grounds else None
        if entry is None or entry.ground is None:
            return None
        nearness = cv2.imdecode(np.frombuffer(entry.nearness, np.uint8), cv2.IMREAD_UNCHANGED)
        if nearness is None:
            raise ManifestError(f"holds a damaged picture of the depth of {background}", where=GROUNDS)
        height, width = nearness.shape
        return Stage(entry.ground, entry.camera_mm, entry.light, nearness, entry.ground.mask(height, width))


def encode_nearness(codes: Array) -> bytes:
    """Return quantised inverse depth as the table holds it: an 8-bit PNG.

    Args:
        codes: (H, W) integers of `ground.plane.BITS` bits.
    """
    return encode_png((codes >> (BITS - NEARNESS_BITS)).astype(np.uint8))


def digest_of(values: Sequence[Any]) -> str:
    """Return a digest of some JSON values, as 32 hex digits."""
    return hashlib.blake2b(canonical_json(list(values)).encode(), digest_size=16).hexdigest()

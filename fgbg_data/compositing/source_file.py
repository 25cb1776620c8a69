"""What is known of one source picture: usable, or not."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Source(NamedTuple):
    """What the plan needs to know of one source: its id, and its size in pixels after cropping."""

    id: str
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One checked picture.

    Attributes:
        id: name in keys, a pure function of `file` and the kind of source.
        file: path relative to the source folder, with `/`.
        sha256: of the file.
        height: after EXIF rotation, and for a foreground after cropping to alpha > 0; in pixels.
        width: likewise.
        provenance: licence, author and url, as far as `sources.csv` tells.
    """

    id: str
    file: str
    sha256: str
    height: int
    width: int
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def planned(self) -> Source:
        """What the plan needs of it."""
        return Source(self.id, self.height, self.width)

    def described(self) -> dict[str, Any]:
        """Return its entry in the manifest."""
        entry = {"id": self.id, "file": self.file, "sha256": self.sha256}
        return entry | {"height": self.height, "width": self.width} | self.provenance


@dataclass(frozen=True)
class BadSource:
    """One unusable picture, or line of `sources.csv`, and what is wrong with it."""

    file: str
    problem: str

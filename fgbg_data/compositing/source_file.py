"""One source picture after its check: usable or not."""

from dataclasses import dataclass, field
from typing import NamedTuple

from fgbg_data.compositing.similar import Look
from fgbg_data.dataset.identity import SourceEntry


class Source(NamedTuple):
    """The facts of a source that the plan needs."""

    id: str
    """Name of the source in keys."""
    height: int
    """Height in pixels, after EXIF rotation and for a foreground after cropping to what is visible."""
    width: int
    """Width in pixels, measured in the same way."""
    marks: tuple[str, ...] = ()
    """Its digest, and its group if it has one. Sources that share a mark stay on one side of a holdout."""
    class_name: str = ""
    """Class of a foreground: the first folder of its path; empty without a folder."""
    height_mm: int = 0
    """Height of a foreground in the scene, in millimetres; 0 unless things are placed on the ground."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A picture that passed its check."""

    id: str
    """Name of the source in keys, computed from `file` and the kind of source."""
    file: str
    """Path relative to the source folder, with `/`."""
    sha256: str
    """SHA-256 of the file, in hex."""
    height: int
    """Height in pixels, after EXIF rotation and for a foreground after cropping to what is visible."""
    width: int
    """Width in pixels, measured in the same way."""
    provenance: dict[str, str] = field(default_factory=dict)
    """Licence, author and URL, as far as `sources.csv` gives them."""
    group: str = ""
    """Name of its group, such as a video or a room; empty if it belongs to none."""
    look: Look | None = None
    """Its perceptual hashes and mean colour, by which near copies are found; None if they were not computed."""
    converted: bool = False
    """Whether its colours are converted to sRGB by its colour profile."""
    animated: bool = False
    """Whether it is an animation, of which only the first frame is used."""
    paged: bool = False
    """Whether it is a TIFF of several pages; only its first page is used."""
    clear: bool = False
    """Whether it is a background with transparent parts."""
    filled: float = 1.0
    """Share of a cut-out's box that its mask fills; 1 for a background."""
    height_mm: int | None = None
    """Height of a foreground in the scene, in millimetres: as `sources.csv` gives it, and once the build places things
    on the ground, of every foreground."""

    @property
    def planned(self) -> Source:
        """The facts of the source that the plan needs."""
        return Source(self.id, self.height, self.width, self.entry.marks, self.entry.class_name, self.height_mm or 0)

    @property
    def entry(self) -> SourceEntry:
        """The source as an entry of the manifest."""
        return SourceEntry(
            id=self.id,
            file=self.file,
            sha256=self.sha256,
            height=self.height,
            width=self.width,
            group=self.group,
            height_mm=self.height_mm,
        )


@dataclass(frozen=True)
class BadSource:
    """A picture, or a line of `sources.csv`, that cannot be used."""

    file: str
    """Path relative to the source folder, with `/`."""
    problem: str
    """What is wrong, without the path. A build with `skip_bad` records this text in the manifest."""

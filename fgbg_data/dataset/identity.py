"""What a dataset is made of: sources, options, estimator and history; and the fingerprint of it all.

Everything here is a frozen view of one JSON object, `identity` in `dataset.json`. `from_json` reads and checks it, and
`to_json` gives it back as it was, which the fingerprint depends on.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fgbg_data.dataset.json_files import check_version
from fgbg_data.dataset.json_types import Count, FormatName, JsonError, RelativePath, Side, Within
from fgbg_data.dataset.json_values import from_json, json_field, to_json
from fgbg_data.key import Kind
from fgbg_data.sample import canonical_json
from fgbg_data.splits import Holdout

DepthMode = Literal["infer", "compose", "both"]

SCENE_OPTIONS = (
    *("objects", "visible", "amodal", "empty", "decoys", "twins"),
    *("blend", "rotate", "colour", "match", "camera"),
    *("place", "camera_height", "require_ground", "occlude", "shadow"),
)
"""Options of a build that only scenes have. If all have their defaults, the dataset is the classic one: every picture
is a background with one object, pasted as it is."""


def depth_labels(mode: DepthMode) -> dict[str, str]:
    """Return field of depth -> how it is made, for a value of the option `depth_mode`.

    >>> depth_labels("both")
    {'depth': 'inferred', 'depth_composed': 'composed'}
    """
    labels: dict[DepthMode, dict[str, str]] = {
        "infer": {"depth": "inferred"},
        "compose": {"depth": "composed"},
        "both": {"depth": "inferred", "depth_composed": "composed"},
    }
    return labels[mode]


@dataclass(frozen=True, kw_only=True)
class SourceEntry:
    """One source picture of a dataset."""

    id: str
    """Name of the picture in keys."""
    sha256: str
    """Digest of the file, as `sha256sum` prints it; empty if the dataset was made of shards without a manifest."""
    file: RelativePath | None = json_field(default=None)
    """Path in the folder of the sources; None if it is not known."""
    height: Side | None = json_field(default=None)
    """Height after EXIF rotation, and for a foreground after cropping to what is visible, in pixels."""
    width: Side | None = json_field(default=None)
    """Width after EXIF rotation, and for a foreground after cropping to what is visible, in pixels."""
    group: str = json_field(default="")
    """Name of the group that it belongs to, such as a video or a room; empty if it belongs to none."""
    height_mm: int | None = json_field(default=None)
    """Height of a foreground in the scene, in millimetres; None unless things are placed on the ground."""

    @property
    def class_name(self) -> str:
        """The class that a foreground belongs to: the first folder of its path; empty without a folder.

        >>> SourceEntry(id="chair-red", sha256="", file="chair/red.png").class_name
        'chair'
        """
        folder, slash, _ = (self.file or "").partition("/")
        return unicodedata.normalize("NFC", folder) if slash else ""

    @property
    def picture(self) -> str:
        """The digest, which equal pictures share, or the id if there is no digest."""
        return self.sha256 or self.id

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that keep sources together: no holdout parts two that share one; see `fgbg_data.splits.join_units`."""
        return (self.picture, f"group {self.group}") if self.group else (self.picture,)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All sources of a dataset, each kind in the order of ids."""

    backgrounds: tuple[SourceEntry, ...]
    foregrounds: tuple[SourceEntry, ...]

    def of(self, kind: Kind) -> tuple[SourceEntry, ...]:
        """Return the sources of a kind."""
        return self.backgrounds if kind == "background" else self.foregrounds


@dataclass(frozen=True, kw_only=True)
class SkippedSource:
    """One picture that could not be used and was left out."""

    kind: Kind
    file: str
    """Path in the folder of the sources."""
    problem: str
    """Why it could not be used."""


@dataclass(frozen=True, kw_only=True)
class RecordedConfig:
    """The options of a build as `dataset.json` holds them. In a merged dataset, an option that differed is `mixed`.

    The fields are the options that readers ask for; `values` holds all of them.
    """

    format: tuple[FormatName, ...]
    """Formats of the shards."""
    holdout: Holdout
    """What val and test do not share with train."""
    depth_bits: Annotated[int, Within(1, 16)] | None = None
    """Bits of the codes of depth; None without depth."""
    depth_mode: DepthMode = "infer"
    """How depth is made."""
    stand: str | None = None
    """Where a cut-out stands in composed depth; None if depth is inferred."""
    relief: float | None = None
    """Share of the depth range that a cut-out's own relief takes in composed depth; None if depth is inferred."""
    values: Mapping[str, Any] = json_field(whole=True)
    """All options: name -> JSON value, as the manifest holds them."""

    def __post_init__(self) -> None:
        if not self.format:
            raise JsonError("names no format").inside("format")
        for name in ("stand", "relief"):
            if self.depth_mode != "infer" and getattr(self, name) is None:
                raise JsonError("is missing beside depth_mode").inside(name)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return options from their JSON values.

        Raises:
            JsonError: an option that readers ask for is missing, or is of the wrong type.
        """
        return from_json(cls, values)

    def changed(self, **values: Any) -> Self:
        """Return the same options with other values for some."""
        return self.of(**{**self.values, **values})

    @property
    def is_scene(self) -> bool:
        """Whether the dataset is more than the classic one: whether it has an option that only scenes have."""
        return any(name in self.values for name in SCENE_OPTIONS)

    @property
    def labels(self) -> dict[str, str]:
        """Field of depth -> how it is made; also for a dataset without depth, whose mode is `infer`."""
        return depth_labels(self.depth_mode)


@dataclass(frozen=True, kw_only=True)
class EstimatorIdentity:
    """What the output of a depth estimator depends on: the result of its method `identity`."""

    name: str
    licence: str | None = None
    weights_sha256: str | None = None
    values: Mapping[str, Any] = json_field(whole=True)
    """The whole result of the method: also device, dtype, batch size, preprocessing."""


@dataclass(frozen=True, kw_only=True)
class GroundIdentity:
    """The table of grounds on which things stand, the file `grounds.json`."""

    sha256: str
    """Digest of the file."""
    estimator: EstimatorIdentity
    """The estimator in whose depth the grounds were found."""
    without: tuple[str, ...] = json_field(default=())
    """Ids of the backgrounds without ground, on which things are placed freely."""


@dataclass(frozen=True, kw_only=True)
class Reencoded:
    """Image files that were encoded anew."""

    image: str
    """Their codec."""
    quality: Count


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The options of a command that made a dataset from others."""

    reencoded: Reencoded | None = None
    """How images were encoded anew, which changes their pixels; None if they were not."""
    renamed: bool = False
    """Whether sources have other ids than in the datasets that were read."""
    values: Mapping[str, Any] = json_field(whole=True)
    """All options: name -> JSON value."""


@dataclass(frozen=True, kw_only=True)
class HistoryStep:
    """One command that made a dataset from others: `convert`, `merge`, `split` or `relabel`."""

    command: str
    read: tuple[str, ...] = json_field(name="from")
    """Fingerprints of the datasets that were read."""
    options: StepOptions

    @classmethod
    def of(cls, command: str, read: Sequence[str], options: Mapping[str, Any]) -> Self:
        """Return the step of a command, from its options as JSON values."""
        return cls(command=command, read=tuple(read), options=from_json(StepOptions, dict(options)))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything that changes a dataset."""

    config: RecordedConfig
    sources: Sources
    skipped: tuple[SkippedSource, ...]
    """Pictures that were left out because they could not be used."""
    estimator: EstimatorIdentity | None
    """None without depth."""
    ground: GroundIdentity | None = json_field(default=None)
    """None unless things are placed on the ground."""
    history: tuple[HistoryStep, ...] = json_field(default=())
    """What was done to the dataset after its build, in order."""
    format_version: int
    """Version of the build that made the samples."""

    def __post_init__(self) -> None:
        check_version(self.format_version)

    def fingerprint(self) -> str:
        """Return 32 hex digits that no other dataset has. The name of a recipe does not count.

        Sources count by id, digest and group, skipped ones by file.
        """
        value = to_json(self)
        value["config"].pop("recipe", None)  # a name for options, which count by themselves
        value["sources"] = {
            name: [
                (source["id"], source["sha256"], *(source[name] for name in ("group", "height_mm") if name in source))
                for source in found
            ]
            for name, found in value["sources"].items()
        }
        value["skipped"] = [(source.kind, source.file) for source in self.skipped]
        return fingerprint(value)


def fingerprint(value: Any) -> str:
    """Return 32 hex digits of BLAKE2b over the canonical JSON of a value."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()

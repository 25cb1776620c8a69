"""The configuration of a build: one frozen dataclass, read from TOML and options, and its fingerprint."""

import dataclasses
import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from fgbg_data.dataset.identity import depth_labels
from fgbg_data.depth.registry import shown_name
from fgbg_data.errors import ConfigError, option
from fgbg_data.options import at_least, between, check_shares, load_toml, one_of, parse_size
from fgbg_data.splits import Holdout

Fit = Literal["cover", "stretch"]
ImageFormat = Literal["jpg", "png"]
Hdf5Layout = Literal["pixels", "encoded"]
Device = Literal["auto", "cpu", "cuda"]
DepthMode = Literal["infer", "compose", "both"]
Stand = Literal["floor", "drawn"]

_NOT_IN_FINGERPRINT = {"bg", "fg", "out", "jobs", "device", "check", "skip_bad", "overwrite"}
"""Where things lie and how they are run. The kind of device counts through the estimator's identity,
sources count by id and digest."""

_TOML_TYPES: dict[Any, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    int | None: ("a whole number", (int,)),
    float: ("a number", (float, int)),
    bool: ("true or false", (bool,)),
    tuple[str, ...]: ("text such as 'tar,hdf5'", (str, tuple)),
}
"""Type of a field -> what to call it, and what TOML gives for it; any other field is text."""
_SIZES = ("size", "scale", "depth_size")
"""Fields of text where a number is meant as its text."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What to build. Every field is an option of `fgbg-data build` and a key of its TOML file.

    Raises:
        ConfigError: a value cannot work; the text names the option.
    """

    bg: Path
    """Folder of background pictures, searched with its subfolders."""
    fg: Path
    """Folder of foreground cut-outs with transparency."""
    out: Path
    """Folder that becomes the dataset."""
    positions: int = 20
    """Placements of every foreground on every background."""
    mirror: bool = True
    """Also make every placement with the cut-out flipped."""
    scale: str = "0.4:0.7"
    """Range of max(height / canvas height, width / canvas width) of the box, or `native`."""
    truncate: float = 0.0
    """Largest share of the box's area that may lie outside the canvas."""
    size: str = "224"
    """Canvas: a side, or WIDTHxHEIGHT, in pixels."""
    fit: Fit = "cover"
    """How a background fills the canvas: `cover` crops it, `stretch` distorts it."""
    samples: int | None = None
    """Total over all splits, a fair subset of the whole plan; None is everything."""
    seed: int = 0
    """Every draw of the plan comes from it."""
    depth: str = "tiny"
    """Name of the depth estimator, or `none`."""
    device: Device = "auto"
    """Where the estimator runs."""
    depth_mode: DepthMode = "infer"
    """`infer` asks the estimator about every composite; `compose` asks it about every source, and makes the depth of
    composites of that; `both` stores the one as `depth` and the other as `depth_composed`."""
    stand: Stand = "floor"
    """Where a cut-out stands in composed depth: on the `floor` under it, or at a `drawn` depth in front of that."""
    relief: float = 0.2
    """Share of the way from the farthest background to the cut-out that its own relief takes in composed depth."""
    depth_bits: int = 12
    """Levels of the stored depth: 2 to this power."""
    depth_size: str = "full"
    """Stored depth: `full`, `half`, or WIDTHxHEIGHT."""
    estimator_batch: int | None = None
    """Pictures in one estimator call; None is the estimator's default."""
    format: tuple[str, ...] = ("tar",)
    """Shard formats, all written in one pass."""
    shard_size: int = 1000
    """Samples in a shard; the last one of a split may hold fewer."""
    image_format: ImageFormat = "jpg"
    """How images are encoded."""
    quality: int = 95
    """JPEG quality."""
    hdf5_layout: Hdf5Layout = "pixels"
    """HDF5 holds decoded `pixels`, fast to read, or the tar's `encoded` files, small."""
    val: float = 0.1
    """Share of the held-out sources that go to the val split."""
    test: float = 0.1
    """Share of the held-out sources that go to the test splits."""
    holdout: Holdout = "background"
    """What val and test never share with training."""
    jobs: int = 0
    """Worker processes; 0 is one per core."""
    check: bool = False
    """On resume, compare the sha256 of finished shards, not only their size."""
    skip_bad: bool = False
    """Leave unusable pictures out, and record them, instead of stopping."""
    overwrite: bool = False
    """Replace the dataset in `out` by this one."""

    def __post_init__(self) -> None:
        from fgbg_data.shards import BUILT

        for name in ("bg", "fg", "out"):
            object.__setattr__(self, name, Path(getattr(self, name)))
        for name in _SIZES:
            object.__setattr__(self, name, str(getattr(self, name)))
        if isinstance(self.format, str):
            object.__setattr__(self, "format", tuple(name.strip() for name in self.format.split(",")))
        at_least("positions", self.positions, 1)
        at_least("shard_size", self.shard_size, 1)
        at_least("jobs", self.jobs, 0)
        at_least("seed", self.seed, 0)
        if self.samples is not None:
            at_least("samples", self.samples, 1)
        if self.estimator_batch is not None:
            at_least("estimator_batch", self.estimator_batch, 1)
        between("quality", self.quality, 1, 100)
        between("depth_bits", self.depth_bits, 1, 16)
        for name in ("truncate", "val", "test", "relief"):  # 0 and 0.0 are one dataset
            object.__setattr__(self, name, float(getattr(self, name)))
        if not 0 <= self.truncate < 1:
            raise ConfigError(f"{option('truncate', self.truncate)}: expected a share of at least 0 and below 1")
        check_shares(self.val, self.test)
        if not 0 <= self.relief <= 1:
            raise ConfigError(f"{option('relief', self.relief)}: expected a share of at least 0 and at most 1")
        for name, kind in (
            ("fit", Fit),
            ("holdout", Holdout),
            ("image_format", ImageFormat),
            ("hdf5_layout", Hdf5Layout),
            ("device", Device),
            ("depth_mode", DepthMode),
            ("stand", Stand),
        ):
            one_of(name, getattr(self, name), get_args(kind))
        if self.depth == "none" and self.depth_mode != "infer":
            raise ConfigError(
                f"{option('depth_mode', self.depth_mode)} and {option('depth', 'none')}: composed depth needs an "
                "estimator"
            )
        if not self.format:
            raise ConfigError(f"{option('format', ())}: expected one or more of {', '.join(BUILT)}")
        for name in self.format:
            one_of("format", name, BUILT)
        if len(set(self.format)) < len(self.format):
            raise ConfigError(f"{option('format', self.format)}: names one format twice")
        # In the registry's order, so that `tar,hdf5` and `hdf5,tar` are one dataset.
        object.__setattr__(self, "format", tuple(name for name in BUILT if name in self.format))
        _ = self.canvas, self.scale_range, self.depth_shape  # each raises if it cannot be parsed

    @cached_property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""
        return parse_size("size", self.size)

    @cached_property
    def scale_range(self) -> tuple[float, float] | None:
        """Smallest and largest scale, or None for `native`."""
        if self.scale == "native":
            return None
        try:
            low, high = (float(part) for part in self.scale.split(":"))
        except ValueError:
            raise ConfigError(f"{option('scale', self.scale)}: expected LOW:HIGH, such as 0.4:0.7, or native") from None
        if not 0 < low <= high <= 4:
            raise ConfigError(f"{option('scale', self.scale)}: expected 0 < LOW <= HIGH <= 4")
        return low, high

    @cached_property
    def depth_shape(self) -> tuple[int, int] | None:
        """(height, width) of the stored depth, or None without depth."""
        height, width = self.canvas
        if self.depth_size == "full":
            shape = height, width
        elif self.depth_size == "half":
            shape = (height + 1) // 2, (width + 1) // 2
        else:
            shape = parse_size("depth_size", self.depth_size, words="full, half, ")
        if shape[0] > height or shape[1] > width:
            raise ConfigError(f"{option('depth_size', self.depth_size)}: larger than the image ({width}x{height})")
        return None if self.depth == "none" else shape

    @property
    def depth_fields(self) -> dict[str, str]:
        """Field of depth -> how it is made, `inferred` or `composed`; empty without depth."""
        return {} if self.depth == "none" else depth_labels(self.depth_mode)

    @property
    def inferred_field(self) -> str | None:
        """The field that holds what the estimator says about each composite, or None."""
        return next((field for field, how in self.depth_fields.items() if how == "inferred"), None)

    @property
    def composed_field(self) -> str | None:
        """The field that holds depth composed of the depth of the sources, or None."""
        return next((field for field, how in self.depth_fields.items() if how == "composed"), None)

    def described(self) -> dict[str, Any]:
        """Return what enters the fingerprint, as JSON values, in the form in which the manifest shows it."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in _NOT_IN_FINGERPRINT
        }
        values["format"] = list(self.format)
        values["depth"] = shown_name(self.depth)
        # Two ways to write one size are one dataset.
        height, width = self.canvas
        values["size"] = f"{width}x{height}"
        if self.depth_shape:
            values["depth_size"] = f"{self.depth_shape[1]}x{self.depth_shape[0]}"
        else:  # options of a field that is not there
            values["depth_size"] = values["depth_bits"] = values["estimator_batch"] = None
        if self.depth_mode == "infer":  # is not mentioned, for then these options change nothing
            for name in ("depth_mode", "stand", "relief"):
                del values[name]
        if self.scale_range:
            values["scale"] = "{}:{}".format(*self.scale_range)
        if self.image_format == "png":
            values["quality"] = None
        if "hdf5" not in self.format:
            values["hdf5_layout"] = None
        return values


def read_toml(path: Path) -> dict[str, Any]:
    """Return the options that a TOML file gives, under the names of `BuildConfig`.

    Raises:
        ConfigError: the file cannot be read, or holds a key that is no option (the nearest is named).
    """
    values = load_toml(path)
    fields = {field.name: field for field in dataclasses.fields(BuildConfig)}
    options = {key.replace("-", "_"): value for key, value in values.items()}
    for key in options:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{path}: {key!r} is no option{hint}")
    for key, value in options.items():
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            options[key] = tuple(value)
        expected, kinds = _TOML_TYPES.get(fields[key].type, ("text in quotes", (str,)))
        if type(options[key]) not in (*kinds, *((int, float) if key in _SIZES else ())):
            raise ConfigError(f"{path}: {key} = {value!r} is of the wrong type; expected {expected}")
    return options

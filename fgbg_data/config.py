"""The configuration of a build: one frozen dataclass, whose values come from Python, a TOML file or options."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, get_args

from fgbg_data.config_files import CLASSIC, read_options, recipe_file
from fgbg_data.dataset.identity import SCENE_OPTIONS, DepthMode, depth_labels
from fgbg_data.depth.registry import shown_name
from fgbg_data.errors import ConfigError, option
from fgbg_data.fields import FIELDS
from fgbg_data.options import (
    Converted,
    Names,
    ScaleText,
    SizeText,
    at_least,
    between,
    check_shares,
    check_type,
    one_of,
    parse_size,
    to_names,
    to_scale_text,
    to_size_text,
)
from fgbg_data.runtime.locations import Location, to_location
from fgbg_data.scene_options import SceneOptions
from fgbg_data.shards.registry import DEFAULT_FORMAT, check_formats, check_options, manifest_options
from fgbg_data.splits import Holdout

Fit = Literal["cover", "stretch"]
ImageFormat = Literal["jpg", "png"]
Hdf5Layout = Literal["pixels", "encoded"]
Device = Literal["auto", "cpu", "cuda"]
Backend = Literal["processes", "dask"]
Stand = Literal["floor", "drawn"]

AnyLocation = Converted[str | PathLike[str], Location]
"""A folder: given as a path or as a URL such as `s3://bucket/shards`, kept as a `Path` or as the text of the URL."""

_NOT_IN_FINGERPRINT = {
    "bg",
    "fg",
    "out",
    "jobs",
    "device",
    "check",
    "skip_bad",
    "overwrite",
    "part",
    "backend",
    "dask_address",
    "cache_gb",
}
"""Fields that say where files are and how the build runs. The fingerprint holds the kind of device as part of the
estimator's identity, and the sources by id and digest."""

_OF_DEPTH = ("stand", "relief", "depth_bits", "depth_size", "estimator_batch")
"""Fields that change nothing without depth."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig(SceneOptions):
    """Everything that a build can be asked for.

    Every field is also an option of `fgbg-data build` and a key of its TOML file.

        BuildConfig(bg="bg/", fg="fg/", out="shards/", size="320x240", depth="none")

    Sizes are the same everywhere in this package: text is WIDTHxHEIGHT, a tuple is (height, width) as in the shape of
    an array. So `size="320x240"` and `size=(240, 320)` are the same.

    Raises:
        ConfigError: a value cannot work, or has no effect beside the others; the text names the field.
    """

    bg: AnyLocation = Converted(to_location)
    """Folder or URL of background pictures; it is searched with its subfolders."""
    fg: AnyLocation = Converted(to_location)
    """Folder or URL of foregrounds: cut-outs with transparency. It is searched with its subfolders."""
    out: AnyLocation = Converted(to_location)
    """Folder or URL that becomes the dataset."""
    recipe: str = CLASSIC
    """Name of a recipe, `classic` or `varied`, or path of a TOML file of options. Options that are not given take its
    values."""
    positions: int = 20
    """Number of placements of each foreground on each background."""
    mirror: bool = True
    """Make every placement a second time, with the cut-out flipped left to right."""
    scale: ScaleText = Converted(to_scale_text, "0.4:0.7")
    """Smallest and largest scale of a cut-out, as (low, high) or as text LOW:HIGH. The scale is max(height / canvas
    height, width / canvas width). `native` keeps the pixels of the cut-out."""
    truncate: float = 0.0
    """Largest share of a cut-out's box that may lie outside the canvas, in [0, 1)."""
    size: SizeText = Converted(to_size_text, "224")
    """Size of the images in pixels: one side of a square, (height, width), or text WIDTHxHEIGHT."""
    fit: Fit = "cover"
    """How a background fills the canvas: `cover` crops it, `stretch` distorts it."""
    samples: int | None = None
    """Number of samples over all splits, a fair subset of the whole plan. None makes all of them."""
    seed: int = 0
    """Seed of all random choices, 0 or more."""
    depth: str = "tiny"
    """Name of the depth estimator, or `none`. `auto` takes `depth-anything-v2-small` if its weights are on this machine
    or can be fetched, and if it is fast enough: on a GPU, or with `depth_mode="compose"`. Otherwise it takes `tiny`."""
    device: Device = "auto"
    """Where the estimator runs. `auto` takes the GPU if there is one."""
    depth_mode: DepthMode = "infer"
    """How depth is made. `infer` runs the estimator on every composite. `compose` runs it once on every source, and
    computes the depth of composites from that. `both` stores the first as `depth` and the second as `depth_composed`.
    """
    stand: Stand = "floor"
    """Where a cut-out stands in composed depth: on the `floor` under it, or at a `drawn` depth nearer than that."""
    relief: float = 0.2
    """Depth range of a cut-out in composed depth, as a share of the distance from the farthest background to it."""
    depth_bits: int = 12
    """Bits of the stored depth: it has 2 to this power levels."""
    depth_size: SizeText = Converted(to_size_text, "full")
    """Size of the stored depth: `full` or `half` the image, one side of a square, (height, width), or WIDTHxHEIGHT."""
    estimator_batch: int | None = None
    """Number of pictures in one call of the estimator. None takes the default of the estimator."""
    format: Names = Converted(to_names, (DEFAULT_FORMAT,))
    """Shard formats, which are written in one pass: a tuple of names, or text such as `"tar,hdf5"`."""
    extra_fields: Names = Converted(to_names, ())
    """Fields of other packages that the build makes beside its own: a tuple of names, or text with commas."""
    shard_size: int = 1000
    """Number of samples in a shard. The last shard of a split may hold fewer."""
    image_format: ImageFormat = "jpg"
    """Codec of the stored images: lossy `jpg` or lossless `png`."""
    quality: int = 95
    """Quality of JPEG images, from 1 to 100."""
    hdf5_layout: Hdf5Layout = "pixels"
    """What HDF5 shards hold: decoded `pixels`, fast to read, or `encoded` files as in a tar, which are small."""
    val: float = 0.1
    """Share of the sources that `holdout` names whose samples go to val."""
    test: float = 0.1
    """Share of the sources that `holdout` names whose samples go to test."""
    holdout: Holdout = "background"
    """Kind of sources that val and test never share with train. With `sample`, splits share all their sources."""
    group_similar: bool = False
    """Let pictures that look alike (resized, compressed again or flipped) count as one source: no holdout tears them
    apart. Copies, and the groups of `sources.csv`, are never torn apart."""
    jobs: int = 0
    """Number of worker processes. 0 starts one for each core."""
    check: bool = False
    """When a build resumes, compare the SHA-256 of finished shards and not only their size."""
    skip_bad: bool = False
    """Leave out pictures that cannot be used, and record them, instead of stopping with an error."""
    cache_gb: float = 20.0
    """Largest size in GB of what this machine keeps of sources and unfinished shards behind URLs."""
    overwrite: bool = False
    """Replace another dataset in `out`. Only files that this dataset names are deleted."""
    backend: Backend = "processes"
    """Who makes the shards: worker `processes` of this machine, or the workers of a cluster of `dask`."""
    dask_address: str = ""
    """Address of a scheduler of Dask, such as `tcp://10.0.0.1:8786`, or the path of its file, which ends in `.json`.
    Empty starts a cluster on this machine."""
    part: str = ""
    """Which part of the shards to make: `K/N`, or `slurm`, `slurm/N`, `k8s` or `k8s/N`, which take the number from the
    environment of the process. Empty makes all shards and finishes the dataset."""

    def __post_init__(self) -> None:
        if self.backend == "loky":  # type: ignore[comparison-overlap]  # the name of such workers in joblib
            object.__setattr__(self, "backend", "processes")
        for field in dataclasses.fields(self):  # whole numbers become floats where a field is one: 0 and 0.0 are equal
            object.__setattr__(self, field.name, check_type(field.name, getattr(self, field.name), field.type))
        object.__setattr__(self, "extra_fields", tuple(sorted(name for name in self.extra_fields if name)))
        for name in self.extra_fields:
            if name not in FIELDS or FIELDS[name].make is None:
                one_of("extra_fields", name, [each for each, field in FIELDS.items() if field.make is not None])
        at_least("positions", self.positions, 1)
        at_least("shard_size", self.shard_size, 1)
        at_least("jobs", self.jobs, 0)
        if not self.cache_gb > 0:
            raise ConfigError(f"{option('cache_gb', self.cache_gb)}: expected more than 0")
        at_least("seed", self.seed, 0)
        if self.samples is not None:
            at_least("samples", self.samples, 1)
        if self.estimator_batch is not None:
            at_least("estimator_batch", self.estimator_batch, 1)
        between("quality", self.quality, 1, 100)
        between("depth_bits", self.depth_bits, 1, 16)
        if not 0 <= self.truncate < 1:
            raise ConfigError(f"{option('truncate', self.truncate)}: expected a share of at least 0 and below 1")
        check_shares(self.val, self.test)
        self.check_scene()
        for name in ("samples", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < self.twins:
                raise ConfigError(f"{option(name, value)}: holds less than one sample of {option('twins', self.twins)}")
        if not 0 <= self.relief <= 1:
            raise ConfigError(f"{option('relief', self.relief)}: expected a share of at least 0 and at most 1")
        recipe_file(self.recipe)  # raises a ConfigError for an unknown name
        for name, kind in (
            ("fit", Fit),
            ("holdout", Holdout),
            ("image_format", ImageFormat),
            ("device", Device),
            ("backend", Backend),
            ("depth_mode", DepthMode),
            ("stand", Stand),
        ):
            one_of(name, getattr(self, name), get_args(kind))
        if self.depth == "none" and self.depth_mode != "infer":
            raise ConfigError(
                f"{option('depth_mode', self.depth_mode)} and {option('depth', 'none')}: composed depth needs an "
                "estimator"
            )
        check_options(vars(self))
        # In the order of the registry, so that `tar,hdf5` and `hdf5,tar` give one fingerprint.
        object.__setattr__(self, "format", check_formats(self.format, build=True))
        if self.part and self.overwrite:
            raise ConfigError(
                f"{option('part', self.part)} and {option('overwrite', True)}: a part would delete what others have "
                f"made. Remove the other dataset first, by {option('overwrite', True)} and {option('plan_only', True)}"
            )
        _ = self.canvas, self.scale_range, self.depth_shape  # each raises a ConfigError if its text cannot be parsed
        self._refuse_idle_options()

    def without_depth(self) -> Self:
        """Return the configuration of the same images and masks without depth and without fields of other packages."""
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        names = ("depth_mode", "extra_fields", *_OF_DEPTH)
        return dataclasses.replace(self, depth="none", **{name: defaults[name] for name in names})

    def _refuse_idle_options(self) -> None:
        """Refuse values that were given but change nothing, because whoever gives a value expects an effect.

        Raises:
            ConfigError: the text names the option and what it needs.
        """
        composes = f"{option('depth_mode', 'compose')} or {option('depth_mode', 'both')}"
        needs: list[tuple[bool, str, tuple[str, ...]]] = [
            (self.depth != "none", "an estimator, and this is " + option("depth", "none"), _OF_DEPTH),
            (self.composed_field is not None, composes, ("stand", "relief")),
            (self.image_format == "jpg", option("image_format", "jpg"), ("quality",)),
            ("hdf5" in self.format, option("format", "hdf5"), ("hdf5_layout",)),
            (
                self.object_range[1] > 1 or self.place == "ground",
                f"{option('objects', '1:3')} or {option('place', 'ground')}",
                ("visible", "amodal"),
            ),
            (
                self.place == "ground",
                option("place", "ground"),
                ("camera_height", "require_ground", "occlude", "shadow"),
            ),
            (self.backend == "dask", option("backend", "dask"), ("dask_address",)),
            (not self.dask_address, "workers that this command starts; a scheduler has its own", ("jobs",)),
        ]
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for there, needed, names in needs:
            for name in names:
                value = getattr(self, name)
                if not there and value != defaults[name]:
                    raise ConfigError(f"{option(name, value)}: has no effect here; it needs {needed}")

    @cached_property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the images in pixels."""
        return parse_size("size", self.size)

    @cached_property
    def scale_range(self) -> tuple[float, float] | None:
        """Smallest and largest scale; None for `native`."""
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
        """(height, width) of the stored depth in pixels; None without depth."""
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
        """Return the options that enter the fingerprint, as the manifest stores them.

        Values are normalised, so that two ways to write one dataset give one fingerprint. Options without effect are
        None, or are left out if an older version did not have them.
        """
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in _NOT_IN_FINGERPRINT
        }
        values["format"] = list(self.format)
        values["blend"] = list(self.blend)
        values["recipe"] = Path(self.recipe).name
        values["depth"] = shown_name(self.depth)
        height, width = self.canvas
        values["size"] = f"{width}x{height}"
        if self.depth_shape:
            values["depth_size"] = f"{self.depth_shape[1]}x{self.depth_shape[0]}"
        else:
            values["depth_size"] = values["depth_bits"] = values["estimator_batch"] = None
        if self.depth_mode == "infer":  # these options have no effect then, and old fingerprints stay valid
            for name in ("depth_mode", "stand", "relief"):
                del values[name]
        for name in ("group_similar", "recipe", *SCENE_OPTIONS):  # without defaults, old fingerprints stay valid
            if getattr(self, name) == getattr(BuildConfig, name):
                del values[name]
        if self.scale_range:
            values["scale"] = "{}:{}".format(*self.scale_range)
        if self.image_format == "png":
            values["quality"] = None
        values |= manifest_options(values, self.format)
        del values["extra_fields"]  # it is not mentioned without a field, so that old fingerprints stay valid
        if self.extra_fields:
            values["extra_fields"] = {name: FIELDS[name].version for name in self.extra_fields}
        return values


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the options in a TOML file, under the names of `BuildConfig`; see `read_options`.

    Raises:
        ConfigError: the file cannot be read, a key is not an option, or a value has the wrong type.
    """
    return read_options(path, {field.name: field.type for field in dataclasses.fields(BuildConfig)})


def read_recipe(name: str) -> dict[str, Any]:
    """Return the options of a recipe.

    Args:
        name: name of a recipe in this package, or path of a TOML file.

    Raises:
        ConfigError: there is no such recipe, a key of the file is no option, or a recipe cannot hold it.
    """
    path = recipe_file(name)
    values = read_toml(path)
    for key in values:
        if key in _NOT_IN_FINGERPRINT or key == "recipe":
            raise ConfigError(f"{key!r} cannot stand in a recipe, which holds only options of the samples", where=path)
    return values


def _over_recipe(init: Callable[..., None]) -> Callable[..., None]:
    """Return the constructor of `BuildConfig` that lays the given options over those of a recipe."""

    @functools.wraps(init)
    def laid_over(self: BuildConfig, **options: Any) -> None:
        recipe = options.get("recipe", CLASSIC)
        init(self, **({} if recipe == CLASSIC else read_recipe(recipe)) | options)

    return laid_over


BuildConfig.__init__ = _over_recipe(BuildConfig.__init__)  # type: ignore[method-assign]

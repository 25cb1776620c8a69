"""The configuration of a run: frozen dataclasses and presets. Every checkpoint holds all of it.

    preset  <-  TOML file (--config)  <-  options of the command  <-  --set KEY=VALUE

The settings that change the weights are compared when a run is resumed; `RUNTIME` names the others.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from fgbg_data.errors import option
from fgbg_data.exam.protocol import ExamProtocol
from fgbg_data.options import at_least, between, one_of
from fgbg_train.errors import ConfigError
from fgbg_train.metric_names import METRICS
from fgbg_train.network_names import check_encoder, split_name
from fgbg_train.schedule import AUTO, Stage, parse
from fgbg_train.settings import flatten, from_table, lay_over, to_table, to_toml

TINY_ENCODER = "efficientnet_lite0"
"""The encoder of the depth estimator that is embedded in fgbg_data."""

Objective = Literal["supervised", "saliency"]
Networks = Literal["both", "mask", "depth"]
Combine = Literal["concat", "product"]
Start = Literal["random", "tiny", "timm"]
Freeze = Literal["none", "mask", "depth", "both"]
Optimizer = Literal["adamw", "adam", "sgd"]
Precision = Literal["32", "bf16", "16"]
DepthField = Literal["depth", "depth_composed"]
OnError = Literal["fail", "skip"]
Device = Literal["auto", "cpu", "cuda", "mps"]

LOGS = ("csv", "tensorboard", "wandb", "mlflow", "trackio")
"""The names that `log` may hold."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The networks, and how they start.

    Raises:
        ConfigError: a network has an unknown name, or two settings exclude each other.
    """

    mask_net: str = "light:efficientnet_lite0"
    """The mask network: `FAMILY` or `FAMILY:ENCODER`. Families are light, hu2019 and autoed; encoders are those of
    timm."""
    depth_net: str = "light:efficientnet_lite0"
    """The depth network, named in the same way."""
    networks: Networks = "both"
    """Which of the two networks to train. `depth` alone sees only the image."""
    combine: Combine = "concat"
    """How the depth network gets image and mask: `concat` gives four channels, `product` multiplies them."""
    objective: Objective = "supervised"
    """`supervised` learns the masks and depth of the dataset. `saliency` learns the smallest mask that keeps the depth
    of a trained network."""
    start: Start = "tiny"
    """Encoder weights at the start: `random`, those of the embedded depth estimator (`tiny`), or those of `timm`."""
    freeze_norm: bool = False
    """Keep batch norm at the statistics with which it starts."""
    freeze_encoder: Freeze = "none"
    """The networks whose encoder keeps its weights."""

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the networks that are trained."""
        return {
            "both": (self.mask_net, self.depth_net),
            "mask": (self.mask_net,),
            "depth": (self.depth_net,),
        }[self.networks]

    def __post_init__(self) -> None:
        encoders = {name: split_name(name)[1] for name in self.used}
        others = [name for name, encoder in encoders.items() if encoder != TINY_ENCODER]
        if self.start == "tiny" and others:
            if (encoder := encoders[others[0]]) is not None:
                check_encoder(encoder)
            raise ConfigError(
                f"{option('start', 'tiny')}: has weights only for the encoder {TINY_ENCODER}, not for {others[0]}; use "
                f"{option('start', 'random')}, or {option('start', 'timm')} to fetch the weights of timm"
            )
        if self.freeze_encoder != "none" and self.start == "random":
            raise ConfigError(
                f"{option('freeze_encoder', self.freeze_encoder)}: an encoder that starts at random would stay random; "
                f"choose another {option('start')}, or {option('freeze_encoder', 'none')}"
            )
        if self.objective == "saliency" and self.combine != "product":
            raise ConfigError(
                f"{option('objective', 'saliency')}: needs {option('combine', 'product')}, so that the mask can hide "
                "parts of the image"
            )
        if self.objective == "saliency" and self.networks != "both":
            raise ConfigError(f"{option('objective', 'saliency')}: needs {option('networks', 'both')}")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the loss terms; 0 leaves a term out. d is predicted depth, g is the depth of the dataset."""

    mask_bce: float = 1.0
    """Binary cross-entropy of the mask."""
    mask_dice: float = 1.0
    """One minus the soft Dice overlap of the mask."""
    depth_log: float = 1.0
    """ln(|d - g| + 0.5) of the depth."""
    depth_gradient: float = 1.0
    """The same error of the Sobel gradients of the depth."""
    depth_normal: float = 1.0
    """1 - cosine between the surface normals."""
    depth_ssi: float = 0.0
    """Error of the depth after the best scale and shift of each image."""
    depth_ssim: float = 0.0
    """(1 - SSIM) / 2 of the depth."""
    sparsity: float = 5.0
    """Mean of the mask; only for the saliency objective."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How strongly training batches are varied; 0 turns a step off.

    Raises:
        ConfigError: a value is not in [0, 1].
    """

    mirror: float = 0.5
    """Probability of a flip from left to right."""
    crop: float = 0.3
    """Largest share of the area that a random resized crop cuts away; below 1."""
    colour: float = 0.2
    """Strength of the changes of brightness, contrast and saturation."""
    background: float = 0.5
    """Probability that the mask network sees other colours outside the mask. The depth network never does."""
    blur: float = 0.1
    """Probability of a Gaussian blur."""
    noise: float = 0.02
    """Largest standard deviation of Gaussian noise, for images in [0, 1]."""
    cutout: float = 0.25
    """Probability that a square of the image is painted over; mask and depth stay as they are."""

    def __post_init__(self) -> None:
        for name in ("mirror", "crop", "colour", "background", "blur", "noise", "cutout"):
            between(f"augment.{name}", getattr(self, name), 0, 1)
        if self.crop == 1:
            raise ConfigError(f"{option('augment.crop', self.crop)}: expected less than 1")


@dataclass(frozen=True, kw_only=True)
class ExamConfig(ExamProtocol):
    """Real pictures that are measured after each epoch, and how they are read and scored.

    Raises:
        ConfigError: a value cannot work.
    """

    photos: str = ""
    """Folder or COCO file of the pictures (see `docs/exam.md`); empty measures none."""


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """The configuration of a training run, without its dataset. The defaults are those of the preset `small`.

    Raises:
        ConfigError: a value cannot work; the text names the setting.
    """

    preset_name: str = field(default="small", metadata={"key": "preset"})
    """The preset from which this configuration was made. Tables and TOML call it `preset`."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The networks."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Weights of the loss terms."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How strongly training batches are varied."""
    exam: ExamConfig = field(default_factory=ExamConfig)
    """Real pictures that are measured after each epoch. They change nothing that is trained or chosen."""
    schedule: str = AUTO
    """Stages of EPOCHS@SIZExBATCH, in order; size is in pixels. `auto` chooses by the number of training samples."""
    epochs: int = 0
    """Scale the schedule to this number of epochs; 0 leaves it as it is."""
    optimizer: Optimizer = "adamw"
    """The optimizer."""
    lr: float = 1e-3
    """Highest learning rate."""
    warmup: float = 0.05
    """Share of all steps during which the learning rate rises; it then falls as a cosine."""
    weight_decay: float = 0.05
    """Weight decay; biases and batch norm never decay."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 does not clip."""
    ema: float = 0.99
    """Decay of a moving average of the weights. The average is what is validated and kept; 0 makes no average."""
    accumulate: int = 1
    """Number of parts into which a batch is cut, to save memory."""
    precision: Precision = "32"
    """Precision of the floats in the networks."""
    compile: bool = False
    """Compile the networks, once for each image size."""
    best: str = "auto"
    """The metric on val by which best.ckpt is chosen. `auto` is mask_iou, or rmse if no mask network is trained."""
    depth_field: DepthField = "depth"
    """The field of the dataset that is learned as depth."""
    limit: int = 0
    """Use at most this number of samples of each split; 0 uses all."""
    depth_weights: str = ""
    """Checkpoint with the depth network that the saliency objective keeps."""
    on_error: OnError = "fail"
    """What to do with a sample that cannot be read: `fail` stops, `skip` counts it and takes another one."""
    seed: int = 0
    """Seed of the order of samples, of augmentation and of random weights."""
    device: Device = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""
    devices: int = 1
    """Number of processes on this machine, one for each device."""
    workers: int = 2
    """Number of processes that decode samples, for each device."""
    cache_gb: float = 8.0
    """Largest size of the cache of resized samples, in GB; 0 makes no cache."""
    copies_gb: float = 20.0
    """Largest size of the copies of shards behind a URL on this machine, in GB; 0 reads each sample from the URL."""
    save_minutes: float = 5.0
    """Minutes between checkpoints inside an epoch."""
    log: str = "csv,tensorboard"
    """Where the log is written, as names joined by commas: csv, tensorboard, wandb, mlflow and trackio. log.csv is
    always written, even if csv is not named."""

    def __post_init__(self) -> None:
        stages = () if self.schedule == AUTO else parse(self.schedule)
        for name, least in (("epochs", 0), ("accumulate", 1), ("devices", 1), ("workers", 0), ("limit", 0)):
            at_least(name, getattr(self, name), least)
        at_least("seed", self.seed, 0)
        for name in ("weight_decay", "clip", "cache_gb", "copies_gb", "save_minutes"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{option(name, getattr(self, name))}: expected a number of at least 0")
        if not 0 < self.lr < math.inf:
            raise ConfigError(f"{option('lr', self.lr)}: expected a number above 0")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"{option('ema', self.ema)}: expected a number from 0 to below 1")
        between("warmup", self.warmup, 0, 1)
        for name in self.log.split(","):
            one_of("log", name.strip(), LOGS)
        if self.best.startswith("exam"):
            raise ConfigError(f"{option('best', self.best)}: {NOT_BY_EXAM}")
        one_of("best", self.best, ("auto", *METRICS))
        parts = self.accumulate * self.devices
        for stage in stages:
            if stage.batch % parts:
                raise ConfigError(
                    f"a batch of {stage.batch} cannot be cut into {parts} equal parts "
                    f"({option('devices', self.devices)} x {option('accumulate', self.accumulate)})"
                )
        if (self.model.objective == "saliency") != bool(self.depth_weights):
            raise ConfigError(
                f"{option('objective', 'saliency')} and {option('depth_weights')} need each other: give both or neither"
            )

    @classmethod
    def preset(cls, name: str = "small", /, **settings: Any) -> Self:
        """Make a configuration from a preset and settings that differ from it.

        >>> FitConfig.preset("eva4", lr=1e-4, model={"combine": "concat"}).model.mask_net
        'hu2019:resnet50'

        Args:
            name: `small` or `eva4`.
            settings: fields of this class. Tables such as `model` may be given in part, as a mapping.

        Raises:
            ConfigError: there is no such preset or setting, or a value cannot work.
        """
        return cls.from_tables(name, settings)

    @classmethod
    def from_tables(cls, preset: str, *tables: Mapping[str, Any]) -> Self:
        """Make a configuration from a preset and tables that are laid over it, the last on top.

        Raises:
            ConfigError: there is no such preset or setting, or a value cannot work.
        """
        one_of("preset", preset, PRESETS)
        merged: dict[str, Any] = {"preset": preset, **PRESETS[preset]}
        for table in tables:
            merged = lay_over(merged, table)
        return cls.from_table(merged)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Make a configuration from a table, such as that of a checkpoint or of `to_table`.

        Raises:
            ConfigError: there is no such setting, or a value cannot work.
        """
        return from_table(cls, table)

    def to_table(self) -> dict[str, Any]:
        """Return the configuration as nested dicts of text, numbers and booleans."""
        return to_table(self)

    def to_toml(self) -> str:
        """Return the configuration as TOML, which `--config` reads."""
        return to_toml(self.to_table())

    def without_folders(self) -> Self:
        """Return the configuration for other machines: its files lose the folders above them, and keep their names."""
        exam = dataclasses.replace(self.exam, photos=Path(self.exam.photos).name)
        return dataclasses.replace(self, exam=exam, depth_weights=Path(self.depth_weights).name)

    def differences(self, other: "FitConfig") -> list[str]:
        """Return the settings, as `name (mine / other's)`, by which two configurations would give other weights."""
        a, b = flatten(self.to_table()), flatten(other.to_table())
        return [
            f"{key} ({a[key]!r} / {b[key]!r})" for key in a if key.split(".")[0] not in RUNTIME and a[key] != b[key]
        ]

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names in `log` without csv, each once, in their order."""
        return tuple(name for name in dict.fromkeys(n.strip() for n in self.log.split(",")) if name != "csv")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the schedule, which must not be `auto`."""
        return parse(self.schedule)


RUNTIME = ("device", "devices", "workers", "cache_gb", "copies_gb", "save_minutes", "exam", "log")
"""Fields that say how a run is computed and not what it computes; they may change when a run is resumed."""

NOT_BY_EXAM = "the exam never chooses a checkpoint, so that it stays a test of what was chosen; choose a metric on val"
"""Why `best` takes no score of an exam."""

PRESETS: dict[str, dict[str, Any]] = {
    "small": {},
    "eva4": {
        "model": {"mask_net": "hu2019:resnet50", "depth_net": "autoed", "combine": "product", "start": "random"},
        "schedule": "2@38x512,2@38x256,6@48x256,2@56x256,2@64x128",
        "weight_decay": 0.01,
        "ema": 0.0,
    },
}
"""What each preset changes in the defaults."""

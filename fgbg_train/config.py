"""What a run is made of: frozen dataclasses, presets, TOML. Saved whole in every checkpoint.

    preset  <-  TOML file (--config)  <-  options of the command line

Everything that changes the weights is compared when a run is resumed; `RUNTIME` names what is not.
"""

import dataclasses
import difflib
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fgbg_data.errors import option
from fgbg_train.errors import ConfigError
from fgbg_train.network_names import split_name
from fgbg_train.schedule import AUTO, Stage, parse

TINY_ENCODER = "efficientnet_lite0"
"""The encoder of the depth estimator that is embedded in fgbg_data."""

Objective = Literal["supervised", "saliency"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which networks there are and how they start."""

    mask_net: str = "light:efficientnet_lite0"
    """The mask network, `FAMILY[:ENCODER]`; families are light, hu2019 and autoed, encoders timm's."""
    depth_net: str = "light:efficientnet_lite0"
    """The depth network, likewise."""
    networks: Literal["both", "mask", "depth"] = "both"
    """Which of the two to train; `depth` alone sees the image only."""
    combine: Literal["concat", "product"] = "concat"
    """How the depth network gets image and mask: as four channels, or multiplied."""
    objective: Objective = "supervised"
    """`supervised`: learn the dataset's masks and depth. `saliency`: the smallest mask that keeps a depth."""
    start: Literal["random", "tiny", "timm"] = "random"
    """Encoder weights at the start: random, those of the embedded depth estimator, or timm's own."""
    freeze_norm: bool = False
    """Leave batch norm at the statistics it starts with."""
    freeze_encoder: Literal["none", "mask", "depth", "both"] = "none"
    """Of which networks the encoder stays as it starts."""

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the networks that there will be."""
        return {
            "both": (self.mask_net, self.depth_net),
            "mask": (self.mask_net,),
            "depth": (self.depth_net,),
        }[self.networks]

    def __post_init__(self) -> None:
        encoders = {name: split_name(name)[1] for name in self.used}
        odd = [name for name, encoder in encoders.items() if encoder != TINY_ENCODER]
        if self.start == "tiny" and odd:
            raise ConfigError(
                f"start = 'tiny' has weights for the encoder {TINY_ENCODER} only, not for {odd[0]}; use random"
            )
        if self.freeze_encoder != "none" and self.start == "random":
            raise ConfigError(
                f"freeze_encoder = {self.freeze_encoder!r}: an encoder that starts at random would stay so; "
                f"choose another {option('start')}, or {option('freeze_encoder', 'none')}"
            )
        if self.objective == "saliency" and self.combine != "product":
            raise ConfigError(
                f"the saliency objective needs {option('combine', 'product')}: the mask must hide the image"
            )
        if self.objective == "saliency" and self.networks != "both":
            raise ConfigError("the saliency objective needs both networks")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the loss terms; 0 leaves a term out."""

    mask_bce: float = 1.0
    """Binary cross-entropy of the mask."""
    mask_dice: float = 1.0
    """Soft Dice loss of the mask."""
    depth_log: float = 1.0
    """ln(|d - g| + 0.5) of the depth."""
    depth_gradient: float = 1.0
    """The same of its Sobel gradients."""
    depth_normal: float = 1.0
    """1 - cosine between surface normals."""
    depth_ssi: float = 0.0
    """Scale-and-shift-invariant error."""
    depth_ssim: float = 0.0
    """(1 - SSIM) / 2."""
    sparsity: float = 5.0
    """Mean of the mask; for the saliency objective only."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How strongly training batches are varied; 0 turns a step off."""

    mirror: float = 0.5
    """Probability of a left-right flip."""
    crop: float = 0.3
    """Most of the area that a random resized crop may cut away."""
    colour: float = 0.2
    """Strength of brightness, contrast and saturation jitter."""
    background: float = 0.5
    """Probability that the mask network sees other colours outside the mask; the depth network does not."""
    blur: float = 0.1
    """Probability of a Gaussian blur."""
    noise: float = 0.02
    """Largest standard deviation of Gaussian noise, in image range [0, 1]."""
    cutout: float = 0.25
    """Probability that a square of the image is painted over; mask and depth stay."""

    def __post_init__(self) -> None:
        for name in ("mirror", "crop", "colour", "background", "blur", "noise", "cutout"):
            value = getattr(self, name)
            if not 0 <= value <= 1 or (name == "crop" and value == 1):
                raise ConfigError(f"augment.{name} = {value}: a number from 0 to 1 is needed")


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A training run, without its dataset."""

    preset: str = "small"
    """The preset that the rest started from."""
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    schedule: str = AUTO
    """Epochs @ image size in px x batch, in order; auto: by the number of training samples."""
    epochs: int = 0
    """Scale the schedule to so many epochs; 0: as it is."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-3
    """Highest learning rate."""
    warmup: float = 0.05
    """Share of all steps that warms up."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient; 0 does not clip."""
    ema: float = 0.0
    """Decay of a moving average of the weights, which is then what is validated; 0 keeps none."""
    accumulate: int = 1
    """Parts that a batch is split into, to save memory."""
    precision: Literal["32", "bf16", "16"] = "32"
    compile: bool = False
    """Compile the networks, once for every image size."""
    best: str = "auto"
    """The val metric that best.ckpt is chosen by; auto: mask_iou, or rmse where no mask is trained."""
    depth_field: Literal["depth", "depth_composed"] = "depth"
    """The field of the dataset that is learned as depth."""
    limit: int = 0
    """Use only so many samples of every split; 0: all."""
    depth_weights: str = ""
    """Checkpoint whose depth network the saliency objective keeps."""
    on_error: Literal["fail", "skip"] = "fail"
    """What to do with a sample that cannot be read: stop, or count it and put another in its place."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, or mps."""
    devices: int = 1
    """Processes on this machine, one a device."""
    workers: int = 2
    """Processes that decode, for each device."""
    cache_gb: float = 8.0
    """Largest cache of resized samples on disk; 0: none."""
    save_minutes: float = 5.0
    """Minutes between checkpoints inside an epoch."""

    def __post_init__(self) -> None:
        stages = () if self.schedule == AUTO else parse(self.schedule)
        for name, low in (("epochs", 0), ("accumulate", 1), ("devices", 1), ("workers", 0), ("limit", 0), ("seed", 0)):
            if getattr(self, name) < low:
                raise ConfigError(f"{name} = {getattr(self, name)}: at least {low} is needed")
        for name in ("weight_decay", "clip", "warmup", "cache_gb", "save_minutes"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} = {getattr(self, name)}: a number that is not negative is needed")
        if not 0 < self.lr < float("inf"):
            raise ConfigError(f"lr = {self.lr}: a positive number is needed")
        if not 0 <= self.ema < 1 or self.warmup > 1:
            raise ConfigError(f"ema = {self.ema}, warmup = {self.warmup}: numbers from 0 to 1 are needed")
        parts = self.accumulate * self.devices
        for stage in stages:
            if stage.batch % parts:
                raise ConfigError(
                    f"a batch of {stage.batch} cannot be split into {parts} equal parts "
                    f"({option('devices', self.devices)} x {option('accumulate', self.accumulate)})"
                )
        if (self.model.objective == "saliency") != bool(self.depth_weights):
            raise ConfigError(
                f"{option('depth_weights')} CHECKPOINT belongs to {option('objective', 'saliency')}, which needs it"
            )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The schedule, read; of `prepare`'s configuration, where it is not auto any more."""
        return parse(self.schedule)


RUNTIME = ("device", "devices", "workers", "cache_gb", "save_minutes")
"""Fields that say how a run is computed rather than what; they may change when it is resumed."""

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"preset": "small", "model": {"start": "tiny"}, "ema": 0.99, "weight_decay": 0.05},
    "eva4": {
        "preset": "eva4",
        "model": {"mask_net": "hu2019:resnet50", "depth_net": "autoed", "combine": "product"},
        "schedule": "2@38x512,2@38x256,6@48x256,2@56x256,2@64x128",
    },
}


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested table over another; values of `top` win."""
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def build(preset: str, *tables: Mapping[str, Any]) -> FitConfig:
    """Make a configuration from a preset and the tables laid over it, the last on top.

    Raises:
        ConfigError: there is no such preset, an unknown key, or a value of the wrong type.
    """
    if preset not in PRESETS:
        raise ConfigError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    merged: dict[str, Any] = PRESETS[preset]
    for table in tables:
        merged = merge(merged, table)
    return from_table(merged)


def from_table(table: Mapping[str, Any]) -> FitConfig:
    """Make a configuration from a nested table, such as a checkpoint's or `to_table`'s."""
    config: FitConfig = _make(FitConfig, table, "")
    return config


def to_table(config: FitConfig) -> dict[str, Any]:
    """Return the configuration as nested dicts of str, int, float and bool."""
    return dataclasses.asdict(config)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into a table for `build`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML ({error})") from error


def parse_setting(text: str) -> dict[str, Any]:
    """Read one `KEY=VALUE`, dotted key and TOML value, into a table; a bare word is text.

    >>> parse_setting("augment.cutout=0"), parse_setting("optimizer=sgd")
    ({'augment': {'cutout': 0}}, {'optimizer': 'sgd'})
    """
    key, equals, value = text.partition("=")
    for candidate in (text, f'{key}="{value}"'):
        try:
            return tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(f"{option('set', text)}: KEY=VALUE is needed, as in augment.cutout=0")


def to_toml(config: FitConfig) -> str:
    """Write the configuration as TOML, which `--config` reads."""
    table = to_table(config)
    lines = [f"{key} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for name, section in table.items():
        if isinstance(section, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def differences(one: FitConfig, other: FitConfig) -> list[str]:
    """Name the fields, dotted, in which two configurations would give different weights."""
    a, b = _flat(to_table(one)), _flat(to_table(other))
    return [f"{key} ({a[key]!r} / {b[key]!r})" for key in a if key not in RUNTIME and a[key] != b[key]]


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _toml(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def _make(cls: type, table: Mapping[str, Any], prefix: str) -> Any:
    """Build dataclass `cls`, with every key and type checked."""
    hints = get_type_hints(cls)
    values = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known are {', '.join(hints)}"
            raise ConfigError(f"unknown setting {name}; {hint}")
        values[key] = _check(name, hints[key], value)
    return cls(**values)


def _check(name: str, hint: Any, value: Any) -> Any:
    """Return `value` as the type `hint` says, or fail by name."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} = {value!r}: a table is needed")
        return _make(hint, value, f"{name}.")
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = ", ".join(map(str, get_args(hint)))
            raise ConfigError(f"{name} = {value!r}: one of {choices} is needed")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, types.UnionType) or not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{name} = {value!r}: {getattr(hint, '__name__', hint)} is needed")
    return value

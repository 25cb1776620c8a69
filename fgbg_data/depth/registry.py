"""The table of estimators: each is one module and one row.

The heavy imports of an estimator (torch, transformers, onnxruntime) sit inside the functions of its module, so that
estimators can be listed, and a name checked, without them.
"""

import difflib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgbg_data.depth.devices import pick_device
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.halving import Halving
from fgbg_data.depth.hf_presets import PRESETS
from fgbg_data.errors import EstimatorError, option
from fgbg_data.options import to_path
from fgbg_data.registry import Registry, imported

Factory = Callable[..., DepthEstimator]
"""Called with `device`, with `source` if it is of a family, and with `batch_size` if the user chose one."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of estimators: the user names one as `FAMILY:SOURCE`, such as `onnx:model.onnx`."""

    target: Factory | str
    """The class of its estimators, or text `module:attribute` that says where the class is."""
    shown: str
    """How the user writes an estimator of the family, such as `onnx:FILE`."""
    extra: str | None = None
    """The extra of this package that it needs, such as `onnx`."""
    needs: str | None = None
    """The module that the extra brings, such as `onnxruntime`."""
    suffix: str | None = None
    """The suffix of the file, if the source is a file."""
    licence: str = ""
    """The licence of the weights, or where it is found; shown by `fgbg-data estimators`."""
    parameters: str = ""
    """The number of parameters, such as "42.7 M"; shown by `fgbg-data estimators`."""
    output: str = ""
    """What the network gives, such as "inverse depth"; shown by `fgbg-data estimators`."""
    state: str = "ready"
    """What `fgbg-data estimators` shows if the extra is installed."""


ESTIMATORS: Registry[Factory] = Registry(
    "estimator",
    "fgbg_data.estimators",
    {
        "tiny": "fgbg_data.depth.tiny:TinyEstimator",
    },
)
"""Name -> class of the estimator."""

FAMILIES: Registry[Family] = Registry(
    "family of estimators",
    "fgbg_data.estimator_families",
    {
        "hf": Family(
            target="fgbg_data.depth.hf:HfEstimator",
            shown="hf:REPO_OR_FOLDER",
            extra="hf",
            needs="transformers",
            licence="see model card",
            output="detected",
        ),
        "onnx": Family(
            target="fgbg_data.depth.onnx:OnnxEstimator",
            shown="onnx:FILE",
            suffix=".onnx",
            licence="from TOML",
            output="from TOML",
        ),
        "densedepth": Family(
            target="fgbg_data.depth.densedepth:DenseDepthEstimator",
            shown="densedepth:FILE.h5",
            extra="torch",
            needs="torch",
            suffix=".h5",
            licence="GPL-3.0",
            parameters="42.7 M",
            output="inverse depth",
            state="bring FILE",
        ),
    },
)
"""Prefix -> family. The names in `hf_presets.PRESETS` belong to the family `hf`."""


def register_estimator(name: str, estimator: Factory | Family | str) -> None:
    """Make an estimator known to the running program and its worker processes, as `--depth NAME`.

    Args:
        name: a-z, 0-9, - and _; not the name of an estimator of this package.
        estimator: the class of the estimator (see `DepthEstimator`), text `module:attribute` that says where the class
            is, or a `Family`, whose estimators are then called `NAME:SOURCE`.

    Raises:
        ConfigError: the name cannot be used.
    """
    if isinstance(estimator, Family):
        FAMILIES[name] = estimator
    else:
        ESTIMATORS[name] = estimator


def load_estimator(name: str, device: str = "auto", batch_size: int | None = None) -> DepthEstimator:
    """Create an estimator. A batch that does not fit into memory is estimated in halves.

        depth = load_estimator("tiny", "cpu").estimate(images)  # (N, H, W, 3) uint8 -> (N, H, W) float32

    Args:
        name: a registered name such as `tiny`, a preset such as `depth-anything-v2-small`, or FAMILY:SOURCE such as
            `onnx:model.onnx`.
        device: `auto`, `cpu` or `cuda`.
        batch_size: the number of pictures in one call; None is the estimator's own default.

    Raises:
        EstimatorError: there is no estimator of that name, or it cannot run here.
    """
    check_estimator(name)
    options: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
    family, source = _family(name)
    if family is None:
        factory = ESTIMATORS[name]
    else:
        factory, options = imported(family.target), options | {"source": source}
    return Halving(factory(device=pick_device(device), **options))


def check_estimator(name: str) -> None:
    """Check the name of an estimator, as far as that is possible without loading it.

    Raises:
        EstimatorError: there is no such estimator (the nearest is named), or an extra or its file is missing.
    """
    family, source = _family(name)
    if family is None:
        if name in ESTIMATORS:
            return
        raise EstimatorError(f"{option('depth', name)}: there is no such estimator{_hint(name)}")
    if not source:
        raise EstimatorError(f"{option('depth', name)}: expected {family.shown}")
    if family.needs and importlib.util.find_spec(family.needs) is None:
        raise EstimatorError(
            f"{option('depth', name)}: needs {family.needs}, which is not installed: pip install 'fgbg[{family.extra}]'"
        )
    if family.suffix and not to_path("depth", source).is_file():
        found = "is a folder" if to_path("depth", source).is_dir() else "there is no such file"
        raise EstimatorError(f"{option('depth', name)}: {found}; expected {family.shown}")


def is_thread_invariant(name: str) -> bool:
    """Tell whether an estimator gives the same depth, to the last bit, with any number of torch threads."""
    family, _ = _family(name)
    if family is not None or name not in ESTIMATORS:
        return False
    return bool(getattr(ESTIMATORS[name], "thread_invariant", False))


def shown_name(name: str) -> str:
    """Return a name without the folders of this machine that a path in it has; the digest says which file it is.

    >>> shown_name("onnx:/data/models/small.onnx"), shown_name("hf:Intel/dpt-large"), shown_name("tiny")
    ('onnx:small.onnx', 'hf:Intel/dpt-large', 'tiny')
    """
    family, source = _family(name)
    if family is None or name in PRESETS:
        return name
    path = Path(source)
    if family.suffix or path.is_absolute() or source[:1] in ".~" or len(path.parts) > 2:
        return f"{name.partition(':')[0]}:{path.name or path.resolve().name}"
    return name


def _family(name: str) -> tuple[Family | None, str]:
    """Return the family and the source that a name gives; None and "" if the name is not of a family."""
    if name in PRESETS:
        return FAMILIES["hf"], name
    prefix, colon, source = name.partition(":")
    return (FAMILIES[prefix], source) if colon and prefix in FAMILIES else (None, "")


def _hint(name: str) -> str:
    """Return the name that was probably meant, and where all names are listed."""
    known = [*ESTIMATORS, *PRESETS, *(f"{prefix}:" for prefix in FAMILIES), "none"]
    repos = {preset.repo.lower(): key for key, preset in PRESETS.items()}
    suffixes = {family.suffix: prefix for prefix, family in FAMILIES.items() if family.suffix}
    prefix, colon, source = name.partition(":")
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if name.lower() in repos:
        near = [repos[name.lower()]]
    elif Path(name).suffix.lower() in suffixes and not colon:
        near = [f"{suffixes[Path(name).suffix.lower()]}:{name}"]
    elif colon:
        near = [f"{family}:{source}" for family in difflib.get_close_matches(prefix.lower(), FAMILIES, n=1)]
    elif "/" in name:
        near = [f"hf:{name}"]
    meant = f"; did you mean {near[0]!r}?" if near else "."
    return f"{meant} `fgbg-data estimators` lists them all"

"""Depth estimators: the protocol, and the registry of those that there are."""

import difflib
import importlib
import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from fgbg_data.depth.memory import Halving
from fgbg_data.depth.presets import PRESETS, is_non_commercial
from fgbg_data.errors import EstimatorError, option
from fgbg_data.sample import Array

__all__ = ["ESTIMATORS", "FORMS", "DepthEstimator", "load_estimator", "pick_device"]

Identity = dict[str, str | int]


@runtime_checkable
class DepthEstimator(Protocol):
    """Guesses relative inverse depth from RGB. Built once per process; `estimate` keeps no state."""

    name: str
    batch_size: int
    """Pictures in one call during a build: floats depend on it, so it enters the fingerprint."""

    def identity(self) -> Identity:
        """Return what its output depends on: name, digest of weights, preprocessing, device, dtype, batch."""
        ...

    def estimate(self, images: Array) -> Array:
        """(N, H, W, 3) uint8 RGB -> (N, H, W) float32, unitless, larger = nearer, any scale and shift."""
        ...


@dataclass(frozen=True, kw_only=True)
class Form:
    """A family of estimators, of which `--depth FAMILY:SOURCE` names one."""

    target: str
    """Where the estimator is. Called with (source, device, batch_size or None); loaded only when it is used."""
    shown: str
    """How one writes it."""
    extra: str | None = None
    """The extra of the package that it needs."""
    needs: str | None = None
    """The module that the extra brings."""
    suffix: str | None = None
    """Of its file, where the source is one."""


ESTIMATORS: dict[str, str] = {
    "tiny": "fgbg_data.depth.tiny:TinyEstimator",
}
"""Name -> where the estimator is. Called with (device, batch_size or None); loaded only when it is used."""

FORMS: dict[str, Form] = {
    "hf": Form(target="fgbg_data.depth.hf:HfEstimator", shown="hf:REPO_OR_FOLDER", extra="hf", needs="transformers"),
    "onnx": Form(
        target="fgbg_data.depth.onnx:OnnxEstimator",
        shown="onnx:FILE",
        extra="onnx",
        needs="onnxruntime",
        suffix=".onnx",
    ),
    "densedepth": Form(
        target="fgbg_data.depth.densedepth:DenseDepthEstimator", shown="densedepth:FILE.h5", suffix=".h5"
    ),
}
"""Prefix -> family. The names in `presets.PRESETS` are of the family `hf`."""


def load_estimator(name: str, device: str = "auto", batch_size: int | None = None) -> DepthEstimator:
    """Build the estimator of that name; where a batch does not fit into memory, it goes on in halves of it.

    Args:
        name: a key of ESTIMATORS, a preset, or FAMILY:SOURCE.
        device: `auto`, `cpu` or `cuda`.
        batch_size: pictures in one call; None is the estimator's own default.

    Raises:
        EstimatorError: there is none of that name, or it cannot run here.
    """
    check_estimator(name)
    options: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
    form, source = _family(name)
    if form is None:
        target = ESTIMATORS[name]
    else:
        target, options = form.target, options | {"source": source}
    module, _, attribute = target.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    estimator: DepthEstimator = factory(device=pick_device(device), **options)
    return Halving(estimator)


def check_estimator(name: str) -> None:
    """Check all of a name that can be checked without loading anything.

    Raises:
        EstimatorError: there is no such estimator (the nearest is named), or an extra or its file is missing.
    """
    if name in ESTIMATORS:
        return
    form, source = _family(name)
    if form is None:
        raise EstimatorError(f"{option('depth', name)}: there is no such estimator{_hint(name)}")
    if not source:
        raise EstimatorError(f"{option('depth', name)}: expected {form.shown}")
    if form.needs and importlib.util.find_spec(form.needs) is None:
        raise EstimatorError(
            f"--depth {name}: needs {form.needs}, which is not installed: pip install 'fgbg[{form.extra}]'"
        )
    if form.suffix and not Path(source).expanduser().is_file():
        found = "is a folder" if Path(source).expanduser().is_dir() else "there is no such file"
        raise EstimatorError(f"{option('depth', name)}: {found}; expected {form.shown}")


def shown_name(name: str) -> str:
    """Return a name without the folders that a path in it has on this machine; what it is, its digest says.

    >>> shown_name("onnx:/data/models/small.onnx"), shown_name("hf:Intel/dpt-large"), shown_name("tiny")
    ('onnx:small.onnx', 'hf:Intel/dpt-large', 'tiny')
    """
    form, source = _family(name)
    if form is None or name in PRESETS:
        return name
    path = Path(source)
    if form.suffix or path.is_absolute() or source[:1] in ".~" or len(path.parts) > 2:
        return f"{name.partition(':')[0]}:{path.name or path.resolve().name}"
    return name


def warn_of_licence(identity: Identity) -> None:
    """Warn where the licence of an estimator does not allow commercial use of what it makes or is."""
    licence = str(identity.get("licence", ""))
    if is_non_commercial(licence):
        warnings.warn(
            f"{identity['name']}: its licence, {licence}, is for non-commercial use; the card of the dataset says so",
            stacklevel=2,
        )


def pick_device(device: str) -> str:
    """Return `cuda` or `cpu` for `auto`, after checking that it is there.

    Raises:
        EstimatorError: `cuda` is asked for and torch sees no GPU.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise EstimatorError(
            f"{option('device', 'cuda')}: torch {torch.__version__} sees no GPU. Use "
            f"{option('device', 'cpu')}, or install a driver that fits it"
        )
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _family(name: str) -> tuple[Form | None, str]:
    """Return the family of a name and its source; None where it has none."""
    if name in PRESETS:
        return FORMS["hf"], name
    prefix, colon, source = name.partition(":")
    return (FORMS[prefix], source) if colon and prefix in FORMS else (None, "")


def _hint(name: str) -> str:
    """Return what a wrong name may have meant, and where the right ones are."""
    known = [*ESTIMATORS, *PRESETS, *(f"{prefix}:" for prefix in FORMS), "none"]
    repos = {preset.repo.lower(): key for key, preset in PRESETS.items()}
    suffixes = {form.suffix: prefix for prefix, form in FORMS.items() if form.suffix}
    prefix, colon, source = name.partition(":")
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if name.lower() in repos:
        near = [repos[name.lower()]]
    elif Path(name).suffix.lower() in suffixes and not colon:
        near = [f"{suffixes[Path(name).suffix.lower()]}:{name}"]
    elif colon:
        near = [f"{family}:{source}" for family in difflib.get_close_matches(prefix.lower(), FORMS, n=1)]
    elif "/" in name:
        near = [f"hf:{name}"]
    meant = f"; did you mean {near[0]!r}?" if near else "."
    return f"{meant} `fgbg-data estimators` lists them all"

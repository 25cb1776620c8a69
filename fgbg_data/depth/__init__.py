"""Depth estimators: the protocol, and the registry of those that there are."""

import difflib
import importlib
from typing import Protocol, runtime_checkable

from fgbg_data.errors import EstimatorError
from fgbg_data.sample import Array

__all__ = ["ESTIMATORS", "DepthEstimator", "load_estimator", "pick_device"]

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


ESTIMATORS: dict[str, str] = {
    "tiny": "fgbg_data.depth.tiny:TinyEstimator",
}
"""Name -> where the estimator is. Called with (device, batch_size or None); loaded only when it is used."""


def load_estimator(name: str, device: str = "auto", batch_size: int | None = None) -> DepthEstimator:
    """Build the estimator of that name.

    Args:
        name: a key of ESTIMATORS.
        device: `auto`, `cpu` or `cuda`.
        batch_size: pictures in one call; None is the estimator's own default.

    Raises:
        EstimatorError: there is none of that name, or it cannot run here.
    """
    check_estimator(name)
    module, _, attribute = ESTIMATORS[name].partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    options = {} if batch_size is None else {"batch_size": batch_size}
    estimator: DepthEstimator = factory(device=pick_device(device), **options)
    return estimator


def check_estimator(name: str) -> None:
    """Raise an EstimatorError that names the nearest estimator unless there is one of that name."""
    if name not in ESTIMATORS:
        known = [*ESTIMATORS, "none"]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise EstimatorError(f"--depth {name!r}: expected one of {', '.join(known)}{hint}")


def pick_device(device: str) -> str:
    """Return `cuda` or `cpu` for `auto`, after checking that it is there.

    Raises:
        EstimatorError: `cuda` is asked for and torch sees no GPU.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise EstimatorError(
            f"--device cuda: torch {torch.__version__} sees no GPU. Use --device cpu, or install a driver that fits it"
        )
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device

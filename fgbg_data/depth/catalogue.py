"""The table of `fgbg-data estimators`: every estimator, its licence and size, and whether this machine has it."""

import importlib.util
import time
from typing import NamedTuple

import numpy as np

from fgbg_data.depth.hf_presets import PRESETS
from fgbg_data.depth.licences import is_non_commercial
from fgbg_data.depth.registry import ESTIMATORS, FAMILIES, Family, load_estimator

SPEED_SIDE_PX = 224
"""Side of the pictures on which speed is measured."""


class EstimatorInfo(NamedTuple):
    """One estimator, or a family of estimators, in words for a table."""

    name: str
    """How `--depth` names it, such as `tiny` or `onnx:FILE`."""
    licence: str
    """The licence of its weights; `*` after it means that commercial use is not allowed."""
    size: str
    """Number of its parameters, such as `24.8 M`."""
    output: str
    """What it gives: inverse depth, or metres that are inverted."""
    state: str
    """Whether it can run on this machine, or what to install."""


class EstimatorSpeed(NamedTuple):
    """How fast an estimator is on this machine."""

    pictures_per_s: float
    """Pictures a second, of SPEED_SIDE_PX x SPEED_SIDE_PX pixels."""
    batch_size: int
    """Pictures in one call."""
    device: str
    """Where it ran, such as `cpu`."""


def list_estimators() -> list[EstimatorInfo]:
    """Return all depth estimators and families of estimators, without loading any.

    >>> list_estimators()[0]
    EstimatorInfo(name='tiny', licence='Apache-2.0', size='3.3 M', output='inverse depth', state='in the package')
    """
    rows = [_estimator_row(name) for name in ESTIMATORS]
    for name, preset in PRESETS.items():
        output = "inverse depth" if preset.output == "inverse" else "metres, inverted"
        size = f"{preset.params_m:g} M"
        state = _state(FAMILIES["hf"], preset.repo)
        rows.append(EstimatorInfo(name, _licence(preset.licence), size, output, state))
    rows += [
        EstimatorInfo(each.shown, _licence(each.licence), each.parameters, each.output, _state(each))
        for each in FAMILIES.values()
    ]
    return [*rows, EstimatorInfo("none", "", "", "no depth", "")]


def measure_estimator(name: str, *, device: str = "auto", seconds: float = 5.0) -> EstimatorSpeed:
    """Measure how fast a depth estimator is on this machine.

        print(measure_estimator("tiny", device="cpu", seconds=5))

    The pictures are batches of noise that are ready in memory. The first batch, which warms up, is not counted.

    Args:
        name: name of the estimator.
        device: `auto`, `cpu` or `cuda`.
        seconds: how long to measure.

    Raises:
        EstimatorError: there is no such estimator, or it cannot run here.
    """
    estimator = load_estimator(name, device)
    shape = (estimator.batch_size, SPEED_SIDE_PX, SPEED_SIDE_PX, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    estimator.estimate(images)
    started, done = time.perf_counter(), 0
    while not done or time.perf_counter() - started < seconds:
        estimator.estimate(images)
        done += len(images)
    rate = done / (time.perf_counter() - started)
    return EstimatorSpeed(rate, estimator.batch_size, str(estimator.identity()["device"]))


def _estimator_row(name: str) -> EstimatorInfo:
    about = ESTIMATORS[name]
    licence, parameters, output = (str(getattr(about, key, "")) for key in ("licence", "parameters", "output"))
    state = "in the package" if name in ESTIMATORS.own else "installed"
    return EstimatorInfo(name, _licence(licence), parameters, output, state)


def _licence(licence: str) -> str:
    return f"{licence} *" if is_non_commercial(licence) else licence


def _state(family: Family, repo: str | None = None) -> str:
    """Return whether a family can run here, and for a model of the hub whether it is in the cache."""
    if family.needs and importlib.util.find_spec(family.needs) is None:
        return f"pip install 'fgbg[{family.extra}]'"
    if repo is None:
        return family.state
    from fgbg_data.depth.hub import is_cached

    return "fetched" if is_cached(repo) else "not fetched"

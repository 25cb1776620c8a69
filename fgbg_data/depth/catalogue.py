"""The table of `fgbg-data estimators`: every estimator, its licence and size, and whether this machine has it."""

import importlib.util
import time
from typing import NamedTuple

import numpy as np

from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.hf_presets import PRESETS
from fgbg_data.depth.licences import is_non_commercial
from fgbg_data.depth.registry import ESTIMATORS, FAMILIES, Family

SPEED_SIDE_PX = 224
"""Side of the pictures on which speed is measured."""


class Row(NamedTuple):
    """One estimator or family of estimators, as text."""

    name: str
    licence: str
    size: str
    output: str
    state: str


def catalogue() -> list[Row]:
    """Return a row for each estimator and each family, without loading a model."""
    rows = [_estimator_row(name) for name in ESTIMATORS]
    for name, preset in PRESETS.items():
        limit = " *" if is_non_commercial(preset.licence) else ""
        output = "inverse depth" if preset.output == "inverse" else "metres, inverted"
        size = f"{preset.params_m:g} M"
        rows.append(Row(name, preset.licence + limit, size, output, _state(FAMILIES["hf"], preset.repo)))
    rows += [Row(each.shown, each.licence, each.parameters, each.output, _state(each)) for each in FAMILIES.values()]
    return [*rows, Row("none", "", "", "no depth", "")]


def pictures_per_s(estimator: DepthEstimator, seconds: float) -> float:
    """Measure how many pictures an estimator labels in a second on this machine.

    The pictures are batches of noise that are ready in memory. The first batch, which warms up, is not counted.
    """
    shape = (estimator.batch_size, SPEED_SIDE_PX, SPEED_SIDE_PX, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    estimator.estimate(images)
    started, done = time.perf_counter(), 0
    while not done or time.perf_counter() - started < seconds:
        estimator.estimate(images)
        done += len(images)
    return done / (time.perf_counter() - started)


def _estimator_row(name: str) -> Row:
    about = ESTIMATORS[name]
    licence, parameters, output = (str(getattr(about, key, "")) for key in ("licence", "parameters", "output"))
    limit = " *" if is_non_commercial(licence) else ""
    return Row(name, licence + limit, parameters, output, "in the package" if name in ESTIMATORS.own else "installed")


def _state(family: Family, repo: str | None = None) -> str:
    """Return whether a family can run here, and for a model of the hub whether it is in the cache."""
    if family.needs and importlib.util.find_spec(family.needs) is None:
        return f"pip install 'fgbg[{family.extra}]'"
    if repo is None:
        return family.state
    from fgbg_data.depth.hub import is_cached

    return "fetched" if is_cached(repo) else "not fetched"

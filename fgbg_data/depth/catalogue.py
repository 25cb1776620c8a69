"""The table of estimators that there are, and what of them is on this machine."""

import importlib.util
import time
from typing import NamedTuple

import numpy as np

from fgbg_data.depth import FORMS, DepthEstimator, Form
from fgbg_data.depth.presets import PRESETS, is_non_commercial
from fgbg_data.depth.tiny import LICENCE

SPEED_SIDE_PX = 224
"""Side of the pictures on which speed is measured."""


class Row(NamedTuple):
    """One estimator, as text."""

    name: str
    licence: str
    size: str
    output: str
    state: str


def catalogue() -> list[Row]:
    """Return a row for each estimator and each family, loading no model."""
    rows = [Row("tiny", LICENCE, "3.3 M", "inverse depth", "in the package")]
    for name, preset in PRESETS.items():
        limit = " *" if is_non_commercial(preset.licence) else ""
        output = "inverse depth" if preset.output == "inverse" else "metres, inverted"
        size = f"{preset.params_m:g} M"
        rows.append(Row(name, preset.licence + limit, size, output, _state(FORMS["hf"], preset.repo)))
    rows.append(Row(FORMS["hf"].shown, "its card's", "", "by its kind", _state(FORMS["hf"])))
    rows.append(Row(FORMS["onnx"].shown, "its TOML's", "", "by its TOML", _state(FORMS["onnx"])))
    rows.append(Row(FORMS["densedepth"].shown, "GPL-3.0", "42.7 M", "inverse depth", "bring FILE"))
    return [*rows, Row("none", "", "", "no depth", "")]


def pictures_per_s(estimator: DepthEstimator, seconds: float) -> float:
    """Measure an estimator on this machine: batches of noise that are ready, after one that is not counted."""
    shape = (estimator.batch_size, SPEED_SIDE_PX, SPEED_SIDE_PX, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    estimator.estimate(images)
    started, done = time.perf_counter(), 0
    while not done or time.perf_counter() - started < seconds:
        estimator.estimate(images)
        done += len(images)
    return done / (time.perf_counter() - started)


def _state(form: Form, repo: str | None = None) -> str:
    """Say whether a family can run here, and whether a model of it is in the hub's cache."""
    if form.needs and importlib.util.find_spec(form.needs) is None:
        return f"pip install 'fgbg[{form.extra}]'"
    if repo is None:
        return "ready"
    from fgbg_data.depth.hub import is_cached

    return "fetched" if is_cached(repo) else "not fetched"

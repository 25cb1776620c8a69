"""Composite foregrounds on backgrounds into sharded datasets of image, mask and depth.

    from fgbg_data import BuildConfig, build
    manifest = build(BuildConfig(bg="bg/", fg="fg/", out="shards/"))

Names are loaded when they are first used, so that `import fgbg_data` costs nothing.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fgbg_data.build import build
    from fgbg_data.config import BuildConfig
    from fgbg_data.convert import convert
    from fgbg_data.dataset import Dataset, LoadedSample, open_dataset
    from fgbg_data.decode import decode
    from fgbg_data.depth import DepthEstimator
    from fgbg_data.errors import FgbgError
    from fgbg_data.info import info
    from fgbg_data.layout import UnfinishedWarning
    from fgbg_data.manifest import Manifest, Record
    from fgbg_data.merge import merge
    from fgbg_data.preview import preview
    from fgbg_data.resplit import resplit
    from fgbg_data.sample import Sample, dequantise_depth
    from fgbg_data.stats import FieldStats, stats
    from fgbg_data.verify import Problem, Report, verify
    from fgbg_data.view import view

__version__ = "0.1.0"

_HOMES = {
    "BuildConfig": "config",
    "Dataset": "dataset",
    "DepthEstimator": "depth",
    "FgbgError": "errors",
    "FieldStats": "stats",
    "LoadedSample": "dataset",
    "Manifest": "manifest",
    "Problem": "verify",
    "Record": "manifest",
    "Report": "verify",
    "Sample": "sample",
    "UnfinishedWarning": "layout",
    "build": "build",
    "convert": "convert",
    "decode": "decode",
    "dequantise_depth": "sample",
    "info": "info",
    "merge": "merge",
    "open_dataset": "dataset",
    "preview": "preview",
    "resplit": "resplit",
    "stats": "stats",
    "verify": "verify",
    "view": "view",
}

__all__ = [
    "BuildConfig",
    "Dataset",
    "DepthEstimator",
    "FgbgError",
    "FieldStats",
    "LoadedSample",
    "Manifest",
    "Problem",
    "Record",
    "Report",
    "Sample",
    "UnfinishedWarning",
    "build",
    "convert",
    "decode",
    "dequantise_depth",
    "info",
    "merge",
    "open_dataset",
    "preview",
    "resplit",
    "stats",
    "verify",
    "view",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"fgbg_data.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(types.ModuleType):
    """Keeps `fgbg_data.build` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

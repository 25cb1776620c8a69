"""Train a mask network and a depth network on the datasets that `fgbg_data` builds.

    from fgbg_train import FitConfig, fit, load_model
    run = fit("shards/", FitConfig())
    model = load_model(run / "best.ckpt")

Names are loaded when they are first used, so that `import fgbg_train` costs nothing.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fgbg_train.checkpoint import load_model
    from fgbg_train.config import FitConfig
    from fgbg_train.evaluate import evaluate
    from fgbg_train.predict import predict
    from fgbg_train.train import fit

__version__ = "0.1.0"

_HOMES = {
    "FitConfig": "config",
    "evaluate": "evaluate",
    "fit": "train",
    "load_model": "checkpoint",
    "predict": "predict",
}

__all__ = ["FitConfig", "evaluate", "fit", "load_model", "predict"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"fgbg_train.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(types.ModuleType):
    """Keeps `fgbg_train.predict` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

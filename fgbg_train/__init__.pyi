"""The public names of the package and where each one lives; the only list of them."""

from .config import FitConfig
from .run.checkpoint import load_model
from .train import fit
from .use.evaluate import evaluate
from .use.predict import predict

__version__: str

__all__ = ["FitConfig", "evaluate", "fit", "load_model", "predict"]

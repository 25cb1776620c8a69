"""The public names of the package and where each one lives; the only list of them."""

from .config import FitConfig
from .errors import Stopped
from .run.checkpoint import load_model
from .run.plot import plot
from .training.fit import fit
from .training.plan import FitPlan, plan_fit
from .training.rehearse import estimate_seconds
from .use.evaluate import evaluate
from .use.examine import examine
from .use.export import export
from .use.predict import predict
from .use.predict_video import predict_video
from .use.publish import push
from .use.summary import LayerRow, summary

__version__: str

__all__ = [
    "FitConfig",
    "FitPlan",
    "LayerRow",
    "Stopped",
    "estimate_seconds",
    "evaluate",
    "examine",
    "export",
    "fit",
    "load_model",
    "plan_fit",
    "plot",
    "predict",
    "predict_video",
    "push",
    "summary",
]

"""What `--depth auto` stands for: the best estimator that is at hand and fast enough here."""

import importlib.util
from typing import NamedTuple

from fgbg_data.depth.devices import pick_device
from fgbg_data.errors import EstimatorError

AUTO = "auto"
BEST, FAST = "depth-anything-v2-small", "tiny"
CANDIDATES = (BEST, FAST)
"""The names that `auto` can become."""


class Choice(NamedTuple):
    """What `auto` became."""

    name: str
    """Name of the estimator."""
    reason: str
    """Why it was chosen, as the end of a sentence."""


def choose_estimator(device: str, *, once_a_source: bool) -> Choice:
    """Choose between the two estimators whose licences allow every use.

    On one core `depth-anything-v2-small` takes about a second for a picture (`fgbg-data estimators --speed
    depth-anything-v2-small`). So it is chosen on a GPU, or where it runs once on each source, if its weights are on
    this machine or can be fetched.

    Args:
        device: `auto`, `cpu` or `cuda`.
        once_a_source: whether depth is composed of the depth of the sources, and never inferred from composites.

    Raises:
        EstimatorError: `cuda` is asked for, and this machine has no GPU.
    """
    on_gpu = pick_device(device) == "cuda"
    if not on_gpu and not once_a_source:
        return Choice(FAST, "it is the one that is fast enough for every composite on a CPU")
    if importlib.util.find_spec("transformers") is None:
        return Choice(FAST, f"{BEST} needs pip install 'fgbg[hf]'")
    from fgbg_data.depth.hub import find_model

    try:
        find_model(BEST)
    except EstimatorError as error:
        return Choice(FAST, str(error))
    return Choice(BEST, "there is a GPU" if on_gpu else "it runs only once on each source")

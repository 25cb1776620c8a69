"""Published depth models by name: the repository, output and licence of each."""

from dataclasses import dataclass
from typing import Literal

Output = Literal["inverse", "metric"]
"""What a model's raw output means: `inverse` depth, larger = nearer; or `metric` depth in metres, which is inverted."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One published model."""

    repo: str
    """Its repository on the Hugging Face hub."""
    licence: str
    """Its licence, as the card of the model states it; an SPDX identifier if there is one."""
    params_m: float
    """Number of its parameters, in millions."""
    output: Output
    """What the network itself gives, before any post-processing."""


_ANYTHING = "depth-anything/Depth-Anything-V2"
_ANYTHING_SIZES = (("Small", "Apache-2.0", 24.8), ("Base", "CC-BY-NC-4.0", 97.5), ("Large", "CC-BY-NC-4.0", 335.3))

PRESETS: dict[str, Preset] = {
    **{
        f"depth-anything-v2-{size.lower()}": Preset(
            repo=f"{_ANYTHING}-{size}-hf", licence=licence, params_m=params, output="inverse"
        )
        for size, licence, params in _ANYTHING_SIZES
    },
    **{
        f"depth-anything-v2-metric-{scene.lower()}-{size.lower()}": Preset(
            repo=f"{_ANYTHING}-Metric-{scene}-{size}-hf", licence=licence, params_m=params, output="metric"
        )
        for scene in ("Indoor", "Outdoor")
        for size, licence, params in _ANYTHING_SIZES
    },
    "dpt-large": Preset(repo="Intel/dpt-large", licence="Apache-2.0", params_m=343, output="inverse"),
    "dpt-hybrid-midas": Preset(repo="Intel/dpt-hybrid-midas", licence="Apache-2.0", params_m=122, output="inverse"),
    "zoedepth": Preset(repo="Intel/zoedepth-nyu-kitti", licence="MIT", params_m=345, output="metric"),
    "depth-pro": Preset(repo="apple/DepthPro-hf", licence="apple-amlr", params_m=952, output="inverse"),
}
"""Name -> model. Source of licences, sizes and outputs: `docs/estimators.md`."""

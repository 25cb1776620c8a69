"""The device on which an estimator runs: a GPU, or the CPU."""

import importlib.util
from pathlib import Path

from fgbg_data.errors import EstimatorError, option

GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Device files of the drivers of NVIDIA and AMD, and of GPUs in the Linux subsystem of Windows."""


def pick_device(device: str) -> str:
    """Return `cuda` or `cpu` for `auto`, after checking that this machine has it.

    Torch is loaded only if there is a GPU, or if the user asks for one.

    Raises:
        EstimatorError: `cuda` is asked for, and torch sees no GPU or is not installed.
    """
    if device == "auto":
        return "cuda" if any(Path(file).exists() for file in GPU_FILES) and sees_gpu() else "cpu"
    check_device(device)
    return device


def check_device(device: str) -> None:
    """Raise an EstimatorError if `device` is `cuda`, and torch sees no GPU or is not installed."""
    if device != "cuda" or sees_gpu():
        return
    if importlib.util.find_spec("torch") is None:
        raise EstimatorError(f"{option('device', device)}: needs torch: pip install 'fgbg[torch]'")
    import torch

    raise EstimatorError(
        f"{option('device', device)}: torch {torch.__version__} sees no GPU. Use {option('device', 'cpu')}, or install "
        "a driver that fits it"
    )


def sees_gpu() -> bool:
    """Return whether torch is installed and sees a GPU."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()

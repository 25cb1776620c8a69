"""What tests of the trainer share: small datasets, configurations that train in moments, and runs that get killed."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import torch

from fgbg_data.building.build import build as build_dataset
from fgbg_train.config import FitConfig
from fgbg_train.settings import lay_over
from helpers.datasets import config_for
from helpers.source_pictures import draw_pictures

TINY_NET = "light:test_efficientnet"
QUICK: dict[str, Any] = {
    "model": {"mask_net": TINY_NET, "depth_net": TINY_NET, "start": "random"},
    "schedule": "1@16x6,2@24x6",
    "workers": 0,
    "device": "cpu",
    "save_minutes": 0.0,
}
"""Settings of a quick run: 24 training samples make 4 steps in an epoch and 12 in all; each writes a checkpoint."""

PRELOAD = [
    "fgbg_train.training.fit",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "torch.utils.tensorboard",
]
"""What the fork server imports once for all runs that get killed."""

AUGMENTATION_OFF = {
    "mirror": 0.0,
    "crop": 0.0,
    "colour": 0.0,
    "background": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "cutout": 0.0,
}


def quick_config(**settings: Any) -> FitConfig:
    """A configuration that trains in moments; settings are laid over it."""
    return FitConfig.preset("small", **lay_over(QUICK, settings))


def build_small_dataset(folder: Path, **options: Any) -> Path:
    """Build a dataset of 48 samples of 48 px."""
    build_dataset(config_for(draw_pictures(folder), folder / "shards", **options))
    torch.set_num_threads(1)  # a build in this process has set the number that is best for it
    return folder / "shards"


def trained_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The weights of the model in a checkpoint, without averaging."""
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["model"]
    return state


def differing_weights(one: Path, other: Path) -> list[str]:
    """Names of the weights in two checkpoints that are not equal to the bit."""
    a, b = trained_weights(one), trained_weights(other)
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


def fit_and_get_killed(data: Path, config: FitConfig, out: Path, *, at: str, count: int) -> None:
    """Run `fit` in a process of its own, which is killed when it does something for the count-th time.

    Args:
        data: the dataset.
        config: the configuration of the run.
        out: the folder of the run.
        at: `step`: before the optimizer steps; `save`: a checkpoint is written, but has not replaced the old one;
            `log`: a row is half written.
        count: 1 is the first time.
    """
    arguments = (data, config, out, at, count)
    process = multiprocessing.get_context("forkserver").Process(target=_fit_and_get_killed, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def workers_left_over(out: Path, patience_s: float) -> list[int]:
    """Ids of the processes that decoded for a killed run and still exist after a while."""
    pids = [int(pid) for pid in out.with_suffix(".workers").read_text().split()]
    until = time.monotonic() + patience_s
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def _fit_and_get_killed(data: Path, config: FitConfig, out: Path, at: str, count: int) -> None:
    torch.set_num_threads(1)
    from fgbg_train.run import log
    from fgbg_train.training.fit import fit

    left = count

    def die_when_due() -> None:
        nonlocal left
        left -= 1
        if not left:
            if at == "log":
                with (out / "log.csv").open("a") as stream:
                    stream.write("0,99,tra")
            children = [str(child.pid) for child in multiprocessing.active_children()]
            out.with_suffix(".workers").write_text(" ".join(children))
            os.kill(os.getpid(), signal.SIGKILL)

    owner: Any
    owner, name = {"step": (torch.optim.AdamW, "step"), "save": (os, "replace"), "log": (log.RunLog, "add")}[at]
    original = getattr(owner, name)

    def replacement(*args: Any, **kwargs: Any) -> Any:
        if at != "save" or Path(args[1]).suffix == ".ckpt":
            die_when_due()
        return original(*args, **kwargs)

    setattr(owner, name, replacement)
    fit(data, config, out=out)

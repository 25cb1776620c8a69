"""What trainer tests share: configurations that train in moments, small datasets, and runs that get killed."""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

from fgbg_data.building.build import build as build_dataset
from fgbg_train.config import FitConfig, build
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
"""24 training samples: 4 steps an epoch, 12 in all; a checkpoint after every step."""

PRELOAD = ["fgbg_train.train", "matplotlib.figure", "matplotlib.backends.backend_agg", "torch.utils.tensorboard"]
"""What the server that killed runs are forked from imports once for all of them."""


def quick(**options: Any) -> FitConfig:
    """A configuration that trains in moments; options are laid over it."""
    return build("small", QUICK, options)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def make_shards(folder: Path, **options: Any) -> Path:
    """Build a dataset of 48 samples of 48 px."""
    build_dataset(config_for(draw_pictures(folder), folder / "shards", **options))
    torch.set_num_threads(1)  # a build in this process has set what is best for it
    return folder / "shards"


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint."""
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["model"]
    return state


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """Names of weights that are not equal to the bit."""
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


def fit_killed(data: Path, config: FitConfig, out: Path, *, at: str, count: int) -> None:
    """Run `fit` in a process of its own that is killed the moment that it calls something for the count-th time.

    Args:
        data: the dataset.
        config: of the run.
        out: the run's folder.
        at: `step`: before the optimizer's step; `save`: a checkpoint is written but not yet in its place;
            `log`: a row is half written.
        count: 1 is the first time.
    """
    process = multiprocessing.get_context("forkserver").Process(target=_fit_killed, args=(data, config, out, at, count))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def workers_left(out: Path, patience_s: float) -> list[int]:
    """Processes that decoded for a killed run and are still there after a while."""
    pids = [int(pid) for pid in out.with_suffix(".workers").read_text().split()]
    until = time.monotonic() + patience_s
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def _fit_killed(data: Path, config: FitConfig, out: Path, at: str, count: int) -> None:
    torch.set_num_threads(1)
    from fgbg_train import train
    from fgbg_train.run import checkpoint, log

    left = count

    def die_when_due(*_args: Any, **_kwargs: Any) -> None:
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
    owner, name = {
        "step": (torch.optim.AdamW, "step"),
        "save": (checkpoint.os, "fsync"),
        "log": (log.RunLog, "add"),
    }[at]
    original = getattr(owner, name)

    def replacement(*args: Any, **kwargs: Any) -> Any:
        die_when_due()
        return original(*args, **kwargs)

    setattr(owner, name, replacement)
    train.fit(data, config, out=out)

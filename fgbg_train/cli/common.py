"""What the commands of `fgbg-train` share: options, and the way to show errors."""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, get_args

import click

from fgbg_data import command_line
from fgbg_data.command_line import Choice
from fgbg_train import config as configuration
from fgbg_train.errors import ConfigError

NEEDED = ("torch", "lightning_fabric", "matplotlib", "tensorboard", "timm")
"""The modules that the extra `train` brings."""

Decorator = Callable[..., Any]


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show a user's mistake, or that the extra `train` is not installed, in one line, and exit with status 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        missing = [name.replace("_", "-") for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigError(f"{', '.join(missing)} must be installed for training: pip install 'fgbg[train]'")
        return command(*args, **kwargs)

    return command_line.user_errors("fgbg-train")(run)


def option(*names: str, **settings: Any) -> Decorator:
    """Make an option without a default, because the function that the command calls has the default."""
    return click.option(*names, default=None, **settings)


def choices(of: Any) -> Choice:
    """Return the choices of an option, from the type of its setting."""
    return Choice(list(get_args(of)))


DEVICE = option(
    "--device",
    type=choices(configuration.Device),
    help="Compute on this device; auto takes a GPU if there is one.  [auto]",
)
WORKERS = option("--workers", "-j", type=int, help="Decode samples in this many processes for each device.  [2]")
LIMIT = option("--limit", type=int, help="Use at most this many samples of each split.  [all]")
ON_ERROR = option(
    "--on-error",
    type=choices(configuration.OnError),
    help="Stop at a sample that cannot be read, or skip it and take another one.  [fail]",
)
SIZE = option(
    "--size",
    "size_px",
    type=click.IntRange(min=1),
    help="Resize the shorter side of images to this many px for the networks.  [as in training]",
)

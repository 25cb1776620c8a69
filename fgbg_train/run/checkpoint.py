"""Checkpoints: one file with everything that a run needs to resume, which is written whole or not at all.

Checkpoints are loaded with `weights_only=True`: they hold tensors, numbers, text, lists and dicts, and no code.
"""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fgbg_data.runtime.files import write_whole
from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.models.build import build_cascade
from fgbg_train.models.cascade import Cascade
from fgbg_train.settings import checked_path

FORMAT, VERSION = "fgbg-train checkpoint", 1
"""Format and version, which each file holds."""
BEST, LAST = "best.ckpt", "last.ckpt"
"""Names of the checkpoints in the folder of a run: the best weights on val, and everything that resuming needs."""


def find_checkpoint(path: Path | str) -> Path:
    """Return the file that holds a model: `path` itself, or the best checkpoint in it if it is the folder of a run.

    A run without val keeps no best.ckpt; there, it is last.ckpt.

    Raises:
        CheckpointError: it is a folder without a checkpoint.
    """
    found = checked_path("checkpoint", path)
    if not found.is_dir():
        return found
    for name in (BEST, LAST):
        if (found / name).exists():
            return found / name
    hint = (
        "it is a dataset; were the arguments swapped?"
        if (found / "dataset.json").exists()
        else ("give a .ckpt or .safetensors file, or the folder of a run")
    )
    raise CheckpointError(f"is a folder without {BEST} and {LAST}; {hint}", where=found)


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` to `path`. An earlier file stays until all of the new one is on the disk.

    Raises:
        StorageError: it cannot be written, for example because the disk is full; the text names the file.
        KeyboardInterrupt: the user stopped the program while it wrote.
    """
    with write_whole(path) as temporary, temporary.open("wb") as stream:
        try:
            torch.save({"format": FORMAT, "version": VERSION, **state}, stream)
        except RuntimeError as error:
            # If writing fails, the zip writer of torch fails once more when it is closed, and hides the first error.
            cause = error.__context__
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            if isinstance(cause, OSError):
                raise cause from None
            raise


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU. A `.safetensors` file of `export` holds only what evaluate and predict need.

    Raises:
        CheckpointError: the file is missing, is damaged, is no checkpoint, or has another version.
    """
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("there is no such checkpoint", where=path) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError("is no checkpoint, or is damaged", where=path) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError("is no checkpoint of fgbg-train", where=path)
    if state["version"] != VERSION:
        raise CheckpointError(f"has version {state['version']}; this program reads version {VERSION}", where=path)
    return state


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata() or {}
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError("there is no such file", where=path) from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError("is no safetensors file, or is damaged", where=path) from error
    if header.get("format") != FORMAT or header.get("version") != str(VERSION):
        raise CheckpointError("was not exported by this version of fgbg-train", where=path)
    table, size_px = json.loads(header["config"]), int(header["size_px"])
    return {"config": table, "size_px": size_px, "model": weights, "ema": None}


def load_config(path: Path, state: Mapping[str, Any]) -> FitConfig:
    """Return the configuration in a checkpoint.

    Raises:
        CheckpointError: another version of fgbg-train wrote it.
    """
    try:
        return FitConfig.from_table(state["config"])
    except ConfigError as error:
        raise CheckpointError(f"was made by another version of fgbg-train: {error}", where=path) from error


def load_weights(network: torch.nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    """Put weights into a network.

    Args:
        network: gets the weights.
        weights: name -> tensor.
        path: the file that the weights come from, for errors.

    Raises:
        CheckpointError: the weights belong to another architecture; the first differences are named.
    """
    own = network.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = sorted(k for k in own.keys() & weights.keys() if own[k].shape != weights[k].shape)
    found = [("missing", missing), ("unknown", extra), ("with another shape", shapes)]
    problems = [f"{len(names)} {what}, such as {names[0]}" for what, names in found if names]
    if problems:
        raise CheckpointError(f"its weights belong to another architecture ({'; '.join(problems)})", where=path)
    network.load_state_dict(weights)


def load_model(checkpoint: Path | str) -> Cascade:
    """Return the networks of a checkpoint, on the CPU and in evaluation mode.

    >>> prediction = load_model("runs/demo/best.ckpt")(torch.rand(1, 3, 224, 224))  # doctest: +SKIP

    Args:
        checkpoint: a checkpoint, the folder of a run (its best checkpoint), or the `.safetensors` file of `export`.

    Returns:
        A module that turns (B, 3, H, W) float RGB in [0, 1] into a `Prediction` with `mask_logits` and `depth`. It has
        the averaged weights if the run averaged them.

    Raises:
        CheckpointError: the file is no checkpoint, is damaged, or has another version.
    """
    path = find_checkpoint(checkpoint)
    return model_of(path, load(path))


def model_of(path: Path, state: Mapping[str, Any]) -> Cascade:
    """Return the networks of a loaded checkpoint, as `load_model` does."""
    config = load_config(path, state)
    cascade = build_cascade(config.model, initial=False)
    load_weights(cascade, state["ema"] or state["model"], path)
    return cascade.eval()

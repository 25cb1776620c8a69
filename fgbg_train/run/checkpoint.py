"""Checkpoints: one file that holds everything a run needs to go on, written whole or not at all.

It is loaded with `weights_only=True`: tensors, numbers, text, lists and dicts, no code.
"""

import json
import os
import pickle
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fgbg_train.config import FitConfig, from_table
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.models.build import build_cascade
from fgbg_train.models.cascade import Cascade

FORMAT, VERSION = "fgbg-train checkpoint", 1
PARTIAL = ".partial"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` to `path`, replacing what is there only once all of it is on the disk.

    Whatever happens, what was there stays until then.

    Raises:
        OSError: it cannot be written, for want of space, say; it names the file.
        KeyboardInterrupt: stopped while it was writing.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}")
    try:
        with partial.open("wb") as stream:
            torch.save({"format": FORMAT, "version": VERSION, **state}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        # torch's zip writer fails to close what was left half written, and hides why it was.
        cause = error.__context__ if isinstance(error, RuntimeError) else error
        if isinstance(cause, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(cause, OSError):
            if cause.errno is not None:
                cause.filename = str(path)  # a stream that is written to does not tell its name
            raise cause from None
        raise


def clear_partials(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for path in folder.glob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint on to the CPU; `.safetensors` of `export` hold what measuring and predicting need.

    Raises:
        CheckpointError: there is none, it is damaged, or of another version.
    """
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: no checkpoint, or a damaged one") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of fgbg-train")
    if state["version"] != VERSION:
        raise CheckpointError(f"{path}: of version {state['version']}; this program reads version {VERSION}")
    return state


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata() or {}
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not safetensors, or damaged") from error
    if header.get("format") != FORMAT or header.get("version") != str(VERSION):
        raise CheckpointError(f"{path}: not exported by this version of fgbg-train")
    table, size_px = json.loads(header["config"]), int(header["size_px"])
    return {"config": table, "size_px": size_px, "model": weights, "ema": None}


def load_config(path: Path, state: Mapping[str, Any]) -> FitConfig:
    """Return the configuration that a checkpoint holds."""
    try:
        return from_table(state["config"])
    except ConfigError as error:
        raise CheckpointError(f"{path}: made by another version of fgbg-train: {error}") from error


def load_weights(network: torch.nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    """Put weights into a network.

    Raises:
        CheckpointError: they are of another architecture; the first differences are named.
    """
    own = network.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = sorted(k for k in own.keys() & weights.keys() if own[k].shape != weights[k].shape)
    found = [("missing", missing), ("unknown", extra), ("of another shape", shapes)]
    problems = [f"{len(names)} {what}, such as {names[0]}" for what, names in found if names]
    if problems:
        raise CheckpointError(f"{path}: weights of another architecture ({'; '.join(problems)})")
    network.load_state_dict(weights)


def load_model(path: Path | str) -> Cascade:
    """Return the cascade of a checkpoint in evaluation mode, on the CPU; averaged weights if it has them."""
    path = Path(path)
    state = load(path)
    return model_of(path, state)


def model_of(path: Path, state: Mapping[str, Any]) -> Cascade:
    """Return the cascade of a loaded checkpoint, as `load_model` does."""
    config = load_config(path, state)
    cascade = build_cascade(config.model, initial=False)
    load_weights(cascade, state["ema"] or state["model"], path)
    return cascade.eval()

"""Checkpoints: one file with everything that a run needs to resume, which is written whole or not at all.

Checkpoints are loaded with `weights_only=True`: they hold tensors, numbers, text, lists and dicts, and no code.
"""

import hashlib
import json
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from fgbg_data.runtime.files import write_whole
from fgbg_data.text import first_line
from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.models.build import build_cascade
from fgbg_train.models.cascade import Cascade
from fgbg_train.settings import checked_path

FORMAT, VERSION = "fgbg-train checkpoint", 1
"""Format and version, which each file holds."""
_TYPES: dict[str, type] = {
    "config": dict,
    "fingerprint": str,
    "samples": dict,
    "size_px": int,
    "epoch": int,
    "step": int,
}
"""Parts of a checkpoint -> their type."""
BEST, LAST = "best.ckpt", "last.ckpt"
"""Names of the checkpoints in the folder of a run: the best weights on val, and everything that resuming needs."""


def find_checkpoint(path: Path | str) -> Path:
    """Return the file that holds a model: `path` itself, or the best checkpoint in it if it is the folder of a run.

    A run without val has no best.ckpt, so its last.ckpt is taken.

    Raises:
        CheckpointError: it is a folder without a checkpoint.
    """
    found = checked_path("checkpoint", path)
    if not found.is_dir():
        return found
    for name in (BEST, LAST):
        if (found / name).exists():
            return found / name
    is_dataset = (found / "dataset.json").exists()
    way_out = "give a .ckpt or .safetensors file, or the folder of a run"
    hint = "it is a dataset; were the arguments swapped?" if is_dataset else way_out
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
        with zipfile.ZipFile(path) as parts:  # torch writes their checksums, and does not look at them
            damaged = parts.testzip()
        if damaged is not None:
            raise CheckpointError(f"is damaged: the checksum of its part {damaged} is wrong; use a copy", where=path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("there is no such checkpoint", where=path) from error
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(f"is no checkpoint, or is damaged ({first_line(error)[:120]})", where=path) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError("is no checkpoint of fgbg-train", where=path)
    if state.get("version") != VERSION:
        raise CheckpointError(f"has version {state.get('version')}; this program reads version {VERSION}", where=path)
    _check_parts(path, state)
    return state


def require(path: Path, state: Mapping[str, Any], names: Collection[str]) -> None:
    """Check that a loaded checkpoint has the parts of these names.

    Raises:
        CheckpointError: it lacks some.
    """
    missing = [name for name in names if name not in state]
    if missing:
        raise CheckpointError(f"lacks {', '.join(missing)}; it was edited, or made by another program", where=path)


def weights_digest(weights: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> str:
    """Return 64 hex digits of BLAKE2b over weights and the header of an exported file, without the digest in it."""
    digest = hashlib.blake2b(digest_size=32)
    for name in sorted(header.keys() - {"digest"}):
        digest.update(f"{name}={header[name]}\n".encode())
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata() or {}
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError("there is no such file", where=path) from error
    except Exception as error:  # a damaged header can raise anything
        raise CheckpointError(
            f"is no safetensors file, or is damaged ({first_line(error)[:120]})", where=path
        ) from error
    if header.get("format") != FORMAT or header.get("version") != str(VERSION):
        raise CheckpointError("was not exported by this version of fgbg-train", where=path)
    if "digest" in header and header["digest"] != weights_digest(weights, header):
        raise CheckpointError("is damaged: its digest is not that of its weights; use a copy", where=path)
    try:
        table, size_px = json.loads(header["config"]), int(header["size_px"])
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(f"is damaged: its header cannot be read ({error!r})", where=path) from error
    state = {"config": table, "size_px": size_px, "model": weights, "ema": None}
    _check_parts(path, state)
    return state


def _check_parts(path: Path, state: Mapping[str, Any]) -> None:
    """Check the types of the parts that a checkpoint has.

    Raises:
        CheckpointError: one is of another type.
    """
    for name in ("model", "ema"):
        weights = state.get(name)
        if weights is not None and not (
            isinstance(weights, Mapping) and all(isinstance(value, torch.Tensor) for value in weights.values())
        ):
            raise CheckpointError(f"is damaged: its {name} is no table of tensors", where=path)
    for name, kind in _TYPES.items():
        if name in state and (not isinstance(state[name], kind) or isinstance(state[name], bool)):
            raise CheckpointError(f"is damaged: its {name} is {type(state[name]).__name__}", where=path)
    if state.get("size_px", 1) < 1:
        raise CheckpointError(f"is damaged: its size_px is {state['size_px']}", where=path)


def load_config(path: Path, state: Mapping[str, Any]) -> FitConfig:
    """Return the configuration in a checkpoint.

    Raises:
        CheckpointError: another version of fgbg-train wrote it.
    """
    require(path, state, ["config"])
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
    require(path, state, ["config", "size_px", "model", "ema"])
    config = load_config(path, state)
    cascade = build_cascade(config.model, initial=False)
    load_weights(cascade, state["ema"] or state["model"], path)
    return cascade.eval()

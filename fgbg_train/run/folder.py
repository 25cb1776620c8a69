"""The folder of a run: chosen, checked against what is asked for, and described when the run is over."""

import importlib.metadata
import json
import os
import platform
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fgbg_data.errors import option
from fgbg_train.config import FitConfig, differences, to_toml
from fgbg_train.errors import CheckpointError, ResumeError
from fgbg_train.run import checkpoint

Resume = Literal["auto", "none"]

LAST, BEST, CONFIG, SUMMARY, CACHE = "last.ckpt", "best.ckpt", "config.toml", "summary.json", "cache"
PACKAGES = ("torch", "timm", "numpy", "lightning-fabric", "opencv-python-headless")


def choose_folder(out: Path | None, config: FitConfig, fingerprint: str, resume: Resume) -> Path:
    """Return the folder of a run: `out`, or one named by preset and dataset; a new one to start afresh."""
    folder = out or Path("runs") / f"{config.preset}-{fingerprint[:8]}"
    if resume == "auto":
        return folder
    number, chosen = 2, folder
    while chosen.exists():
        chosen = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return chosen


def load_last(folder: Path, config: FitConfig, fingerprint: str, samples: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the checkpoint that a run goes on from, or None to start.

    Args:
        folder: of the run.
        config: asked for.
        fingerprint: of the dataset.
        samples: how many of each split the run would use.

    Raises:
        ResumeError: the folder holds another run, or something else.
    """
    last = folder / LAST
    if not last.exists():
        if folder.exists() and any(folder.iterdir()) and not (folder / CONFIG).exists():
            raise ResumeError(f"{folder}: not empty and not a run; give another {option('out')}")
        return None
    state = checkpoint.load(last)
    way_out = f"Give another {option('out')}, or {option('resume', 'none')} to start afresh in a new folder"
    if state["fingerprint"] != fingerprint:
        raise ResumeError(
            f"{folder}: holds a run on another dataset "
            f"(fingerprint {state['fingerprint'][:8]}, this one has {fingerprint[:8]}). {way_out}"
        )
    try:
        changed = differences(checkpoint.load_config(last, state), config)
    except CheckpointError as error:
        raise ResumeError(f"{error}. {way_out}") from error
    if changed:
        raise ResumeError(f"{folder}: holds a run with other settings (there / here): {', '.join(changed)}. {way_out}")
    if state["samples"] != samples:
        raise ResumeError(
            f"{folder}: holds a run on {state['samples']} samples of this dataset, which now has {dict(samples)}: "
            f"its build went on. {way_out}"
        )
    return state


def write_config(folder: Path, config: FitConfig) -> None:
    """Write config.toml, which marks the folder as a run's."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_text(folder / CONFIG, to_toml(config))


def write_summary(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write summary.json: what came out, of what, on what."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = importlib.metadata.version(package)
    _write_text(folder / SUMMARY, json.dumps({**facts, "versions": versions}, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{checkpoint.PARTIAL}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)

"""The folder of a run: it is chosen, checked against what is asked for, and described when the run is over."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fgbg_data.errors import option
from fgbg_data.options import load_toml
from fgbg_data.runtime.files import write_text
from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError, FgbgError, ResumeError
from fgbg_train.run import checkpoint
from fgbg_train.run.checkpoint import LAST

Resume = Literal["auto", "none"]

CONFIG, SUMMARY, CACHE = "config.toml", "summary.json", "cache"
LOG, CURVES, SAMPLES, IDS = "log.csv", "curves.png", "samples", "trackers.json"
"""Names in the folder."""
PACKAGES = ("torch", "timm", "numpy", "lightning-fabric", "opencv-python-headless")
"""Packages whose versions the summary holds."""


def choose_folder(out: Path | None, config: FitConfig, fingerprint: str, resume: Resume, notes: list[str]) -> Path:
    """Return the folder of a run.

    Args:
        out: the folder asked for. None takes `runs/PRESET-DATASET`, or the first of the same name with -2, -3 ... at
            its end that is free or holds a run with the same settings.
        config: the configuration of the run.
        fingerprint: the fingerprint of the dataset.
        resume: `none` takes a new folder if this one exists, with a number at its end.
        notes: gets a line if other settings are the reason for a number.
    """
    first = out or Path("runs") / f"{config.preset_name}-{fingerprint[:8]}"
    if out is not None and resume == "auto":
        return out
    number, folder = 2, first
    differing: list[str] = []
    while folder.exists():
        if resume == "auto":
            if not (found := _differences(folder, config)):
                break
            differing = differing or found
        folder = first.with_name(f"{first.name}-{number}")
        number += 1
    if differing:
        notes.append(f"{first} has other settings ({', '.join(differing)}): this run has the folder {folder}")
    return folder


def _differences(folder: Path, config: FitConfig) -> list[str]:
    """Return how the configuration in a folder differs from `config`; nothing if this run may use the folder."""
    try:
        if not any(folder.iterdir()):
            return []
        return FitConfig.from_table(load_toml(folder / CONFIG)).differences(config)
    except (OSError, FgbgError):
        return ["no configuration that can be read"]


def load_last(folder: Path, config: FitConfig, fingerprint: str, samples: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the checkpoint from which a run resumes, or None for a new run.

    Args:
        folder: the folder of the run.
        config: the configuration asked for.
        fingerprint: the fingerprint of the dataset.
        samples: split -> number of samples that the run would use.

    Raises:
        ResumeError: the folder holds another run, or something that is no run.
    """
    last = folder / LAST
    if not last.exists():
        if folder.exists() and any(folder.iterdir()) and not (folder / CONFIG).exists():
            raise ResumeError(f"is not empty, and holds no run; choose another {option('out')}", where=folder)
        return None
    state = checkpoint.load(last)
    checkpoint.require(last, state, ["fingerprint", "samples", "step", "model", "ema", "optimizer", "scaler", "tally"])
    way_out = f"Choose another {option('out')}, or use {option('resume', 'none')} to start afresh in a new folder"
    if state["fingerprint"] != fingerprint:
        raise ResumeError(
            f"holds a run on another dataset (fingerprint {state['fingerprint'][:8]}, this one has "
            f"{fingerprint[:8]}). {way_out}",
            where=folder,
        )
    try:
        changed = checkpoint.load_config(last, state).differences(config)
    except CheckpointError as error:
        raise ResumeError(f"{error.problem}. {way_out}", where=error.where) from error
    if changed:
        raise ResumeError(
            f"holds a run with other settings (there / here): {', '.join(changed)}. {way_out}", where=folder
        )
    if state["samples"] != samples:
        raise ResumeError(
            f"holds a run on {state['samples']} samples of this dataset, which now has {dict(samples)}, because its "
            f"build went on. {way_out}",
            where=folder,
        )
    return state


def write_config(folder: Path, config: FitConfig) -> None:
    """Write config.toml, which marks the folder as the folder of a run."""
    write_text(folder / CONFIG, config.to_toml())


def write_summary(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write summary.json: the facts about a finished run, and the versions of the packages."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = importlib.metadata.version(package)
    write_text(folder / SUMMARY, json.dumps({**facts, "versions": versions}, indent=2) + "\n")

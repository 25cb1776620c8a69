"""Trackers: programs that get the rows of log.csv while a run goes on, by the logger protocol of lightning-fabric.

TensorBoard comes with the extra `train`. The packages of wandb, mlflow and trackio are imported only if a run asks for
them. A tracker that fails is left out with a warning, and the run goes on.
"""

import contextlib
import importlib.util
import json
import os
import re
import secrets
import sys
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from PIL import Image

from fgbg_data.errors import FgbgWarning, option
from fgbg_data.runtime.files import write_text
from fgbg_data.text import first_line
from fgbg_train.errors import ConfigError, TrainError
from fgbg_train.run.folder import IDS

PROJECT = "fgbg"
"""The project, or experiment, that gets a run if the tracker's own environment variable names no other."""


class TensorBoard(TensorBoardLogger):
    """TensorBoard events in the folder of a run.

    Args:
        folder: the folder of the run.
        step: number of finished steps; TensorBoard hides events that were logged after it.
    """

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder, name="tensorboard", version="", purge_step=step + 1)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Show the configuration as a table of text."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in _table(params).items())
        self.experiment.add_text("configuration", f"| setting | value |\n|---|---|\n{rows}")

    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Add picture files under one name."""
        for path in images:
            with Image.open(path) as picture:
                self.experiment.add_image(key, np.asarray(picture.convert("RGB")), step, dataformats="HWC")


class Tracker(Logger):
    """The base class of the trackers below.

    Args:
        folder: the folder of the run, whose name the run also has in the tracker.
        run_id: the id under which the run is known there, or None for a run that is new there.
    """

    run_id: str
    """The id under which the run is known in the tracker."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name of the tracker."""
        return type(self).__name__.lower()

    @property
    def version(self) -> str:
        """The id of the run."""
        return self.run_id


class Wandb(Tracker):
    """Weights & Biases; its own files go to `wandb/` in the folder of the run."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        import wandb

        self._wandb = wandb
        self.run_id = run_id or secrets.token_hex(4)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=self.run_id,
            name=folder.name,
            dir=str(folder),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )
        # Steps are a metric of their own, because wandb refuses a step that is lower than one it has seen, and a run
        # that was killed goes on at its last checkpoint.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers of one step."""
        self._run.log({**metrics, "step": step})

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Log the configuration."""
        self._run.config.update(_table(params), allow_val_change=True)

    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Log picture files under one name."""
        self._run.log({key: [self._wandb.Image(path) for path in images], "step": step})

    def finalize(self, status: str) -> None:
        """End the run."""
        self._run.finish(exit_code=int(status != "success"))


class Mlflow(Tracker):
    """MLflow, at its tracking URI (`MLFLOW_TRACKING_URI`)."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        # By default, a server that is away holds each call up for more than four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        from mlflow import MlflowClient, entities

        self._client, self._entities = MlflowClient(), entities
        if run_id is None:
            project = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            found = self._client.get_experiment_by_name(project)
            experiment = found.experiment_id if found else self._client.create_experiment(project)
            self.run_id = str(self._client.create_run(experiment, run_name=folder.name).info.run_id)
        else:
            self.run_id = run_id
            self._client.update_run(run_id, status="RUNNING")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers of one step. Characters that MLflow refuses in names become underscores."""
        now = int(1000 * time.time())
        named = {re.sub(r"[^\w\-. /]", "_", name): value for name, value in metrics.items()}
        rows = [self._entities.Metric(name, float(value), now, step or 0) for name, value in named.items()]
        self._client.log_batch(self.run_id, metrics=rows)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Log the settings that the run does not have yet, because MLflow never changes one."""
        known = self._client.get_run(self.run_id).data.params
        new = [(name, str(value)[:500]) for name, value in _table(params).items() if name not in known]
        for first in range(0, len(new), 100):  # MLflow takes at most 100 in one call
            part = [self._entities.Param(*pair) for pair in new[first : first + 100]]
            self._client.log_batch(self.run_id, params=part)

    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Store picture files as artifacts of the run."""
        for path in images:
            self._client.log_artifact(self.run_id, path, key)

    def finalize(self, status: str) -> None:
        """End the run."""
        ends = {"success": "FINISHED", "aborted": "KILLED"}
        self._client.set_terminated(self.run_id, ends.get(status, "FAILED"))


class Trackio(Tracker):
    """Trackio, in its folder on this machine (`TRACKIO_DIR`) or in the Space that `TRACKIO_SPACE_ID` names."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        with contextlib.redirect_stdout(sys.stderr):  # standard output has the results of the run
            import trackio

            self._trackio = trackio
            self.run_id = run_id or f"{folder.name}-{secrets.token_hex(3)}"
            self._run = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT", PROJECT),
                name=self.run_id,
                resume="allow",
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers of one step."""
        self._run.log(dict(metrics), step=step)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Log the configuration."""
        self._run.config.update(_table(params))

    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Log picture files under one name."""
        for path in images:
            self._run.log({key: self._trackio.Image(path)}, step=step)

    def finalize(self, status: str) -> None:
        """End the run."""
        with contextlib.redirect_stdout(sys.stderr):
            self._run.finish()


TRACKERS: dict[str, type[Tracker]] = {"wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}
"""Name in `--log`, which is also the module that is imported and the extra that brings it -> the tracker."""


def check_installed(names: Iterable[str]) -> None:
    """Check that the packages of trackers are installed, without importing them.

    Raises:
        ConfigError: one is missing; the text has the command that installs it.
    """
    for name in names:
        if name in TRACKERS and importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"{option('log', name)}: needs {name}, which is not installed: pip install 'fgbg[{name}]'"
            )


def open_trackers(names: Iterable[str], folder: Path, step: int) -> dict[str, Logger]:
    """Open trackers for a run that begins or goes on, and keep the ids that it has there in its folder.

    Args:
        names: `tensorboard`, and names of `TRACKERS`.
        folder: the folder of the run.
        step: number of finished steps.

    Raises:
        TrainError: a tracker cannot start, and the run has not begun. A run that goes on does so without the tracker,
            with a warning, because nobody may be there to read an error.
    """
    path, opened = folder / IDS, dict[str, Logger]()
    ids: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = dict(ids)
    for name in names:
        try:
            with _quiet():
                if name in TRACKERS:
                    tracker = TRACKERS[name](folder, ids.get(name))
                    ids[name] = tracker.run_id
                    opened[name] = tracker
                else:
                    opened[name] = TensorBoard(folder, step)
        except Exception as error:
            if not step:
                Trackers(opened).close("failed")
                raise TrainError(f"{option('log', name)}: cannot start: {first_line(error)}") from error
            _warn_of_failure(name, error)
    if ids != known:
        write_text(path, json.dumps(ids, indent=2) + "\n")
    return opened


class Trackers:
    """Loggers that cannot end a run: one that fails is left out, with one warning.

    Args:
        loggers: what to call each one in a warning -> the logger. One that has a method `log_image(key, images, step)`,
            as the loggers of Lightning do, also gets pictures.
    """

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self._loggers = dict(loggers)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers of one step."""

        def send(logger: Logger) -> None:
            logger.log_metrics(dict(metrics), step)
            logger.save()

        self._each(send)

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Log the configuration: name of a setting -> its value."""
        self._each(lambda logger: logger.log_hyperparams(dict(settings)))

    def show(self, key: str, path: Path, step: int) -> None:
        """Log a picture file, in the loggers that take pictures."""

        def send(logger: Logger) -> None:
            if log_image := getattr(logger, "log_image", None):
                log_image(key, [str(path)], step=step)

        self._each(send)

    def close(self, status: str) -> None:
        """End the run in every logger; `status` is `success`, `aborted` or `failed`."""
        self._each(lambda logger: logger.finalize(status))

    def _each(self, send: Callable[[Logger], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                with _quiet():
                    send(logger)
            except Exception as error:  # a tracker can raise anything
                del self._loggers[name]
                _warn_of_failure(name, error)


def _table(params: dict[str, Any] | Namespace) -> dict[str, Any]:
    """Return settings as a dict, whichever of the two types of the protocol they have."""
    return vars(params) if isinstance(params, Namespace) else params


def _quiet() -> "warnings.catch_warnings[None]":
    """Return a context without the warnings of other packages, which are about their code and not about the run."""
    return warnings.catch_warnings(action="ignore")


def _warn_of_failure(name: str, error: Exception) -> None:
    warning = FgbgWarning(
        f"{name} failed ({first_line(error)}), and gets nothing more until the run is resumed; the run goes on, and "
        "log.csv holds every row"
    )
    warnings.warn(warning, stacklevel=2)

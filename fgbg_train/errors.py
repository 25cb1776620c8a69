"""The errors of training that a user can cause or fix. The command prints each as one line and exits with status 2.

FgbgError
+-- ConfigError          an option has a value that cannot work
|   +-- ScheduleError    a schedule has a mistake; the text points at it
+-- DataError            the dataset cannot be used for what was asked
+-- CheckpointError      a file is no checkpoint, is damaged, or belongs to another architecture
|   +-- ResumeError      the folder of the run holds another run than the one asked for
+-- TrainError           training cannot continue
    +-- LossError        the loss is not finite
    +-- MemoryLimitError a batch does not fit into memory
    +-- CompileError     the networks cannot be compiled on this machine

`Stopped` is not among them: it reports that a run was interrupted and saved.
"""

from fgbg_data.errors import ConfigError, FgbgError


class ScheduleError(ConfigError):
    """A schedule has a mistake; the text points at it."""


class DataError(FgbgError, ValueError):
    """The dataset cannot be used for what was asked."""


class CheckpointError(FgbgError, ValueError):
    """A file is no checkpoint, is damaged, or belongs to another architecture."""


class ResumeError(CheckpointError):
    """The folder of the run holds another run than the one asked for."""


class TrainError(FgbgError, RuntimeError):
    """Training cannot continue."""


class LossError(TrainError):
    """The loss is not finite."""


class MemoryLimitError(TrainError):
    """A batch does not fit into memory."""


class CompileError(TrainError):
    """The networks cannot be compiled on this machine."""


class Stopped(Exception):
    """A run was interrupted between two steps and saved. The same call, or the same command, resumes it.

    Args:
        step: number of finished steps.
        total_steps: number of steps of the whole run.
    """

    def __init__(self, step: int, total_steps: int) -> None:
        super().__init__(f"stopped after step {step} of {total_steps}; run the same command to go on")


__all__ = [
    "CheckpointError",
    "CompileError",
    "ConfigError",
    "DataError",
    "FgbgError",
    "LossError",
    "MemoryLimitError",
    "ResumeError",
    "ScheduleError",
    "Stopped",
    "TrainError",
]

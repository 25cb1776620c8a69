"""The errors of training that a user can cause or fix: one line on standard error, exit status 2.

FgbgError
+-- ConfigError          an option has a value that cannot work
|   +-- ScheduleError    a schedule string has a mistake; the text points at it
+-- DataError            the dataset cannot be used for what was asked
+-- CheckpointError      a file is no checkpoint, is damaged, or is of another architecture
|   +-- ResumeError      a run folder holds another run than the one asked for
+-- TrainError           training cannot go on
    +-- LossError        the loss is not finite
    +-- MemoryLimitError a batch does not fit into memory
    +-- CompileError     the networks cannot be compiled on this machine
"""

from fgbg_data.errors import ConfigError, FgbgError


class ScheduleError(ConfigError):
    """A schedule string has a mistake; the text points at it."""


class DataError(FgbgError, ValueError):
    """The dataset cannot be used for what was asked."""


class CheckpointError(FgbgError, ValueError):
    """A file is no checkpoint, is damaged, or is of another architecture."""


class ResumeError(CheckpointError):
    """A run folder holds another run than the one asked for."""


class TrainError(FgbgError, RuntimeError):
    """Training cannot go on."""


class LossError(TrainError):
    """The loss is not finite."""


class MemoryLimitError(TrainError):
    """A batch does not fit into memory."""


class CompileError(TrainError):
    """The networks cannot be compiled on this machine."""


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
    "TrainError",
]

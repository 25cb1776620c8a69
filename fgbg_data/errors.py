"""The errors a user can cause or fix; the commands print them as one line and exit with status 2.

FgbgError
+-- ConfigError          an option has a value that cannot work
+-- SourceError          a picture or a source folder cannot be used
+-- PlacementError       a foreground cannot be placed on the canvas
+-- EstimatorError       a depth estimator is missing, unknown or broken
+-- StorageError         the disk is full, or the folder is in use or not ours
+-- BuildError           a worker of a build died
+-- ShardError           a shard is damaged or not a shard
+-- UnknownKeyError      a dataset has no sample of that key
+-- ManifestError        dataset.json or a record is damaged or missing
    +-- FingerprintError the folder holds another dataset than the one asked for
"""


class FgbgError(Exception):
    """Base of every error that a user can cause or fix. Its text says what, where, and what to do."""


class ConfigError(FgbgError, ValueError):
    """An option has a value that cannot work."""


class SourceError(FgbgError, ValueError):
    """A picture or a source folder cannot be used."""


class PlacementError(FgbgError, ValueError):
    """A foreground cannot be placed on the canvas."""


class EstimatorError(FgbgError, RuntimeError):
    """A depth estimator is missing, unknown or broken."""


class StorageError(FgbgError, OSError):
    """The disk is full, or the folder is in use or not ours."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class ShardError(FgbgError, ValueError):
    """A shard is damaged or not a shard."""


class UnknownKeyError(FgbgError, KeyError):
    """A dataset has no sample of that key."""

    __str__ = Exception.__str__  # KeyError would show the text in quotes


class ManifestError(FgbgError, ValueError):
    """A manifest or record is damaged or missing."""


class FingerprintError(ManifestError):
    """The folder holds another dataset than the one asked for."""


class BuildError(FgbgError, RuntimeError):
    """A worker of a build died."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, for texts that people read.

    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

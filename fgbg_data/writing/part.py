"""Parts of a build: `3/8` makes every eighth shard, from the third on, and needs to know of no other part."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fgbg_data.errors import ConfigError, option

T = TypeVar("T")

_INDEX = {"slurm": "SLURM_ARRAY_TASK_ID", "k8s": "JOB_COMPLETION_INDEX"}
"""Scheduler -> the environment variable that holds the number of a task."""


@dataclass(frozen=True)
class Part:
    """One of several parts of a build."""

    number: int
    """Which part, from 1 to `count`."""
    count: int
    """Number of parts."""

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, shards: Sequence[T]) -> Sequence[T]:
        """Return the shards of this part.

        >>> Part(2, 3).of("abcdefg")
        'be'
        """
        return shards[self.number - 1 :: self.count]

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] | None = None) -> "Part":
        """Return the part that a value of the option `part` names.

        Args:
            text: `K/N`; or `slurm` or `k8s`, which take both numbers from the environment of a Slurm array or of an
                indexed job of Kubernetes; or `slurm/N` or `k8s/N`, where the tasks are numbered from 0.
            environment: the environment variables; None takes those of this process.

        Raises:
            ConfigError: it names no part, the part is out of range, or a variable is missing.

        >>> Part.parse("k8s/8", {"JOB_COMPLETION_INDEX": "2"})
        Part(number=3, count=8)
        """
        environment = os.environ if environment is None else environment
        first, slash, count = text.partition("/")
        if first not in _INDEX:
            number, total = _whole(first), _whole(count)
            if number is None or total is None:
                raise ConfigError(
                    f"{option('part', text)}: expected K/N, such as 3/8, or slurm or k8s, or slurm/N or k8s/N"
                )
        elif slash:
            total = _whole(count)
            if total is None:
                raise ConfigError(f"{option('part', text)}: expected a number of parts after /, such as {first}/8")
            number = _variable(text, environment, _INDEX[first]) + 1
        elif first == "slurm":
            number, total = _of_slurm(text, environment)
        else:
            number = _variable(text, environment, _INDEX[first]) + 1
            total = _variable(text, environment, "FGBG_PARTS")
        if not 1 <= number <= total:
            raise ConfigError(
                f"{option('part', text)}: there is no part {number} of {total}; expected a part from 1 to {total}"
            )
        return cls(number, total)


def _of_slurm(text: str, environment: Mapping[str, str]) -> tuple[int, int]:
    """Return number and count of the task of an array whose tasks are numbered without gaps, or with one step.

    Raises:
        ConfigError: the array has gaps, as after `--array=3,7`.
    """
    task, first, count = (_variable(text, environment, f"SLURM_ARRAY_TASK_{name}") for name in ("ID", "MIN", "COUNT"))
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
    number, rest = divmod(task - first, step)
    last = int(environment.get("SLURM_ARRAY_TASK_MAX", str(first + (count - 1) * step)))
    if rest or last != first + (count - 1) * step:
        raise ConfigError(
            f"{option('part', text)}: the array has gaps ({count} tasks from {first} to {last}), so the number of a "
            f"part cannot be found. Number all tasks from 0, and use {option('part', 'slurm/N')} with the number of "
            "all parts for N"
        )
    return number + 1, count


def _variable(text: str, environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name)
    number = _whole(value) if value is not None else None
    if number is None:
        found = "is not set" if value is None else f"is {value!r}"
        raise ConfigError(
            f"{option('part', text)}: the environment variable {name} {found}; expected a whole number"
            + (f", or {option('part', 'k8s/N')} with the number of parts" if name == "FGBG_PARTS" else "")
        )
    return number


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

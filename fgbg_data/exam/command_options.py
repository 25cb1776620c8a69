"""The options of commands that give an exam: how its depth is read and scored."""

import dataclasses
from collections.abc import Callable
from typing import Any, get_args

import click

from fgbg_data.command_line import Choice
from fgbg_data.exam.protocol import Align, Crop, DepthKind, ExamProtocol

NAMES = tuple(field.name for field in dataclasses.fields(ExamProtocol))
"""Names of the options."""

_OPTIONS = (
    click.option(
        "--categories", metavar="NAME,NAME...", help="Take these categories of a COCO file for objects.  [all]"
    ),
    click.option(
        "--depth-scale",
        type=click.FloatRange(min=0, min_open=True),
        help="Divide the depth files by this number.  [1000 for PNG, 1 for .npy]",
    ),
    click.option(
        "--depth-kind",
        type=Choice(list(get_args(DepthKind))),
        help="Read the depth files as metric depth, inverse depth, or disparity.  [metric]",
    ),
    click.option(
        "--align",
        type=Choice(list(get_args(Align))),
        help="Fit predicted depth to each picture by scale and shift of inverse depth, by the median, or not at all.  "
        "[affine-inverse]",
    ),
    click.option(
        "--cap",
        metavar="DEPTH|pN|none",
        help="Leave out what is farther than this depth, or than this percentile of each picture.  [p99.5]",
    ),
    click.option(
        "--crop",
        type=Choice(list(get_args(Crop))),
        help="Compare depth only in this crop: that of Eigen for NYU, or of Garg for KITTI.  [none]",
    ),
)


def exam_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; those that are not given are None."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def take_protocol(given: dict[str, Any]) -> ExamProtocol:
    """Take the options out of those that were given, and return the protocol that they make.

    Raises:
        ConfigError: a value cannot work.
    """
    return ExamProtocol(**{name: given.pop(name) for name in NAMES if name in given})

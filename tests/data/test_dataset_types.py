"""mypy in strict mode knows what `open_dataset` and its samples give, and finds wrong arguments."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RIGHT = """
from collections.abc import Sequence
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from fgbg_data import Dataset, LoadedSample, open_dataset

dataset = open_dataset("shards", "val", fields="image,mask", size=(2, 3), depth_as="raw")
open_dataset("shards", fields=("image", "mask"))
assert_type(dataset[3], LoadedSample)
assert_type(dataset["hall_cat_007"], LoadedSample)
assert_type(dataset[np.int64(3)], LoadedSample)
assert_type(dataset[2:3], Dataset)
samples: Sequence[LoadedSample] = dataset
assert_type([sample.key for sample in dataset], list[str])
sample = dataset[0]
assert_type(sample["key"], str)
assert_type(sample["image"], NDArray[Any])
assert_type(sample.depth, NDArray[Any])
assert_type(sample["meta"], dict[str, Any])
assert_type(sample["field of another package"], Any)
"""

WRONG = """
from fgbg_data import open_dataset

open_dataset("shards", depth_as="metres")
open_dataset("shards", "val", "image")
open_dataset("shards", fields=3)
open_dataset("shards")[0]["image"].split()
"""


def run_mypy(code: str, folder: Path) -> str:
    path = folder / "code.py"
    path.write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_types_are_precise(tmp_path: Path) -> None:
    assert "Success" in run_mypy(RIGHT, tmp_path)


@pytest.mark.slow
def test_wrong_arguments_are_found(tmp_path: Path) -> None:
    shown = run_mypy(WRONG, tmp_path)
    assert re.findall(r"code.py:(\d+): error", shown) == ["4", "5", "6", "7"], shown

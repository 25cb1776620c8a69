"""The shell completes commands, options, and the values of options."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fgbg-data rel", {"relabel"}),
        ("fgbg-data build --depth ti", {"tiny"}),
        ("fgbg-data relabel x --depth onn", {"onnx:"}),
        ("fgbg-data build --holdout b", {"background", "both"}),
        ("fgbg-data build --format h", {"hdf5"}),
        ("fgbg-data convert x --format tar,", {"tar,hdf5", "tar,folder"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(sorted(value)),
)
def test_values_are_completed(words: str, expected: set[str]) -> None:
    asked = {
        "_FGBG_DATA_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "from fgbg_data.cli import main; main(prog_name='fgbg-data')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, timeout=60, check=False
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == expected, done.stderr

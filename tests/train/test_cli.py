import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fgbg_train import cli


def run(arguments: Sequence[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    return int(stopped.value.code or 0)


def test_summary_counts_the_published_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "--preset", "eva4"]) == 0
    printed = capsys.readouterr().out
    assert "67,569,473" in printed
    assert "25,259,761" in printed


def test_a_mistake_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "--config", "nowhere.toml"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "fgbg-train: nowhere.toml: cannot be read (No such file or directory)\n"
    assert captured.out == ""


def test_a_folder_that_cannot_be_written_is_one_line(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["fit", str(shards), "--out", str(tmp_path / "file" / "run"), "--device", "cpu"]) == 2
    assert capsys.readouterr().err == (
        f"fgbg-train: [Errno 20] Not a directory: '{tmp_path}/file/run'. What was saved before is whole; when that is "
        "mended, the same command goes on\n"
    )


@pytest.mark.parametrize("statement", ["import fgbg_train", "import fgbg_train.cli", "import fgbg_train.config"])
def test_importing_stays_light(statement: str) -> None:
    heavy = "torch", "timm", "numpy", "cv2", "h5py", "rich", "matplotlib", "lightning_fabric"
    check = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_the_test_of_lightness_can_fail() -> None:
    with pytest.raises(AssertionError):
        test_importing_stays_light("import numpy")

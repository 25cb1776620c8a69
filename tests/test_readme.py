"""The Python that README shows gives the arrays that its comments promise."""

import re
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import config_for
from helpers.docs import blocks

from fgbg_data import build

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_python_of_the_readme(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(config_for(pictures, Path("shards"), size="224", depth="fake"), progress=False)
    (script,) = blocks(README, "python")
    names: dict[str, Any] = {}
    exec(script, names)
    sample = names["sample"]
    promised = re.findall(r"^sample\.(\w+)  # (\([\d, ]+\)) (\w+)", script, re.MULTILINE)
    arrays = {name: sample[name] for name in ("image", "mask", "depth")}
    assert promised == [(name, str(array.shape), str(array.dtype)) for name, array in arrays.items()]
    assert set(sample.mask.ravel()) == {0, 255}
    assert (sample.depth.min(), sample.depth.max()) == (0, 1)

"""The Python that README shows runs, on a dataset built as README says."""

from pathlib import Path

import pytest
from helpers.datasets import config_for
from helpers.docs import blocks

from fgbg_data import build

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_python_of_the_readme_gives_the_arrays_that_it_promises(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build(config_for(pictures, Path("shards"), size="224", depth="tiny"), progress=False)
    (script,) = blocks(README, "python")
    names: dict[str, object] = {}
    exec(script, names)
    sample = names["sample"]
    for name, shape, dtype in re_arrays():
        array = getattr(sample, name)
        assert (str(array.shape), str(array.dtype)) == (shape, dtype)
    assert set(sample.mask.ravel()) == {0, 255}  # type: ignore[attr-defined]
    assert (sample.depth.min(), sample.depth.max()) == (0, 1)  # type: ignore[attr-defined]

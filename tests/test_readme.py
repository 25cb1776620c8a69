"""What README shows works, on a dataset built as README says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import config_for

from fgbg_data import depth
from fgbg_data.build import build
from fgbg_data.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_of_the_readme_runs(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(depth.ESTIMATORS, "fake", "support:FakeEstimator")
    build(config_for(pictures, Path("shards"), size="224", depth="fake"))
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(block, names)
        assert names["image"].shape == (224, 224, 3)  # type: ignore[attr-defined]
        assert set(names["mask"].ravel()) == {0, 255}  # type: ignore[attr-defined]
        assert (names["depth"].min(), names["depth"].max()) == (0, 1)  # type: ignore[attr-defined]


def test_options_of_the_readme_exist() -> None:
    shown = CliRunner().invoke(main, ["build", "--help"]).output
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in shown, option


def test_pictures_and_pages_of_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target

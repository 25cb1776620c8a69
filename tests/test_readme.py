"""What README shows works, on a dataset built as README says."""

import re
from pathlib import Path

import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.cli import main as data_cli
from fgbg_train.cli import main as train_cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_of_the_readme_runs(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
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
    commands = [*data_cli.commands.values(), *train_cli.commands.values()]
    known = {"--help"} | {option for command in commands for param in command.params for option in param.opts}
    for option in set(re.findall(r"`(?:fgbg-[a-z]+ [a-z]+ )?(--[a-z-]+)", README)):
        assert option in known, option
    for program, command in set(re.findall(r"(fgbg-data|fgbg-train) ([a-z]+)", README)):
        assert command in (data_cli if program == "fgbg-data" else train_cli).commands, command


def test_pictures_and_pages_of_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target

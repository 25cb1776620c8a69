"""The Python and TOML blocks of every page work as they stand; some pages have tests of their own."""

import sys
from pathlib import Path

import pytest
from helpers.docs import DOCS, blocks, run

from fgbg_data.config import read_toml
from fgbg_data.depth.onnx_recipe import read_recipe

OWN = ("any-trainer.md", "cluster.md", "extending.md", "reuse.md")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if blocks(text, "python") and name not in OWN])
def test_the_python_blocks_of_a_page_run_as_one_script(name: str, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "shards").symlink_to(dataset)
    script = tmp_path / "page.py"
    script.write_text("\n\n".join(blocks(PAGES[name], "python")), encoding="utf-8")
    run([sys.executable, "-W", "ignore", script.name], tmp_path)


def test_the_toml_of_a_build_holds_options(tmp_path: Path) -> None:
    (text,) = blocks(PAGES["building.md"], "toml")
    (tmp_path / "build.toml").write_text(text, encoding="utf-8")
    assert read_toml(tmp_path / "build.toml")["samples"] == 4000


def test_the_toml_of_an_onnx_file_is_a_recipe(tmp_path: Path) -> None:
    (text,) = blocks(PAGES["estimators.md"], "toml")
    (tmp_path / "model.toml").write_text(text, encoding="utf-8")
    recipe, _ = read_recipe(tmp_path / "model.onnx")
    assert recipe.size == (256, 256)

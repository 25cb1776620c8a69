"""The site has every page in its menu, and every public name in its reference."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MENU = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("package", ["fgbg_data", "fgbg_train"])
def test_the_reference_lists_every_public_name_once(package: str) -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(rf"^::: {package}\.(\w+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(importlib.import_module(package).__all__)


def test_the_menu_leads_to_every_page() -> None:
    made_at_build = {"contributing.md", "changelog.md", "fgbg-data.md", "fgbg-train.md"}
    pages = {path.with_suffix(".md").name for pattern in ("*.md", "*.ipynb") for path in DOCS.glob(pattern)}
    assert sorted(re.findall(r"([\w-]+\.md)$", MENU, re.MULTILINE)) == sorted(pages | made_at_build)

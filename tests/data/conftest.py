"""Fixtures: copies that a test may spoil, and the page of a dataset."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.served_page import served


@pytest.fixture
def folder(pictures: Path, tmp_path: Path) -> Path:
    """A copy of the pictures."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def copy(dataset: Path, tmp_path: Path) -> Path:
    """A copy of the dataset."""
    return Path(shutil.copytree(dataset, tmp_path / "copy"))


@pytest.fixture(scope="module")
def url(dataset: Path) -> Iterator[str]:
    """Address of the page of the dataset, which a process serves."""
    with served(dataset) as address:
        yield address

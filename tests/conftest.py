"""Fixtures: pictures to build from, and a dataset built from them."""

from pathlib import Path

import pytest
from helpers.datasets import config_for
from helpers.source_pictures import draw_pictures

from fgbg_data import register_estimator
from fgbg_data.building.build import build

collect_ignore = ["helpers/keras_densedepth.py"]  # runs where TensorFlow is, in a process of its own

register_estimator("fake", "helpers.fake_estimator:FakeEstimator")
register_estimator("room", "helpers.rooms:RoomEstimator")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep scans of tars out of the user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bg/ (4 photos) and fg/ (3 cut-outs). Read only."""
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def dataset(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete dataset of 48 samples with depth, in tar and hdf5. Read only: copy it before changing it."""
    out = tmp_path_factory.mktemp("dataset") / "shards"
    build(config_for(pictures, out, depth="fake", format=("tar", "hdf5")))
    return out

"""MLCommons' own reader reads `croissant.json` and every sample that it describes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build

pytest.importorskip("mlcroissant", reason="mlcroissant is not installed; run make test-consumers")
pytestmark = pytest.mark.slow

READ_ALL = """
import json, sys
import numpy as np
import mlcroissant
from fgbg_data import open_dataset

found = mlcroissant.Dataset(jsonld=f"{sys.argv[1]}/croissant.json")
truth = {each.key: each for split in ("train", "val", "test") for each in open_dataset(sys.argv[1], split)}
text = lambda value: value.decode() if isinstance(value, bytes) else value
for field in ("image", "mask", "depth", "meta"):
    records = {text(each[f"{field}/file"]).partition(".")[0]: each[f"{field}/content"] for each in found.records(field)}
    assert set(records) == set(truth), field
    for key, content in records.items():
        if field == "meta":
            assert json.loads(content) == truth[key].meta, key
        if field == "mask":
            assert np.array_equal(np.asarray(content), truth[key].mask), key
        if field == "depth":
            assert content.mode == "I;16", key
assert sum(each["splits/samples"] for each in found.records("splits")) == len(truth)
"""


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_it_reads_every_record_of_every_field(pictures: Path, tmp_path: Path, image_format: Any) -> None:
    build(config_for(pictures, tmp_path / "out", depth="fake", image_format=image_format, positions=1))
    # Its cache knows a tar by its relative path alone, so datasets that share it are mixed up.
    own_cache = os.environ | {"CROISSANT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path / "out")], env=own_cache, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]

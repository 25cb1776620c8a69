"""`benchmarks/transfer.py` scores recipes on real photos: its numbers are right, and a stopped run goes on."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers.source_pictures import draw_pictures
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "transfer.py"


@pytest.fixture(scope="module")
def transfer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transfer", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["transfer"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_probe_is_a_background_that_differs_only_where_its_decoy_is(transfer: ModuleType, tmp_path: Path) -> None:
    folder = draw_pictures(tmp_path)
    cutouts, backgrounds = sorted((folder / "fg").iterdir()), sorted((folder / "bg").iterdir())
    for number in range(8):
        image, under, area = transfer.draw_probe(cutouts, backgrounds, 64, number)
        near = np.zeros(area.shape, bool)
        rows, columns = np.nonzero(area)
        near[max(0, rows.min() - 5) : rows.max() + 6, max(0, columns.min() - 5) : columns.max() + 6] = True
        assert set(np.unique(area)) == {0, 255}
        assert (image[~near] == under[~near]).all()
        assert (image[area > 0] != under[area > 0]).any(axis=-1).mean() > 0.5


def test_the_cheat_rate_is_the_share_of_decoy_area_that_is_predicted(transfer: ModuleType, tmp_path: Path) -> None:
    areas, predicted = tmp_path / "probes" / "areas", tmp_path / "predicted"
    areas.mkdir(parents=True)
    predicted.mkdir()
    area, half, none = (np.zeros((10, 10), np.uint8) for _ in range(3))
    area[2:6], half[4:8] = 255, 255  # two rows of the decoy's four, and two outside of it
    for number in range(transfer.NUM_PROBES):
        Image.fromarray(area).save(areas / f"decoy-{number:03d}.png")
        Image.fromarray(half).save(predicted / f"decoy-{number:03d}.mask.png")
        Image.fromarray(half if number % 2 else none).save(predicted / f"empty-{number:03d}.mask.png")
    found = transfer.score_probes(tmp_path / "probes" / "pictures", predicted)
    assert found == {"cheat rate": 0.5, "empty pictures": 0.2}


def test_rows_are_read_from_the_command_line(transfer: ModuleType) -> None:
    name, row = transfer.parse_row("frozen: --recipe classic | --freeze-encoder mask --lr 0.01", True)
    assert (name, row.build) == ("frozen", ("--recipe", "classic"))
    assert row.fit == ("--freeze-encoder", "mask", "--lr", "0.01")
    assert row.whole
    assert transfer.parse_row("plain:", False)[1] == transfer.Row()


def test_means_have_their_standard_error(transfer: ModuleType) -> None:
    assert transfer.text_of([0.4, 0.5, 0.6]) == ".500 ± .058"
    assert transfer.text_of([0.25]) == ".250"


@pytest.mark.slow
def test_a_tiny_measurement_gives_table_and_chart_and_goes_on(tmp_path: Path) -> None:
    folder = draw_pictures(tmp_path, backgrounds=12, foregrounds=4)
    exam = tmp_path / "exam" / "street"
    exam.mkdir(parents=True)
    for number in range(3):
        Image.open(folder / "bg" / f"room{number}.jpg").save(exam / f"{number}.jpg")
        mask = np.zeros((80, 96), np.uint8)
        mask[20:60, 30:70] = 255
        Image.fromarray(mask).save(exam / f"{number}.mask.png")
    state = tmp_path / "state"
    folders = [f"--{name}={path}" for name, path in (("fg", folder / "fg"), ("bg", folder / "bg"), ("out", state))]
    quick = ["--samples=40", "--size=32", "--schedule=4@32x8", "--jobs=1", f"--exam={exam.parent}"]
    rows = ["--only=classic", "--only=+ blends", "--only=frozen", "--row=frozen: | --freeze-encoder mask"]

    def measure(*more: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, str(SCRIPT), *folders, *quick, *rows, *more]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=900)

    done = measure("--seeds=1")
    assert done.returncode == 0, done.stderr
    scores = {path.name: path.read_text() for path in (state / "scores").iterdir()}
    assert set(scores) == {"classic-s0.json", "blends-s0.json", "frozen-s0.json"}
    found = json.loads(scores["classic-s0.json"])
    assert set(found["scores"]) == {"own test", "street", "cheat rate", "empty pictures"}
    assert all(0 <= value <= 1 for value in found["scores"].values())
    assert found["guess"]["street"] > 0.2
    table = (state / "table.md").read_text()
    assert "| classic | 1 |" in table
    assert "| guess: a centred ellipse |" in table
    assert Image.open(state / "transfer.png").width > 400

    (state / "scores" / "classic-s0.json").unlink()  # as if it had been stopped before it was scored
    assert measure("--seeds=1").returncode == 0
    again = json.loads((state / "scores" / "classic-s0.json").read_text())
    assert again["scores"] == found["scores"]
    assert (state / "scores" / "blends-s0.json").read_text() == scores["blends-s0.json"]

    refused = measure("--seeds=1", "--samples=50")
    assert refused.returncode == 1
    assert "--samples 40" in refused.stderr

"""Reading takes no more memory for more samples."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.datasets import config_for
from helpers.source_pictures import draw_pictures

from fgbg_data.building.build import build

READ = """
import sys
import torch
torch.set_num_threads(1)
from fgbg_train.data.batches import BatchReader
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.loader import Loader
from fgbg_train.data.stream import Stream
from fgbg_train.data.cache import SizeCache
from fgbg_train.schedule import Schedule, parse
from pathlib import Path
data, folder, cached, leak = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "cache", sys.argv[4] == "leak"
reader = SampleReader(data, "train")
if cached:
    reader.caches[48] = SizeCache(folder / "rows", reader.num_samples, (48, 48), depth=False)
    reader.caches[48].create()
stream = Stream(schedule=Schedule(parse("2@48x16"), reader.num_samples), seed=0, num_val=0)
loader = Loader(BatchReader({"train": reader}, skip_errors=False), workers=0)
kept, peak = [], 0
for batch in loader.read(stream):
    if leak:
        kept.append(batch.image.clone())
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = max(peak, int(status["RssAnon"].split()[0]) * 1024)
print(peak)
"""
FEW, MANY = 600, 2400
"""Numbers of samples of 7 kB at 48 px. Keeping each of them for two epochs would take 25 MB more for MANY."""


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("memory")
    pictures = draw_pictures(folder)
    for samples in (FEW, MANY):
        options = {
            "samples": samples,
            "positions": 110,
            "shard_size": 100,
            "holdout": "sample",
            "val": 0.0,
            "test": 0.0,
        }
        build(config_for(pictures, folder / str(samples), **options))
    return {samples: folder / str(samples) for samples in (FEW, MANY)}


def peak_bytes(data: Path, folder: Path, *, cached: bool, leak: bool = False) -> int:
    """The most bytes that a process has of its own while it reads two epochs.

    Pages of mapped files do not count, because the system takes them back when it needs them.
    """
    folder.mkdir()
    arguments = [str(data), str(folder), "cache" if cached else "none", "leak" if leak else "sound"]
    return int(subprocess.run([sys.executable, "-c", READ, *arguments], capture_output=True, check=True).stdout)


LINUX = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux shows the memory that belongs to a process alone"
)


@LINUX
@pytest.mark.slow  # two datasets are built, and each is read by a process of its own
@pytest.mark.parametrize("cached", [False, True])
def test_reading_takes_no_more_memory_for_more_samples(datasets: dict[int, Path], tmp_path: Path, cached: bool) -> None:
    few, many = (peak_bytes(datasets[n], tmp_path / str(n), cached=cached) for n in (FEW, MANY))
    assert many - few < 10e6


@LINUX
@pytest.mark.slow
def test_a_leak_of_samples_would_be_noticed(datasets: dict[int, Path], tmp_path: Path) -> None:
    few, many = (peak_bytes(datasets[n], tmp_path / str(n), cached=False, leak=True) for n in (FEW, MANY))
    assert many - few > 10e6

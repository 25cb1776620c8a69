"""NVIDIA's Energon prepares the shards as they are, and its loader gives every sample."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.datasets import config_for

from fgbg_data import open_dataset
from fgbg_data.building.build import build

pytest.importorskip("megatron.energon", reason="megatron-energon is not installed; run make test-consumers")
pytestmark = pytest.mark.slow

READ_ALL = """
import sys
from dataclasses import dataclass
from megatron.energon import (
    Cooker, Sample, TaskEncoder, WorkerConfig, basic_sample_keys, get_loader, get_train_dataset, stateless
)

@dataclass
class Composite(Sample):
    image: object
    mask: object

@stateless
def cook(sample):
    return Composite(**basic_sample_keys(sample), image=sample["jpg"], mask=sample["mask.png"])

class Encoder(TaskEncoder):
    cookers = [Cooker(cook)]

dataset = get_train_dataset(
    sys.argv[1], batch_size=None, shuffle_buffer_size=None, max_samples_per_sequence=None, repeat=False,
    worker_config=WorkerConfig.default_worker_config(0), task_encoder=Encoder(),
)
for sample in get_loader(dataset):
    assert sample.image.shape[1:] == sample.mask.shape[-2:]
    print(sample.__key__)
"""


def test_energon_prepares_and_reads_the_shards(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(config_for(pictures, out, positions=1))
    parts = [word for split in ("train", "val", "test") for word in ("--split-parts", f"{split}:{split}/.*")]
    command = [str(Path(sys.executable).with_name("energon")), "prepare", str(out), "--non-interactive", *parts]
    subprocess.run([*command, "--sample-type", "CrudeWebdataset"], check=True, capture_output=True)
    counts = json.loads((out / ".nv-meta" / ".info.json").read_text())["shard_counts"]
    assert sum(counts.values()) == sum(len(open_dataset(out, split)) for split in ("train", "val", "test"))
    done = subprocess.run([sys.executable, "-c", READ_ALL, str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    read = {key.rpartition("/")[2] for key in done.stdout.split()}
    assert read == set(open_dataset(out, "train").keys())

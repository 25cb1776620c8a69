"""Fixtures: small datasets, and the folder of one finished run."""

import multiprocessing
from pathlib import Path

import pytest
import torch
from helpers.training import PRELOAD, build_small_dataset, quick_config
from hypothesis import settings

from fgbg_train import fit

settings.register_profile("train", deadline=None)  # a busy machine is no failure
settings.load_profile("train")
multiprocessing.set_forkserver_preload(PRELOAD)
torch.set_num_threads(1)  # for batches as small as these, threads cost more than they save


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 48 samples of 48 px with depth, in tar and hdf5. Read only."""
    return build_small_dataset(tmp_path_factory.mktemp("shards"), depth="fake", format=("tar", "hdf5"))


@pytest.fixture(scope="session")
def shards_without_depth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset without depth. Read only."""
    return build_small_dataset(tmp_path_factory.mktemp("without_depth"))


@pytest.fixture(scope="session")
def finished_run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was never stopped. Read only."""
    return fit(shards, quick_config(), out=tmp_path_factory.mktemp("runs") / "finished")

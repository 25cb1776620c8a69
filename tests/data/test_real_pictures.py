"""A build of real cut-outs and photos with the embedded estimator, read back by other projects' readers only."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import webdataset
from PIL import Image

PICTURES = Path(__file__).parents[3] / "shared" / "images"
SAMPLES = 4000


@pytest.mark.slow
def test_four_thousand_samples_of_real_pictures_are_built_and_read(tmp_path: Path) -> None:
    if not PICTURES.is_dir():
        pytest.skip(f"{PICTURES} is not there: real pictures are kept outside the repository")
    sources = ["--bg", str(PICTURES / "bg"), "--fg", str(PICTURES / "fg"), "--out", str(tmp_path / "shards")]
    options = ["--samples", str(SAMPLES), "--format", "tar,hdf5"]
    subprocess.run([sys.executable, "-m", "fgbg_data.cli", "build", *sources, *options], check=True)
    keys = set()
    tar_bytes = 0
    for path in sorted((tmp_path / "shards").glob("*/*.tar")):
        tar_bytes += path.stat().st_size
        with tarfile.open(path) as tar:
            assert {Path(member.name).name for member in tar} == {member.name for member in tar}
        with h5py.File(path.with_suffix(".h5")) as shard:
            for index, sample in enumerate(webdataset.WebDataset(str(path), shardshuffle=False)):
                image, mask, depth = (
                    np.asarray(Image.open(io.BytesIO(sample[suffix]))) for suffix in ("jpg", "mask.png", "depth.png")
                )
                assert (image.shape, mask.shape, depth.shape) == ((224, 224, 3), (224, 224), (224, 224))
                assert set(np.unique(mask)) == {0, 255}
                assert depth.max() == 4095 << 4
                assert shard["key"].asstr()[index] == sample["__key__"]
                np.testing.assert_array_equal(shard["image"][index], image)
                np.testing.assert_array_equal(shard["mask"][index], mask)
                np.testing.assert_array_equal(shard["depth"][index], depth)
                keys.add(sample["__key__"])
    assert len(keys) == SAMPLES
    assert tar_bytes / SAMPLES < 75_000

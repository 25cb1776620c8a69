"""The decoder for stock webdataset."""

from pathlib import Path

import numpy as np
import pytest
import webdataset

import fgbg_data
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ShardError


def test_webdataset_gives_what_open_dataset_gives(dataset: Path) -> None:
    tar = str(dataset / "train/fgbg-train-000000.tar")
    ours = open_dataset(dataset, depth_as="codes", format="tar")
    samples = list(webdataset.WebDataset(tar, shardshuffle=False).decode(fgbg_data.webdataset_decoder))
    assert len(samples) == 8
    for sample in samples:
        expected = ours[sample["__key__"]]
        assert sample["depth.png"].dtype == np.uint16
        assert np.array_equal(sample["jpg"], expected.image)
        assert np.array_equal(sample["mask.png"], expected.mask)
        assert np.array_equal(sample["depth.png"], expected.depth)
        assert sample["json"] == expected.meta


def test_depth_keeps_the_levels_that_stock_decoders_lose(dataset: Path) -> None:
    tar = str(dataset / "train/fgbg-train-000000.tar")
    ours = next(iter(webdataset.WebDataset(tar, shardshuffle=False).decode(fgbg_data.webdataset_decoder)))
    stock = next(iter(webdataset.WebDataset(tar, shardshuffle=False).decode("l8")))
    assert len(np.unique(ours["depth.png"])) > 500
    assert len(np.unique(stock["depth.png"])) < 20
    depth = fgbg_data.dequantize_depth(ours["depth.png"], ours["json"]["depth_bits"])
    assert (depth.min(), depth.max()) == (0, 1)


def test_other_files_are_left_to_webdataset() -> None:
    assert fgbg_data.webdataset_decoder(".cls", b"3") is None
    assert fgbg_data.webdataset_decoder("txt", b"hello") is None


def test_damaged_files_are_an_error() -> None:
    with pytest.raises(ShardError, match="mask"):
        fgbg_data.webdataset_decoder(".mask.png", b"\x89PNG\r\n\x1a\n damaged")
    with pytest.raises(ShardError, match="meta is not JSON"):
        fgbg_data.webdataset_decoder(".json", b"{")

"""`LoadedSample` is a mapping of fields with attributes, and says why a field is absent."""

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for

from fgbg_data.building.build import build
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.reading import open_dataset


def test_a_sample_is_a_mapping_with_attributes(dataset: Path) -> None:
    sample = open_dataset(dataset)[3]
    assert isinstance(sample, Mapping)
    assert list(sample) == ["key", "image", "mask", "depth", "meta"]
    assert len(sample) == 5
    assert sample["key"] == sample.key == sample["meta"]["key"]
    for name in ("image", "mask", "depth", "meta"):
        assert sample[name] is getattr(sample, name)
    assert {**sample}.keys() == dict(sample).keys() == sample.keys()
    assert set(sample) <= set(dir(sample))
    assert sample.get("depth_composed") is None


def test_a_sample_cannot_be_changed_by_accident(dataset: Path) -> None:
    sample = open_dataset(dataset)[3]
    with pytest.raises(AttributeError):
        sample.image = sample.mask
    with pytest.raises(TypeError, match="does not support item assignment"):
        sample["image"] = sample.mask  # type: ignore[index]
    changed = {**sample, "image": 255 - sample.image}
    assert np.array_equal(changed["image"], 255 - sample.image)


def test_equal_samples_have_equal_fields(dataset: Path) -> None:
    tar, hdf5 = (open_dataset(dataset, format=name) for name in ("tar", "hdf5"))
    assert tar[3] == hdf5[3] == dict(tar[3])
    assert tar[3] != tar[4]
    assert tar[3] != open_dataset(dataset, fields="image,mask")[3]
    assert tar[3] != "something else"


def test_samples_are_copied_and_pickled(dataset: Path) -> None:
    sample = open_dataset(dataset, fields="mask")[0]
    for other in (copy.copy(sample), copy.deepcopy(sample), pickle.loads(pickle.dumps(sample))):
        assert other == sample
        with pytest.raises(AttributeError, match="not asked for"):
            _ = other.image


def test_the_repr_is_one_line_of_types_and_shapes(dataset: Path) -> None:
    sample = open_dataset(dataset, fields="image,depth,meta", size=24)[0]
    assert repr(sample) == (
        f"LoadedSample('{sample.key}', image=uint8 (24, 24, 3), depth=float32 (24, 24), "
        f"meta=dict of {len(sample.meta)})"
    )
    ds = open_dataset(dataset, "val", fields="image,mask", size="32x16")
    assert repr(ds) == "Dataset('val', 12 samples, fields=image,mask, size=32x16)"
    assert repr(open_dataset(dataset)) == "Dataset('train', 24 samples, fields=image,mask,depth,meta)"


def test_absent_fields_say_why(dataset: Path, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "flat", samples=6))
    every, masks = open_dataset(tmp_path / "flat")[0], open_dataset(dataset, fields="mask")[0]
    cases = [
        (every, "depth", "no 'depth', because its dataset stores none; it holds key, image, mask, meta"),
        (masks, "image", "no 'image', because open_dataset was not asked for that field; it holds key, mask"),
        (masks, "maks", "a sample has no 'maks', it holds key, mask; did you mean 'mask'"),
        (LoadedSample({"key": "a", "image": 0}), "depth", "this sample has no 'depth', it holds key, image"),
    ]
    for sample, name, text in cases:
        assert name not in sample
        assert not hasattr(sample, name)
        with pytest.raises(AttributeError, match=text):
            getattr(sample, name)
        with pytest.raises(KeyError, match=text):
            sample[name]

"""Which options change a dataset: its fingerprint changes with these, and with no others."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from helpers.datasets import config
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.config import BuildConfig
from fgbg_data.dataset.identity import fingerprint
from fgbg_data.errors import ConfigError


def stamp(**options: Any) -> str:
    return fingerprint(config(**options).described())


OTHER_VALUES: dict[str, Any] = {
    "positions": 21,
    "mirror": False,
    "scale": "0.4:0.8",
    "truncate": 0.1,
    "size": "225",
    "fit": "stretch",
    "place": "ground",
    "samples": 100,
    "seed": 1,
    "depth": "none",
    "depth_bits": 8,
    "depth_size": "half",
    "estimator_batch": 8,
    "format": ("tar", "hdf5"),
    "shard_size": 999,
    "image_format": "png",
    "quality": 94,
    "val": 0.2,
    "test": 0.2,
    "holdout": "both",
    "group_similar": True,
    "objects": "1:3",
    "empty": 0.1,
    "decoys": "0:2",
    "blend": "over,feather",
    "rotate": 10,
    "colour": 0.2,
    "match": "0:0.5",
    "camera": 0.5,
}


NO_CHANGE: dict[str, Any] = {
    "bg": "elsewhere/bg",
    "fg": "elsewhere/fg",
    "out": "elsewhere/out",
    "jobs": 3,
    "device": "cpu",  # the estimator's identity says which it really was
    "check": True,
    "skip_bad": True,  # what was skipped counts
    "overwrite": True,
    "recipe": "classic",  # its options count, and not its name
    "backend": "dask",
    "cache_gb": 5.0,
}


IDLE: dict[str, Any] = {
    "hdf5_layout": "encoded",
    "stand": "drawn",
    "relief": 0.5,
    "visible": 0.5,
    "amodal": True,
    "camera_height": "2",
    "require_ground": True,
    "occlude": False,
    "shadow": "cast",
}
"""These options have no effect without HDF5, without composed depth, with one object in a picture, or away from the
ground."""


APART = {"depth_mode", "extra_fields", "twins", "part", "dask_address"}
"""These need an estimator, another package (tests/data/test_third_party.py), or several blends, or exclude others."""


def test_every_field_is_listed_as_changing_the_dataset_or_not() -> None:
    assert OTHER_VALUES.keys() | NO_CHANGE.keys() | IDLE.keys() | APART == {
        field.name for field in dataclasses.fields(BuildConfig)
    }


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_options_that_change_the_dataset_change_the_fingerprint(name: str) -> None:
    assert stamp(**{name: OTHER_VALUES[name]}) != stamp()


def test_options_of_composed_depth_change_the_fingerprint_only_with_composed_depth() -> None:
    composed = [
        stamp(),
        stamp(depth_mode="compose"),
        stamp(depth_mode="both"),
        stamp(depth_mode="both", stand="drawn"),
        stamp(depth_mode="both", relief=0.5),
    ]
    assert len(set(composed)) == len(composed)
    assert stamp(depth_mode="both", relief=0) == stamp(depth_mode="both", relief=0.0)


def test_hdf5_layout_changes_the_fingerprint_only_with_hdf5() -> None:
    assert stamp(format="hdf5", hdf5_layout="encoded") != stamp(format="hdf5")
    assert stamp(hdf5_layout="pixels") == stamp()
    with pytest.raises(ConfigError, match="hdf5_layout='encoded': has no effect here"):
        stamp(hdf5_layout="encoded")


def test_options_of_several_objects_change_the_fingerprint_only_with_several_objects() -> None:
    found = [stamp(), stamp(objects=2), stamp(objects=2, visible=0.5), stamp(objects=2, amodal=True)]
    found += [stamp(blend="over,box"), stamp(blend="over,box", twins=2)]
    assert len(set(found)) == len(found)
    assert stamp(objects="2:2") == stamp(objects=2)
    with pytest.raises(ConfigError, match="amodal=True: has no effect here; it needs objects='1:3'"):
        stamp(amodal=True)


def test_options_of_the_ground_change_the_fingerprint_only_with_objects_on_the_ground() -> None:
    options: list[dict[str, Any]] = [
        {"camera_height": "2"},
        {"require_ground": True},
        {"occlude": False},
        {"shadow": "cast"},
    ]
    found = [stamp(), stamp(place="ground"), *(stamp(place="ground", **each) for each in options)]
    assert len(set(found)) == len(found)
    for each in options:
        with pytest.raises(ConfigError, match="has no effect here"):
            stamp(**each)


def test_where_a_build_runs_keeps_the_fingerprint() -> None:
    assert stamp(part="2/3") == stamp(backend="dask", dask_address="tcp://10.0.0.1:8786") == stamp()


def effective(names: set[str]) -> set[str]:
    """Leave out what is refused beside `depth = "none"` and `image_format = "png"`."""
    idle = {"depth_bits", "depth_size", "estimator_batch"} if "depth" in names else set()
    return names - idle - ({"quality"} if "image_format" in names else set())


@settings(max_examples=60)
@given(names=st.sets(st.sampled_from(sorted(NO_CHANGE))), others=st.sets(st.sampled_from(sorted(OTHER_VALUES))))
def test_options_that_do_not_change_the_dataset_keep_the_fingerprint(names: set[str], others: set[str]) -> None:
    changed = {name: OTHER_VALUES[name] for name in effective(others)}
    assert stamp(**changed, **{name: NO_CHANGE[name] for name in names}) == stamp(**changed)


@settings(max_examples=60)
@given(first=st.sets(st.sampled_from(sorted(OTHER_VALUES))), second=st.sets(st.sampled_from(sorted(OTHER_VALUES))))
def test_different_datasets_have_different_fingerprints(first: set[str], second: set[str]) -> None:
    one, two = effective(first), effective(second)
    stamps = (stamp(**{name: OTHER_VALUES[name] for name in names}) for names in (one, two))
    assert (len(set(stamps)) == 1) == (one == two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"size": "224"}, {"size": "224x224"}),
        ({"size": "224"}, {"size": "224X0224"}),
        ({"size": "224"}, {"size": 224}),
        ({"format": "tar,hdf5"}, {"format": ("hdf5", "tar")}),
        ({"scale": "0.4:0.7"}, {"scale": "0.40:7e-1"}),
        ({"depth_size": "full"}, {"depth_size": "224"}),
        ({"depth_size": "half"}, {"depth_size": "112x112"}),
        ({"val": 0}, {"val": 0.0}),
        ({"truncate": 0}, {"truncate": 0.0}),
        ({"size": (240, 320)}, {"size": "320x240"}),
        ({"depth_size": (100, 50)}, {"depth_size": "50x100"}),
        ({"scale": (0.4, 0.6)}, {"scale": "0.4:0.6"}),
        ({"format": ["tar"]}, {"format": "tar"}),
        ({"positions": np.int64(20)}, {"positions": 20}),
        ({"objects": (1, 3)}, {"objects": "1:3"}),
        ({"objects": "1:1"}, {}),
        ({"match": "0.0:0"}, {}),
        ({"blend": "box,over"}, {"blend": ["over", "box"]}),
        ({"val": np.float32(0.25)}, {"val": 0.25}),
    ],
    ids=str,
)
def test_two_spellings_of_one_option_are_one_dataset(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert config(**one).described() == config(**other).described()
    assert stamp(**one) == stamp(**other)


def test_fingerprint_is_stable() -> None:
    """Datasets built by an earlier version must go on: a change here needs a new format version."""
    assert fingerprint({"b": 1, "a": ["é", 0.5, None]}) == "d52338e412975bab7fedc0c7410a7da7"
    assert config().described() == {
        "positions": 20,
        "mirror": True,
        "scale": "0.4:0.7",
        "truncate": 0.0,
        "size": "224x224",
        "fit": "cover",
        "samples": None,
        "seed": 0,
        "depth": "tiny",
        "depth_bits": 12,
        "depth_size": "224x224",
        "estimator_batch": None,
        "format": ["tar"],
        "shard_size": 1000,
        "image_format": "jpg",
        "quality": 95,
        "hdf5_layout": None,
        "val": 0.1,
        "test": 0.1,
        "holdout": "background",
    }

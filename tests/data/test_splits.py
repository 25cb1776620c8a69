"""Splits: the policy of each holdout, and that sources and samples are shared out whole, disjoint and fairly."""

import math
import re
from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fgbg_data.errors import ConfigError
from fgbg_data.key import KINDS, Kind
from fgbg_data.splits import (
    POLICIES,
    SHARES,
    Holdout,
    divide_samples,
    divide_sources,
    ordered,
    plan_splits,
    share_out,
)


@dataclass(frozen=True)
class Options:
    val: float = 0.1
    test: float = 0.1
    holdout: str = "background"
    seed: int = 0


OPTIONS = st.builds(
    Options,
    val=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
    holdout=st.sampled_from(list(POLICIES)),
    seed=st.integers(0, 5),
)


def test_every_holdout_has_a_policy_with_train_first_and_distinct_products() -> None:
    assert set(POLICIES) == set(get_args(Holdout))
    for holdout, policy in POLICIES.items():
        assert next(iter(policy.products)) == "train"
        assert len(set(policy.products.values())) == (1 if holdout == "sample" else len(policy.products))


def test_what_each_split_must_not_share_with_train_or_val() -> None:
    held_out = {name: {s: policy.held_out(s) for s in policy.products} for name, policy in POLICIES.items()}
    background, foreground = ("background",), ("foreground",)
    assert held_out == {
        "background": {"train": (), "val": background, "test": background},
        "foreground": {"train": (), "val": foreground, "test": foreground},
        "both": {
            "train": (),
            "val": background,
            "test_bg": background,
            "test_fg": foreground,
            "test_both": ("background", "foreground"),
        },
        "sample": {"train": (), "val": (), "test": ()},
    }
    assert POLICIES["both"].held_out("night") == ()


def test_splits_are_ordered_with_train_and_val_first() -> None:
    assert ordered({"test_fg", "test_bg", "val", "night", "train"}) == ("train", "val", "night", "test_bg", "test_fg")


@given(options=OPTIONS, kind=st.sampled_from(KINDS), count=st.integers(1, 40))
def test_every_source_is_in_one_share_and_a_share_above_0_has_one(options: Options, kind: Kind, count: int) -> None:
    ids = [f"s{i}" for i in range(count)]
    try:
        shares = divide_sources(kind, ids, options)
    except ConfigError as error:
        needed = re.search(rf"needs at least (\d+) {kind}s, found {count}\. ", error.problem)
        assert needed, error.problem  # noqa: PT017
        assert int(needed[1]) > count  # noqa: PT017
        assert (
            sum(math.ceil(share * count) for share in (options.val, options.test)) >= count
        )  # nothing is left for train
        return
    assert tuple(shares) == SHARES
    assert sorted(number for numbers in shares.values() for number in numbers) == list(range(count))
    used = POLICIES[options.holdout].shares(kind)
    for share, wanted in (("val", options.val), ("test", options.test)):
        assert bool(shares[share]) == (share in used and wanted > 0)  # type: ignore[index]


@given(options=OPTIONS, backgrounds=st.integers(5, 12), foregrounds=st.integers(5, 12), samples=st.integers(5, 400))
def test_splits_of_a_plan_share_nothing_that_is_held_out(
    options: Options, backgrounds: int, foregrounds: int, samples: int
) -> None:
    assume(options.val + options.test < 0.6)
    splits = plan_splits([f"b{i}" for i in range(backgrounds)], [f"f{i}" for i in range(foregrounds)], 3, options)
    by_name = {split.name: split for split in splits}
    for name, split in by_name.items():
        for kind in POLICIES[options.holdout].held_out(name):
            for base in {"train", "val"} & by_name.keys() - {name}:
                one, other = (getattr(each, f"{kind}s") for each in (split, by_name[base]))
                assert not set(one) & set(other)
    part = plan_splits(
        [f"b{i}" for i in range(backgrounds)], [f"f{i}" for i in range(foregrounds)], 3, options, samples
    )
    assert sum(split.samples for split in part) == min(samples, sum(split.samples for split in splits))
    assert {split.name for split in part} == set(by_name)


@given(options=OPTIONS, total=st.integers(1, 1000))
def test_samples_are_divided_whole(options: Options, total: int) -> None:
    try:
        counts = divide_samples(total, options)
    except ConfigError as error:
        assert "none of" in error.problem  # noqa: PT017
        return
    assert tuple(counts) == SHARES
    assert sum(counts.values()) == total
    assert counts["train"] > 0


@given(counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000), min_size=1), samples=st.integers(6, 99))
def test_samples_are_shared_out_in_proportion_and_none_is_lost(counts: dict[str, int], samples: int) -> None:
    taken = share_out(samples, counts)
    total = sum(counts.values())
    assert list(taken) == list(counts)
    assert sum(taken.values()) == min(samples, total)
    assert all((taken[name] > 0) == (count > 0) and taken[name] <= count for name, count in counts.items())


def test_a_small_number_of_samples_leaves_no_split_empty() -> None:
    counts = {"train": 6, "val": 6, "test_bg": 1, "test_fg": 1, "test_both": 1}
    assert share_out(5, counts) == dict.fromkeys(counts, 1)


def test_fewer_samples_than_splits_are_refused() -> None:
    with pytest.raises(ConfigError, match="samples=1: fewer than the 2 splits"):
        share_out(1, {"train": 10, "val": 5, "test": 0})

"""The plan: every placement is made exactly once, depends on nothing but its key, and respects box and splits."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.compositing.plan import Plan
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.errors import ConfigError, PlacementError
from fgbg_data.splits import draw, permute

GOLDEN = Path(__file__).parent / "golden" / "plan.json"


def make_plan(num_bg: int = 5, num_fg: int = 4, **options: Any) -> Plan:
    config = BuildConfig(**({"bg": "bg", "fg": "fg", "out": "out", "positions": 3} | options))
    backgrounds = [Source(f"bg{i:03d}", 100, 120) for i in range(num_bg)]
    foregrounds = [Source(f"fg{i:03d}", 40 + 7 * i, 90 - 5 * (i % 9)) for i in range(num_fg)]
    return Plan(config, backgrounds, foregrounds)


def placements(plan: Plan, split: str) -> list[Any]:
    return [plan.placement(split, index) for index in range(plan.splits[split].samples)]


def everything(plan: Plan) -> dict[str, Any]:
    return {p.key: p for split in plan.splits for p in placements(plan, split)}


def golden_plan() -> list[dict[str, Any]]:
    """Return a plan in JSON, for `tests/regenerate.py` and the test that compares."""
    plan = make_plan(seed=3, truncate=0.2, scale="0.3:1.1")
    return [vars(p) | {"split": split} for split in plan.splits for p in placements(plan, split)[:12]]


def test_plan_equals_the_golden_file() -> None:
    assert golden_plan() == json.loads(GOLDEN.read_text()), "pixels change: raise FORMAT_VERSION, regenerate"


def test_the_classic_set_has_424320_samples() -> None:
    plan = make_plan(102, 104, positions=20)
    assert len(plan) == 424_320
    assert {name: split.samples for name, split in plan.splits.items()} == {
        "train": 80 * 104 * 40,
        "val": 11 * 104 * 40,
        "test": 11 * 104 * 40,
    }
    assert len(plan.shards()) == 333 + 46 + 46
    assert sum(shard.stop - shard.start for shard in plan.shards()) == 424_320


def test_a_plan_of_a_billion_samples_is_made_at_once() -> None:
    plan = make_plan(100, 100, positions=50_000)
    assert len(plan) == 10**9
    assert plan.placement("train", 799_999_999).key


@pytest.mark.parametrize("holdout", ["background", "foreground", "both", "sample"])
@pytest.mark.parametrize("mirror", [True, False])
def test_every_placement_has_one_key(holdout: str, mirror: bool) -> None:
    plan = make_plan(8, 6, holdout=holdout, mirror=mirror)
    keys = [p.key for split in plan.splits for p in placements(plan, split)]
    assert len(set(keys)) == len(keys) == len(plan)
    left_out = 1 * 1 * 3 * (2 if mirror else 1) if holdout == "both" else 0  # val backgrounds x test foregrounds
    assert len(plan) == 8 * 6 * 3 * (2 if mirror else 1) - left_out


def test_splits_do_not_share_what_is_held_out() -> None:
    plan = make_plan(10, 10, holdout="both")
    seen = {name: placements(plan, name) for name in plan.splits}
    assert list(seen) == ["train", "val", "test_bg", "test_fg", "test_both"]
    bg = {name: {p.background for p in found} for name, found in seen.items()}
    fg = {name: {p.foreground for p in found} for name, found in seen.items()}
    assert not bg["train"] & (bg["val"] | bg["test_bg"] | bg["test_both"])
    assert not fg["train"] & (fg["test_fg"] | fg["test_both"])
    assert not bg["val"] & bg["test_bg"]
    assert bg["test_bg"] == bg["test_both"]
    assert fg["test_fg"] == fg["test_both"]
    assert bg["test_fg"] <= bg["train"]
    assert fg["test_bg"] <= fg["train"]


def test_every_shard_is_a_fair_mixture_of_sources() -> None:
    plan = make_plan(20, 20, positions=10, val=0.1, test=0)
    first = [plan.placement("train", index) for index in range(1000)]
    share = Counter(p.background for p in first)
    assert len(share) == 18
    assert max(share.values()) < 2 * min(share.values())
    assert 400 < sum(p.mirrored for p in first) < 600


def test_mirrored_twin_has_the_same_box() -> None:
    every = everything(make_plan())
    for key, p in every.items():
        if p.mirrored:
            twin = every[key.removesuffix("m")]
            assert (twin.top, twin.left, twin.height, twin.width) == (p.top, p.left, p.height, p.width)


@settings(max_examples=25, deadline=None)
@given(extra_bg=st.integers(0, 4), extra_fg=st.integers(0, 4), positions=st.integers(1, 5), seed=st.integers(0, 3))
def test_a_key_is_the_same_among_more_sources(extra_bg: int, extra_fg: int, positions: int, seed: int) -> None:
    small = everything(make_plan(4, 3, positions=1, seed=seed))
    large = everything(make_plan(4 + extra_bg, 3 + extra_fg, positions=positions, seed=seed))
    assert small.items() <= large.items()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    canvas=st.sampled_from(["64", "32x96", "100x24"]),
    truncate=st.sampled_from([0.0, 0.1, 0.33, 0.5, 0.9]),
    scale=st.sampled_from(["native", "0.2:0.9", "0.9:1.4", "1:1"]),
    seed=st.integers(0, 5),
)
def test_box_stays_within_the_limits(
    height: int, width: int, canvas: str, truncate: float, scale: str, seed: int
) -> None:
    config = BuildConfig(
        bg="b", fg="f", out="o", size=canvas, truncate=truncate, scale=scale, seed=seed, val=0, test=0, positions=8
    )
    try:
        plan = Plan(config, [Source("room", 9, 9)], [Source("cat", height, width)])
    except PlacementError:
        return  # it cannot fit; that this is right is shown by the next test
    rows, columns = config.canvas
    for p in placements(plan, "train"):
        inside = (min(rows, p.top + p.height) - max(0, p.top)) * (min(columns, p.left + p.width) - max(0, p.left))
        assert inside >= (1 - truncate) * p.height * p.width * (1 - 1e-9)
        if config.scale_range:
            low, high = config.scale_range
            assert low - 0.5 / min(rows, columns) <= max(p.height / rows, p.width / columns)
            assert max(p.height / rows, p.width / columns) <= high + 0.5 / min(rows, columns)


def test_a_box_can_reach_every_position_on_the_canvas() -> None:
    plan = make_plan(1, 1, positions=4000, mirror=False, val=0, test=0, scale="0.5:0.5", size="16")
    spots = Counter((p.top, p.left) for p in placements(plan, "train"))
    p = plan.placement("train", 0)
    assert len(spots) == (16 - p.height + 1) * (16 - p.width + 1)


def test_cutouts_that_cannot_fit_are_named() -> None:
    with pytest.raises(PlacementError, match=r"1 foreground cannot fit on a 64x48 canvas.*fg000 \(90x40\)"):
        make_plan(3, 1, size="64x48", scale="native")


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 65, 1000])
def test_permute_is_a_permutation(n: int) -> None:
    assert sorted(permute(i, n, 5, "train") for i in range(n)) == list(range(n))


def test_draws_are_uniform() -> None:
    counts = Counter(draw(0, f"key{i}", "top", 10) for i in range(10_000))
    assert all(850 < counts[value] < 1150 for value in range(10))


def test_fewer_samples_are_a_fair_subset() -> None:
    whole, part = make_plan(10, 10), make_plan(10, 10, samples=100)
    assert len(part) == 100
    assert {name: split.samples for name, split in part.splits.items()} == {"train": 80, "val": 10, "test": 10}
    assert everything(part).items() <= everything(whole).items()
    assert placements(part, "train") == placements(whole, "train")[:80]


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(5, 700), holdout=st.sampled_from(["background", "foreground", "both", "sample"]))
def test_exactly_as_many_samples_as_asked_are_planned(samples: int, holdout: str) -> None:
    plan = make_plan(9, 7, samples=samples, holdout=holdout)
    assert len(plan) == min(samples, len(make_plan(9, 7, holdout=holdout)))
    assert all(split.samples > 0 for split in plan.splits.values())


def test_fewer_samples_than_splits_are_refused() -> None:
    with pytest.raises(ConfigError, match="samples=2: fewer than the 3 splits"):
        make_plan(samples=2)


@pytest.mark.parametrize("holdout", ["background", "foreground", "both"])
def test_fewer_sources_than_splits_need_are_refused(holdout: str) -> None:
    with pytest.raises(ConfigError, match=r"needs at least 3 (back|fore)grounds, found 2\. .*val=0"):
        make_plan(2, 2, holdout=holdout, val=0.1, test=0.1)


def test_without_val_and_test_everything_is_train() -> None:
    plan = make_plan(1, 1, val=0, test=0)
    assert list(plan.splits) == ["train"]

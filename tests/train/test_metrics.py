"""Metrics against plain NumPy, and the merging of their sums."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fgbg_train.measure.metrics import MetricSums, better, positive_depth

Array = npt.NDArray[np.float64]


def plain_depth(p: Array, g: Array) -> dict[str, float]:
    """Metrics of one set of pixels, as written in the papers."""
    p, g = np.clip(p, 0, 1), np.clip(g, 0, 1)
    zp, zg = 1 / (0.1 + 0.9 * p), 1 / (0.1 + 0.9 * g)
    ratio = np.maximum(zp / zg, zg / zp)
    return {
        "mse": float(np.mean((p - g) ** 2)),
        "rmse": float(np.sqrt(np.mean((p - g) ** 2))),
        "mae": float(np.mean(np.abs(p - g))),
        "abs_rel": float(np.mean(np.abs(zp - zg) / zg)),
        "lg10": float(np.mean(np.abs(np.log10(zp) - np.log10(zg)))),
        **{f"delta{k}": float(np.mean(ratio < 1.25**k)) for k in (1, 2, 3)},
    }


def plain_mask(p: Array, g: Array) -> dict[str, float]:
    a, b = p >= 0.5, g >= 0.5
    true, false_alarm, missed = np.sum(a & b), np.sum(a & ~b), np.sum(~a & b)
    if true + false_alarm + missed == 0:
        return {"mask_iou": 1.0, "mask_dice": 1.0, "mask_f1": 1.0}
    precision = true / (true + false_alarm) if true else 0.0
    recall = true / (true + missed) if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if true else 0.0
    return {
        "mask_iou": float(true / (true + false_alarm + missed)),
        "mask_dice": float(2 * true / (2 * true + false_alarm + missed)),
        "mask_f1": float(f1),
    }


def plain(depth: tuple[Array, Array], mask: tuple[Array, Array]) -> dict[str, float]:
    """Pooled metrics, and the mean of each image's with the suffix _img."""
    expected = plain_depth(*depth) | plain_mask(*mask)
    images = [plain_depth(p, g) for p, g in zip(*depth, strict=True)]
    masks = [plain_mask(p, g) for p, g in zip(*mask, strict=True)]
    for rows in (images, masks):
        expected |= {f"{name}_img": float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return expected


@st.composite
def batches(draw: st.DrawFn) -> tuple[Array, ...]:
    shape = (draw(st.integers(1, 5)), 1, draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = st.sampled_from(["noise", "zeros", "ones", "beyond", "binary"])

    def array() -> Array:
        kind = draw(kinds)
        values = {
            "noise": rng.random(shape),
            "zeros": np.zeros(shape),
            "ones": np.ones(shape),
            "beyond": rng.normal(0.5, 2, shape),
            "binary": rng.integers(0, 2, shape),
        }[kind]
        return values.astype(np.float32).astype(np.float64)

    return tuple(array() for _ in range(4))


def measured(dp: Array, dg: Array, mp: Array, mg: Array) -> MetricSums:
    sums = MetricSums()
    tensors = [torch.from_numpy(x.astype(np.float32)) for x in (dp, dg, mp, mg)]
    sums.update(depth=(tensors[0], tensors[1]), mask=(tensors[2], tensors[3]))
    return sums


@given(batches())
def test_metrics_are_those_of_plain_numpy(batch: tuple[Array, ...]) -> None:
    found = measured(*batch).compute()
    expected = plain(batch[:2], batch[2:])  # type: ignore[arg-type]
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert math.isfinite(found[name])
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


@given(batches(), st.data())
def test_merging_parts_gives_the_metric_of_the_whole(batch: tuple[Array, ...], data: st.DataObject) -> None:
    count = len(batch[0])
    cut = data.draw(st.integers(0, count))
    parts = [measured(*(x[part] for x in batch)) for part in (slice(cut), slice(cut, None)) if batch[0][part].size]
    merged = MetricSums()
    for part in parts:
        merged = merged.merge(part)
    whole = measured(*batch).compute()
    for name, value in merged.compute().items():
        assert value == pytest.approx(whole[name], rel=1e-12, abs=1e-12), name


def test_two_empty_masks_agree_and_one_does_not() -> None:
    nothing, everything = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    sums = MetricSums()
    sums.update(depth=None, mask=(nothing, nothing))
    assert set(sums.compute().values()) == {1.0}
    sums.update(depth=None, mask=(everything, nothing))
    found = sums.compute()
    assert found["mask_iou"] == 0
    assert found["mask_iou_img"] == 0.5


def test_deltas_are_strict() -> None:
    g, p = (torch.full((1, 1, 1, 1), (1 / z - 0.1) / 0.9, dtype=torch.float64) for z in (2.0, 2.0 * 1.25))
    assert (positive_depth(p) / positive_depth(g)).item() == 1.25  # exactly at the limit
    sums = MetricSums()
    sums.update(depth=(p, g), mask=None)
    assert sums.compute()["delta1"] == 0
    assert sums.compute()["delta2"] == 1


def test_nothing_measured_gives_no_metrics() -> None:
    assert MetricSums().compute() == {}


def test_better_knows_the_direction() -> None:
    assert better("rmse", 0.1, than=0.2)
    assert not better("rmse_img", 0.2, than=0.2)
    assert better("mask_iou_img", 0.9, than=0.8)
    assert not better("delta1", 0.7, than=0.8)
    assert better("rmse", 9.0, than=None)

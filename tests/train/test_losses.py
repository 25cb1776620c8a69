"""Loss terms against values worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from fgbg_train import losses
from fgbg_train.config import LossConfig
from fgbg_train.models.cascade import Prediction


def ramp(slope: float) -> Tensor:
    return (slope * torch.arange(8.0)).expand(1, 1, 8, 8)


def test_log_error_by_hand() -> None:
    d, g = torch.full((1, 1, 2, 2), 0.75), torch.full((1, 1, 2, 2), 0.25)
    assert losses.log_error(d, g).item() == pytest.approx(math.log(1.0))
    assert losses.log_error(g, g).item() == pytest.approx(math.log(0.5))


def test_sobel_of_a_ramp_is_eight_times_its_slope_inside() -> None:
    right, down = losses.sobel(ramp(0.1))
    assert right[..., 1:-1].sub(0.8).abs().max() < 1e-6
    assert down.abs().max() < 1e-6
    right, down = losses.sobel(ramp(0.1).transpose(2, 3))
    assert down[..., 1:-1, :].sub(0.8).abs().max() < 1e-6
    assert right.abs().max() < 1e-6


def test_gradient_term_by_hand() -> None:
    inside = losses.depth_gradient(ramp(0.1).repeat(1, 1, 1, 20), ramp(0.1).repeat(1, 1, 1, 20))
    assert inside.item() == pytest.approx(2 * math.log(0.5))


def test_normal_term_by_hand() -> None:
    # slopes of 8 x 0.125 = 1 against 0: an angle of 45 degrees, in the 6 inner of 8 columns; 0.5 at the edges
    edge = 1 - 1 / math.sqrt(1.25)
    expected = (6 * (1 - math.cos(math.pi / 4)) + 2 * edge) / 8
    assert losses.depth_normal(ramp(0.125), ramp(0.0)).item() == pytest.approx(expected, abs=1e-6)
    assert losses.depth_normal(ramp(0.3), ramp(0.3)).item() == pytest.approx(0, abs=1e-6)


def test_ssi_forgives_scale_and_shift_only() -> None:
    g = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert losses.depth_ssi(0.3 * g + 0.2, g).item() < 1e-6
    constant = losses.depth_ssi(torch.full_like(g, 0.4), g)
    assert constant.item() == pytest.approx(0.5 * g.flatten(1).var(1, correction=0).mean().item(), rel=1e-5)


def test_ssim_of_equal_and_of_opposite_images() -> None:
    g = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert losses.depth_ssim(g, g).item() == pytest.approx(0, abs=1e-5)
    assert losses.depth_ssim(1 - g, g).item() > 0.5


def test_dice_by_hand() -> None:
    sure = torch.tensor([100.0, 100.0, -100.0, -100.0]).view(1, 1, 2, 2)
    half_right = torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 1, 2, 2)
    assert losses.mask_dice(sure, half_right).item() == pytest.approx(1 - 3 / 5)
    assert losses.mask_dice(torch.full((1, 1, 2, 2), -100.0), torch.zeros(1, 1, 2, 2)).item() == 0


@pytest.mark.parametrize("name", [*losses.DEPTH_TERMS, *losses.MASK_TERMS])
def test_every_term_is_a_mean_over_images(name: str) -> None:
    term = {**losses.DEPTH_TERMS, **losses.MASK_TERMS}[name]
    generator = torch.Generator().manual_seed(1)
    p, g = (torch.rand(6, 1, 12, 9, generator=generator) for _ in range(2))
    parts = (2 * term(p[:2], g[:2]) + 4 * term(p[2:], g[2:])) / 6
    assert term(p, g).item() == pytest.approx(parts.item(), rel=1e-5)


@pytest.mark.parametrize("name", [*losses.DEPTH_TERMS, *losses.MASK_TERMS])
def test_every_gradient_is_finite_where_the_target_is_met(name: str) -> None:
    term = {**losses.DEPTH_TERMS, **losses.MASK_TERMS}[name]
    for value in (0.0, 0.5, 1.0):
        p = torch.full((2, 1, 8, 8), value, requires_grad=True)
        term(p, torch.full((2, 1, 8, 8), value)).backward()
        assert p.grad is not None
        assert p.grad.isfinite().all()


def test_terms_are_weighted_and_left_out_at_zero() -> None:
    logits, d = torch.zeros(2, 1, 8, 8), torch.full((2, 1, 8, 8), 0.5)
    mask, depth = torch.ones(2, 1, 8, 8), torch.full((2, 1, 8, 8), 0.25)
    weights = LossConfig(mask_bce=3, mask_dice=0, depth_gradient=0, depth_normal=0)
    found = losses.terms(Prediction(logits, d), mask, depth, weights)
    assert set(found) == {"mask_bce", "depth_log"}
    assert found["mask_bce"].item() == pytest.approx(3 * math.log(2))
    assert set(losses.terms(Prediction(logits, None), mask, None, weights)) == {"mask_bce"}


def test_saliency_holds_depth_to_the_reference_and_makes_the_mask_small() -> None:
    logits = torch.zeros(2, 1, 8, 8)
    d, reference, wrong = (torch.full((2, 1, 8, 8), v) for v in (0.5, 0.5, 0.9))
    found = losses.terms(Prediction(logits, d, reference), torch.ones(2, 1, 8, 8), wrong, LossConfig())
    assert found["sparsity"].item() == pytest.approx(5 * 0.5)
    assert found["depth_log"].item() == pytest.approx(math.log(0.5))
    assert "mask_bce" not in found

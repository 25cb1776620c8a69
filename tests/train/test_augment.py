"""Augmentation: what each step changes, and that it depends only on seed, epoch and key."""

import pytest
import torch
from helpers.training import AUGMENTATION_OFF as OFF
from torch import Tensor

from fgbg_train.config import AugmentConfig
from fgbg_train.data.augment import augment
from fgbg_train.data.batches import Targets
from fgbg_train.data.draws import Draws

CPU = torch.device("cpu")


def batch(count: int = 24, height: int = 16, width: int = 20) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(count, 3, height, width, generator=generator)
    mask = (torch.rand(count, 1, height, width, generator=generator) > 0.5).float()
    depth = torch.rand(count, 1, height, width, generator=generator)
    return image, mask, depth, [f"key{i}" for i in range(count)]


def varied(seed: int = 0, epoch: int = 0, **settings: float) -> Targets:
    image, mask, depth, keys = batch()
    config = AugmentConfig(**{**OFF, **settings})
    return augment(Targets(image, mask, depth), keys=keys, seed=seed, epoch=epoch, config=config)


def seen_by_mask_net(targets: Targets) -> Tensor:
    return targets.image if targets.recoloured is None else targets.recoloured


def test_with_all_steps_off_nothing_changes() -> None:
    *after, recoloured = varied()
    for before, now in zip(batch()[:3], after, strict=True):
        assert torch.equal(before, now)
    assert recoloured is None


def test_a_sample_gets_the_same_variations_alone_and_in_any_batch() -> None:
    image, mask, depth, keys = batch()
    options = {"seed": 3, "epoch": 2, "config": AugmentConfig(noise=0.1, cutout=1.0, blur=1.0, background=1.0)}
    whole = augment(Targets(image, mask, depth), keys=keys, **options)  # type: ignore[arg-type]
    for i in reversed(range(len(keys))):
        one = slice(i, i + 1)
        alone = augment(Targets(image[one], mask[one], depth[one]), keys=keys[one], **options)  # type: ignore[arg-type]
        for a, b in zip(whole, alone, strict=True):
            assert a is not None
            assert b is not None
            assert torch.allclose(a[one], b, atol=1e-6)


@pytest.mark.parametrize("name", OFF)
def test_every_step_differs_between_keys_and_epochs_and_seeds(name: str) -> None:
    strength = 1.0 if name in ("blur", "cutout") else 0.5
    before = batch()[0]
    variants = [seen_by_mask_net(varied(s, e, **{name: strength})) for s, e in ((0, 0), (1, 0), (0, 1))]
    assert not torch.equal(variants[0], variants[1])
    assert not torch.equal(variants[0], variants[2])
    assert not torch.equal(variants[1], variants[2])
    assert all(v.min() >= 0 and v.max() <= 1 for v in variants)
    changes = (variants[0] - before).flatten(1)
    assert len({tuple(row.tolist()) for row in changes}) > 1


def test_mirror_flips_image_mask_and_depth_exactly() -> None:
    *after, _ = varied(mirror=1.0)
    for before, now in zip(batch()[:3], after, strict=True):
        assert now is not None
        assert torch.equal(before.flip(-1), now)


def test_crop_moves_image_mask_and_depth_together() -> None:
    image, _, _, keys = batch()
    plane = image[:, :1]
    config = AugmentConfig(**{**OFF, "crop": 0.6, "mirror": 0.5})
    out, mask, depth, _ = augment(
        Targets(plane.repeat(1, 3, 1, 1), plane, plane), keys=keys, seed=0, epoch=0, config=config
    )
    assert torch.equal(out[:, :1], mask)
    assert depth is not None
    assert torch.equal(depth, mask)
    assert not torch.equal(mask, plane)


@pytest.mark.parametrize("name", ["colour", "background", "blur", "noise", "cutout"])
def test_steps_that_change_colours_leave_mask_and_depth(name: str) -> None:
    after = varied(**{name: 1.0})
    assert after.depth is not None
    assert torch.equal(after.mask, batch()[1])
    assert torch.equal(after.depth, batch()[2])


def test_only_the_mask_network_sees_other_colours_of_the_background() -> None:
    image, mask, _, _ = batch()
    after = varied(background=1.0)
    assert after.recoloured is not None
    assert torch.equal(after.image, image)
    inside = mask.expand_as(image) == 1
    assert torch.equal(after.recoloured[inside], image[inside])
    changed = ((after.recoloured - image).abs() > 0.02) & ~inside  # (B, 3, H, W)
    assert changed.flatten(1).any(1).all()
    assert changed.sum() > 0.5 * (~inside).sum()


def test_backgrounds_are_recoloured_with_the_probability_asked_for() -> None:
    image, mask, depth, _ = batch(400, 4, 4)
    keys = [f"key{i}" for i in range(len(image))]
    config = AugmentConfig(**{**OFF, "background": 0.3})
    after = augment(Targets(image, mask, depth), keys=keys, seed=0, epoch=0, config=config)
    assert after.recoloured is not None
    share = (after.recoloured != after.image).flatten(1).any(1).float().mean().item()
    assert share == pytest.approx(0.3, abs=0.08)


def test_cutout_paints_less_than_a_quarter_in_one_colour() -> None:
    image, painted = batch()[0], varied(cutout=1.0)[0]
    for before, after in zip(image, painted, strict=True):
        changed = (before != after).any(0)
        assert 0 < changed.float().mean() < 0.25
        assert len(torch.unique(after[:, changed], dim=1).T) == 1


def test_a_batch_without_depth_stays_without() -> None:
    image, mask, _, keys = batch()
    assert augment(Targets(image, mask, None), keys=keys, seed=0, epoch=0, config=AugmentConfig()).depth is None


def test_draws_are_uniform_and_normal() -> None:
    draws = Draws(0, 0, [f"k{i}" for i in range(4000)], CPU)
    uniform = draws.uniform("u", 2, 4)
    assert uniform.min() >= 2
    assert uniform.max() < 4
    assert uniform.mean().item() == pytest.approx(3, abs=0.05)
    assert not torch.equal(uniform, draws.uniform("v", 2, 4))
    normal = Draws(0, 0, ["a", "b"], CPU).normal("n", (3, 100, 100))
    assert normal.mean().item() == pytest.approx(0, abs=0.02)
    assert normal.std().item() == pytest.approx(1, abs=0.02)
    assert normal.pow(4).mean().item() == pytest.approx(3, abs=0.15)
    assert torch.corrcoef(normal.flatten(1))[0, 1].abs() < 0.02
    assert (normal[0, 0, 0, :-1] * normal[0, 0, 0, 1:]).mean().abs() < 0.3

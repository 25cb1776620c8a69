"""The parts of the recipe of `tiny` that need no renderer and no teacher's weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe() -> Iterator[SimpleNamespace]:
    """The modules of tools/train_tiny that need no more than fgbg itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools" / "train_tiny")
        import cutouts
        import distil
        import judge_composites
        import losses
        import pairs
        import samples
        import teacher_net

        yield SimpleNamespace(
            cutouts=cutouts,
            distil=distil,
            judge=judge_composites,
            losses=losses,
            pairs=pairs,
            samples=samples,
            teacher_net=teacher_net,
        )


@pytest.fixture
def disc() -> np.ndarray:
    rows, cols = np.mgrid[:224, :224]
    return (rows - 130) ** 2 + (cols - 100) ** 2 < 50**2


# --- losses ----------------------------------------------------------------------------------------


def test_unknown_depth_is_not_learnt(recipe: SimpleNamespace) -> None:
    g = torch.Generator().manual_seed(0)
    target = torch.rand(2, 24, 32, generator=g)
    target[:, :8] = torch.nan
    guess = torch.rand(2, 24, 32, generator=g).requires_grad_()
    value = recipe.losses.loss(guess, target, outline_weight=2.0)
    value.backward()
    assert guess.grad is not None
    assert torch.isfinite(guess.grad).all()
    assert (guess.grad[:, :8] == 0).all()
    assert (guess.grad[:, 8:] != 0).any()


def test_a_picture_of_unknown_depth_costs_nothing(recipe: SimpleNamespace) -> None:
    guess = torch.rand(1, 16, 16).requires_grad_()
    value = recipe.losses.loss(guess, torch.full((1, 16, 16), torch.nan))
    value.backward()
    assert value.item() == 0
    assert guess.grad is not None
    assert (guess.grad == 0).all()


def test_outlines_weigh_more_than_slopes(recipe: SimpleNamespace) -> None:
    """A blurred edge costs more with the weight; the error of a slope costs nearly as before."""
    step = torch.zeros(1, 112, 112)
    step[:, :, 56:] = 1
    ramp = torch.linspace(0, 1, 112).expand(1, 112, 112).contiguous()
    slope = [float(recipe.losses.loss(ramp.square(), ramp, outline_weight=w)) for w in (0.0, 2.0)]
    edge = [float(recipe.losses.loss(ramp, step, outline_weight=w)) for w in (0.0, 2.0)]
    assert slope[1] - slope[0] < 0.02
    assert edge[1] - edge[0] > 0.04


def test_soft_edges_of_a_label_do_not_forbid_sharp_ones(recipe: SimpleNamespace) -> None:
    truth = torch.linspace(0, 1, 64).expand(1, 64, 64).contiguous()
    sharp = (torch.arange(64) >= 32).float().expand(1, 64, 64).contiguous()
    strict, lenient = (
        recipe.losses.loss(sharp, truth, outline_weight=2.0, soft=torch.tensor([s])).item() for s in (False, True)
    )
    without = recipe.losses.loss(sharp, truth, gradient_weight=0.0).item()
    assert strict > 1.3 * without
    assert lenient < 1.1 * without


# --- composites ------------------------------------------------------------------------------------


def square_cutout(recipe: SimpleNamespace) -> object:
    rgba = np.zeros((80, 60, 4), np.uint8)
    rgba[10:70, 10:50] = (200, 30, 30, 255)
    return recipe.cutouts.Cutout(rgba, None, 1.0, (69.0, 30.0))


@pytest.mark.parametrize("seed", range(8))
def test_a_thing_pasted_onto_a_photo_is_before_what_it_hides(recipe: SimpleNamespace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = np.full((192, 256, 3), 90, np.uint8)
    inverse = np.repeat(np.linspace(0, 1, 192, dtype=np.float32)[:, None], 256, 1)
    inverse[:4] = np.nan
    before = inverse.copy()
    out, depth = recipe.cutouts.paste_before(rng, rgb, inverse, square_cutout(recipe))
    np.testing.assert_array_equal(inverse, before)
    pasted = (out != rgb).any(-1)
    changed = ~np.isclose(depth, before, equal_nan=True)
    if not changed.any():
        assert not pasted.any()
        return
    assert (pasted | ~changed).all()
    assert np.ptp(depth[changed]) < 1e-5, "a flat thing has one depth"
    assert depth[changed].min() > np.nanpercentile(before[changed], 90)


def test_before_open_sky_a_thing_is_still_near(recipe: SimpleNamespace) -> None:
    inverse = np.zeros((192, 192), np.float32)
    inverse[-12:] = 1
    rgb = np.zeros((192, 192, 3), np.uint8)
    for seed in range(20):
        _, depth = recipe.cutouts.paste_before(np.random.default_rng(seed), rgb, inverse, square_cutout(recipe))
        changed = depth != inverse
        assert not changed.any() or depth[changed].min() > 0.25


def test_nearer_step_and_edges_of_perfect_flat_and_blurred_maps(recipe: SimpleNamespace, disc: np.ndarray) -> None:
    perfect = disc.astype(np.float32)
    blurred = cv2.GaussianBlur(perfect, (0, 0), 12)
    ramp = np.repeat(np.linspace(0, 1, 224, dtype=np.float32)[:, None], 224, 1)
    judge = recipe.judge
    assert judge.is_nearer(perfect, disc)
    assert not judge.is_nearer(-perfect, disc)
    assert not judge.is_nearer(np.zeros_like(perfect), disc)
    assert judge.step_share(perfect, disc) == 1
    assert judge.step_share(-perfect, disc) == 0
    assert judge.step_share(ramp, disc) == 0
    assert judge.edge_score(perfect, disc) > 0.95
    assert judge.edge_score(ramp, disc) == 0
    assert judge.edge_score(blurred, disc) < judge.edge_score(perfect, disc)
    moved = np.roll(perfect, 8, 1)
    assert judge.edge_score(moved, disc) < 0.8


def test_edges_do_not_depend_on_scale_and_shift(recipe: SimpleNamespace, disc: np.ndarray) -> None:
    depth = cv2.GaussianBlur(disc.astype(np.float32), (0, 0), 3)
    assert recipe.judge.edge_score(depth, disc) == pytest.approx(recipe.judge.edge_score(7 * depth - 3, disc), abs=0.02)


# --- pairs and labels ------------------------------------------------------------------------------


def test_pairs_are_read_with_their_holes_and_weighed_by_scene(recipe: SimpleNamespace, tmp_path: Path) -> None:
    lines = ["file,source,scene,licence,kind"]
    for number, (source, scene) in enumerate([("a", "room"), ("a", "room"), ("b", "hut"), ("b", "boofv_qrcode")]):
        codes = np.full((20, 30), 60000, np.uint16)
        codes[:5] = 0
        cv2.imwrite(str(tmp_path / f"{number}.depth.png"), codes)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), np.zeros((40, 60, 3), np.uint8))
        lines.append(f"{number},{source},{scene},MIT,sensor")
    (tmp_path / "index.csv").write_text("\n".join(lines))
    index = recipe.pairs.load_index(tmp_path)
    assert [p.scene for p in index] == ["a/room", "a/room", "b/hut"], "markers are left out"
    rgb, inverse = index[0].read()
    assert rgb.shape == (40, 60, 3)
    assert inverse.shape == (40, 60)
    assert np.isnan(inverse[:10]).all()
    np.testing.assert_allclose(inverse[10:], 60000 / 65535, rtol=1e-6)
    chance = recipe.pairs.weights([p.scene for p in index])
    assert chance.sum() == pytest.approx(1)
    assert chance[2] > chance[0] == chance[1] > chance[2] / 2


def test_labels_are_made_once_for_every_file(recipe: SimpleNamespace, tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(files[-1]), np.full((300, 400 + 500 * number, 3), number, np.uint8))
    asked = []

    def teacher(image: np.ndarray) -> np.ndarray:
        asked.append(image.shape)
        return np.repeat(np.arange(image.shape[0], dtype=np.float32)[:, None], image.shape[1], 1)

    assert recipe.distil.prepare(teacher, files, tmp_path / "labels", limit=2) == 2
    assert recipe.distil.prepare(teacher, files, tmp_path / "labels") == 1
    labelled = list(recipe.distil.load(tmp_path / "labels"))
    assert len(labelled) == len(asked) == 3
    for rgb, inverse in labelled:
        assert min(rgb.shape[:2]) == recipe.distil.SHORT_SIDE
        assert max(rgb.shape[:2]) <= 2 * recipe.distil.SHORT_SIDE
        assert rgb.shape[:2] == inverse.shape
        assert (inverse.min(), inverse.max()) == (0, 1)


def test_crops_keep_unknown_depth_unknown(recipe: SimpleNamespace) -> None:
    inverse = np.ones((192, 256), np.float32)
    inverse[:, :200] = np.nan
    rgb = np.zeros((192, 256, 3), np.uint8)
    shares = [
        np.isnan(recipe.samples.crop(np.random.default_rng(k), rgb, inverse, (96, 128))[1]).mean() for k in range(9)
    ]
    assert 0.5 < np.mean(shares) < 1


def test_head_gives_half_the_size_for_any_grid(recipe: SimpleNamespace) -> None:
    head = recipe.teacher_net.Head()
    for rows, cols in ((4, 4), (5, 7)):
        depth = head(torch.rand(2, 4, 384, rows, cols), torch.rand(2, 3, rows * 14, cols * 14))
        assert depth.shape == (2, rows * 7, cols * 7)

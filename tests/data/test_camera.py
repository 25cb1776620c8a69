"""The camera: what it does to a whole picture is bounded, and the same on every machine."""

import numpy as np
import pytest
from helpers.cutouts import digest, meadow, opencv_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fgbg_data.compositing.camera import (
    MAX_BLUR,
    MAX_NOISE,
    MAX_VIGNETTE,
    Camera,
    draw_camera,
    photograph,
    random_bytes,
)

cameras = st.builds(
    Camera,
    blur=st.integers(0, MAX_BLUR),
    vignette=st.integers(0, MAX_VIGNETTE),
    noise=st.integers(0, MAX_NOISE),
    noise_seed=st.integers(0, 2**64 - 1),
    jpeg_quality=st.sampled_from([0, 40, 95]),
)


@settings(max_examples=40, deadline=None)
@given(image=arrays(np.uint8, (9, 13, 3)), camera=cameras)
def test_a_photograph_is_a_picture_of_the_same_size(image: np.ndarray, camera: Camera) -> None:
    before = image.copy()
    taken = photograph(image, camera)
    np.testing.assert_array_equal(image, before)
    assert taken.shape == image.shape
    assert taken.dtype == np.uint8


def test_no_camera_returns_the_picture() -> None:
    np.testing.assert_array_equal(photograph(meadow(), Camera()), meadow())


@settings(max_examples=40, deadline=None)
@given(image=arrays(np.uint8, (6, 7, 3)), weight=st.integers(1, MAX_BLUR))
def test_blur_is_exact(image: np.ndarray, weight: int) -> None:
    padded = np.pad(image.astype(int), ((1, 1), (1, 1), (0, 0)), "reflect")
    weights = np.array([weight, 16 - 2 * weight, weight])
    down = sum(w * padded[i : i + 6] for i, w in enumerate(weights))
    total = sum(w * down[:, i : i + 7] for i, w in enumerate(weights))
    np.testing.assert_array_equal(photograph(image, Camera(blur=weight)), (total + 128) // 256)


def test_a_vignette_darkens_the_corners_by_its_loss_and_keeps_the_middle() -> None:
    taken = photograph(np.full((63, 81, 3), 255, np.uint8), Camera(vignette=60))
    assert taken[31, 40].tolist() == [255, 255, 255]
    assert taken[0, 0].tolist() == taken[-1, -1].tolist() == [195, 195, 195]
    assert (np.diff(taken[31, 40:, 0].astype(int)) <= 0).all()


@pytest.mark.parametrize("sixteenths", [16, 64, 128])
def test_noise_has_its_deviation_and_no_mean(sixteenths: int) -> None:
    taken = photograph(np.full((200, 200, 3), 128, np.uint8), Camera(noise=sixteenths, noise_seed=5)).astype(int) - 128
    assert taken.std() == pytest.approx(sixteenths / 16, rel=0.05)
    assert abs(taken.mean()) < 0.05 * sixteenths / 16 + 0.05
    next_to = np.corrcoef(taken[:, :-1].ravel(), taken[:, 1:].ravel())[0, 1]
    channels = np.corrcoef(taken[..., 0].ravel(), taken[..., 1].ravel())[0, 1]
    assert abs(next_to) < 0.02
    assert abs(channels) < 0.02


def test_random_bytes_are_those_of_the_published_generator_and_depend_on_their_number_alone() -> None:
    def published(state: int) -> int:
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    seed = 2**64 - 5
    words = [published((seed + i * 0x9E3779B97F4A7C15) % 2**64) for i in (1, 2, 3)]
    expected = b"".join(word.to_bytes(8, "little") for word in words)
    assert random_bytes(24, seed).tobytes() == expected
    assert random_bytes(11, seed).tobytes() == expected[:11]
    assert np.bincount(random_bytes(100_000, 3), minlength=256).std() < 3 * np.sqrt(100_000 / 256)


def test_a_share_of_pictures_has_a_camera_and_each_effect_is_drawn_alone() -> None:
    drawn = [draw_camera(0, str(key), 0.5) for key in range(400)]
    assert 160 < sum(camera != Camera() for camera in drawn) < 230  # 1 in 16 cameras has no effect
    for name in ("blur", "vignette", "noise", "jpeg_quality"):
        assert 60 < sum(getattr(camera, name) > 0 for camera in drawn) < 140, name
    assert all(draw_camera(0, str(key), 0) == Camera() for key in range(50))
    qualities = [camera.jpeg_quality for camera in drawn if camera.jpeg_quality]
    assert min(qualities) >= 40
    assert max(qualities) <= 95


@pytest.mark.parametrize("threads", [1, 3])
def test_pixels_equal_the_golden_digest_with_any_number_of_threads(threads: int) -> None:
    with opencv_threads(threads):
        taken = [
            photograph(meadow(5), Camera(blur=3)),
            photograph(meadow(5), Camera(vignette=70)),
            photograph(meadow(5), Camera(noise=80, noise_seed=11)),
            photograph(meadow(5), Camera(jpeg_quality=60)),
        ]
        assert [digest(one) for one in taken] == [
            "12b0c531c69cbc80",
            "1b4a3d2426035b19",
            "b558e8d309761543",
            "17d28f6bae9e077e",
        ]

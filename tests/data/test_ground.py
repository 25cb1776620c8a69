"""The ground of a background: its plane, its horizon and its scale, found in depth that is known exactly."""

from pathlib import Path

import numpy as np
import pytest
from helpers.rooms import Room
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.errors import SourceError
from fgbg_data.ground.ground import Ground, find_ground
from fgbg_data.ground.heights import class_in, height_mm, heights_by_class
from fgbg_data.ground.horizon import guess_horizon
from fgbg_data.ground.notes import GroundNote, read_notes
from fgbg_data.ground.plane import LEVELS, UNIT, Plane, find_plane
from fgbg_data.sample import Array

ROOMS = [
    Room(pitch=pitch, roll=roll, eye=eye, far=far, side=side, table=table)
    for pitch, roll, eye, far, side, table in (
        (0.05, 0.0, 1.5, 8.0, 2.5, 0.0),
        (0.1, 0.06, 1.3, 7.0, 3.0, 0.75),
        (0.15, -0.08, 1.7, 6.0, 2.0, 0.75),
        (0.25, 0.02, 1.2, 5.0, 4.0, 0.0),
        (0.3, -0.05, 1.8, 12.0, 1.8, 0.75),
        (0.05, 0.08, 1.6, 12.0, 4.0, 0.75),
    )
]
GREY = np.full((96, 128, 3), 128, np.uint8)


def codes_of(depth: Array) -> tuple[Array, float]:
    """Return the codes of inverse depth, and that of infinity."""
    low, high = float(depth.min()), float(depth.max())
    return np.rint((depth - low) / (high - low) * LEVELS).astype(np.uint16), -low / (high - low) * LEVELS


@pytest.mark.parametrize("room", ROOMS)
def test_the_horizon_is_exact_with_metric_depth(room: Room) -> None:
    codes, zero = codes_of(room.inverse_depth())
    found = find_ground(codes, GREY, zero=zero)
    assert isinstance(found, Ground), found
    assert abs(found.horizon_row(room.width / 2) - room.horizon()) < 0.04 * room.height
    assert np.count_nonzero(found.mask(96, 128) & ~room.floor()) <= 0.03 * codes.size


@pytest.mark.parametrize(("scale", "shift", "seed"), [(0.1, -3.0, 0), (10.0, 2.0, 1)])
@pytest.mark.parametrize("room", ROOMS[:4])
def test_the_plane_depends_on_no_scale_or_shift_of_depth_and_withstands_noise(
    room: Room, scale: float, shift: float, seed: int
) -> None:
    depth = room.inverse_depth()
    noise = np.random.default_rng(seed).normal(0, 0.01 * np.ptp(depth), depth.shape)
    plain, moved = (find_plane(codes_of(each)[0].astype(np.int64)) for each in (depth, (depth + noise) * scale + shift))
    assert plain is not None
    assert moved is not None
    code = plain.code(90, 64) - plain.code(70, 64)
    assert abs(moved.code(90, 64) - moved.code(70, 64) - code) < 0.25 * code


@pytest.mark.parametrize("rows", [np.zeros(96), np.ones(96), np.linspace(1, 0, 96), np.linspace(0.95, 1, 96)])
def test_a_wall_or_a_ceiling_is_no_ground(rows: Array) -> None:
    depth = np.tile(rows[:, None], (1, 128))
    depth[0, :64] = 0  # so that the range of the codes is that of a room
    codes = np.rint(depth * LEVELS).astype(np.uint16)
    assert isinstance(find_ground(codes, GREY), str)


def test_noise_is_no_ground() -> None:
    codes = np.random.default_rng(0).integers(0, LEVELS + 1, (96, 128)).astype(np.uint16)
    assert isinstance(find_ground(codes, GREY), str)


def test_the_same_picture_has_the_same_ground_and_json_keeps_it() -> None:
    codes, _ = codes_of(Room(table=0.75).inverse_depth())
    one, two = find_ground(codes, GREY), find_ground(codes.copy(), GREY.copy())
    assert isinstance(one, Ground)
    assert one == two == Ground.from_json(one.to_json())


def test_lines_that_meet_give_the_horizon_where_depth_leaves_it_open() -> None:
    room = Room(pitch=0.02, far=5)
    codes, _ = codes_of(room.inverse_depth())
    picture = GREY.copy()
    point = (64, room.horizon())
    for column in range(-60, 200, 20):  # joints of the floor
        for row in range(int(point[1]) + 8, 96):
            share = (row - point[1]) / (96 - point[1])
            x = round(point[0] + (column - point[0]) * share)
            if 0 <= x < 127:
                picture[row, x : x + 2] = 30
    plane = find_plane(codes.astype(np.int64))
    assert plane is not None
    assert abs(guess_horizon(codes, picture, plane).row(64, 128) - room.horizon()) < 0.04 * room.height


@given(
    st.integers(-20_000, 20_000),
    st.integers(1, 2_000_000),
    st.integers(-(10**8), 10**8),
    st.integers(0, 200),
    st.integers(0, 200),
    st.integers(0, 200),
    st.integers(1, 5000),
)
def test_what_stands_lower_is_never_smaller(
    across: int, down: int, offset: int, row: int, lower: int, column: int, tall: int
) -> None:
    ground = Ground(Plane(across, down, offset), 0, 1000, ())
    sizes = [ground.height_px(each, column, tall, 1500) for each in (row, row + lower)]
    assert sizes[0] <= sizes[1]
    assert ground.height_px(row, column, tall, 1500) <= ground.height_px(row, column, tall + 100, 1500)


def test_a_thing_as_tall_as_the_camera_reaches_the_horizon() -> None:
    ground = Ground(Plane(0, 10 * UNIT, -400 * UNIT), 0, 1000, ())  # its horizon is row 40
    assert ground.horizon_row(7) == 40
    assert ground.height_px(100, 7, 1500, 1500) == 60
    assert ground.height_px(100, 7, 750, 1500) == 30


def test_pixels_of_the_ground_are_counted_along_the_rows() -> None:
    ground = Ground(Plane(0, 1, 0), 0, 1000, ((), (2, 4), (0, 1, 3, 5)))
    assert [ground.pixel(number) for number in range(ground.area_px)] == [(1, 2), (1, 3), (2, 0), (2, 3), (2, 4)]
    assert np.argwhere(ground.mask(3, 5)).tolist() == [[1, 2], [1, 3], [2, 0], [2, 3], [2, 4]]


def test_heights_are_in_the_table_by_class() -> None:
    heights = heights_by_class()
    assert all(50 <= each <= 30_000 for each in heights.values())
    assert class_in("fg/Office-Chairs/0001.png", heights) == "chair"
    assert class_in("fg001.png", heights) is None
    assert 1700 * 0.92 <= height_mm(0.0, heights["person"]) < height_mm(1.0, heights["person"]) <= 1700 * 1.08


def test_notes_of_the_user_are_read_and_wrong_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ground.csv"
    assert read_notes(tmp_path, ["a.jpg"]) == {}
    path.write_text("file,ground,horizon\na.jpg,no,\nb.jpg,,0.35\n")
    notes = {"a.jpg": GroundNote(has_ground=False), "b.jpg": GroundNote(horizon=0.35)}
    assert read_notes(tmp_path, ["a.jpg", "b.jpg"]) == notes
    for text, problem in (
        ("file,sky\na.jpg,1\n", "has the columns file, sky"),
        ("file,ground\nc.jpg,no\n", "names 'c.jpg'"),
        ("file,ground\na.jpg,no\na.jpg,no\n", "a second time"),
        ("file,ground\na.jpg,maybe\n", "ground is 'maybe'"),
        ("file,horizon\na.jpg,90\n", "horizon is '90'"),
    ):
        path.write_text(text)
        with pytest.raises(SourceError, match=problem):
            read_notes(tmp_path, ["a.jpg", "b.jpg"])


def test_a_known_horizon_is_used() -> None:
    codes, _ = codes_of(Room().inverse_depth())
    found = find_ground(codes, GREY, horizon=20.0)
    assert isinstance(found, Ground)
    assert found.horizon_row(64) == pytest.approx(20, abs=0.2)

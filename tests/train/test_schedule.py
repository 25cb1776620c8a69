"""Schedules: reading and writing them, scaling, and the size, batch and learning rate of each step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_train.errors import ScheduleError
from fgbg_train.schedule import FEW_SAMPLES, Schedule, Stage, automatic, learning_rate, parse, render, scale_epochs

CLASSIC = "2@38x512,2@38x256,6@48x256,2@56x256,2@64x128"

stages = st.lists(
    st.builds(
        Stage,
        epochs=st.integers(1, 9),
        size_px=st.integers(8, 300),
        batch=st.integers(1, 70),
    ),
    min_size=1,
    max_size=5,
).map(tuple)


@given(stages)
def test_render_then_parse_gives_the_same_stages(given_stages: tuple[Stage, ...]) -> None:
    assert parse(render(given_stages)) == given_stages


def test_the_published_schedule_has_fourteen_epochs_at_growing_sizes() -> None:
    parsed = parse(CLASSIC)
    assert sum(s.epochs for s in parsed) == 14
    assert [s.size_px for s in parsed] == [38, 38, 48, 56, 64]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`schedule` >>><<< at character 1: expected a number of epochs, found the end"),
        ("2@38", "`schedule` 2@38>>><<< at character 5: expected 'x', found the end"),
        ("2@38x512,x@4", "`schedule` 2@38x512,>>>x<<<@4 at character 10: expected a number of epochs, found 'x'"),
        ("2@38x512;", "`schedule` 2@38x512>>>;<<< at character 9: expected ',' or the end, found ';'"),
        ("0@38x5", "`schedule` >>>0<<<@38x5 at character 1: expected at least 1 epoch, found '0'"),
        ("1@7x5", "`schedule` 1@>>>7<<<x5 at character 3: expected an image size of 8 to 4096 px, found '7'"),
        ("1@38x0", "`schedule` 1@38x>>>0<<< at character 6: expected a batch of at least 1, found '0'"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert str(caught.value) == message


@given(st.integers(1, 10**9), st.integers(8, 4096), st.integers(1, 64))
def test_automatic_schedules_suit_dataset_and_devices(num_samples: int, full_px: int, parts: int) -> None:
    found = parse(automatic(num_samples, full_px, parts))
    sizes = [stage.size_px for stage in found]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == min(full_px, 224 if num_samples < FEW_SAMPLES else 64)
    assert all(stage.batch % parts == 0 for stage in found)
    assert sum(stage.epochs for stage in found) in (10, 11)


@given(stages, st.integers(1, 40))
def test_scaled_schedule_has_the_epochs_asked_for(given_stages: tuple[Stage, ...], epochs: int) -> None:
    scaled = scale_epochs(given_stages, epochs)
    assert sum(s.epochs for s in scaled) == epochs
    assert all(s.epochs > 0 for s in scaled)


@given(stages, st.integers(1, 200))
def test_steps_walk_through_epochs_in_order(given_stages: tuple[Stage, ...], num_samples: int) -> None:
    schedule = Schedule(given_stages, num_samples)
    walked = []
    for epoch in range(schedule.epochs):
        stage = schedule.stage(epoch)
        for i in range(max(1, num_samples // stage.batch)):
            walked.append((epoch, i, stage.size_px))
    steps = [schedule.step(i) for i in range(schedule.total_steps)]
    assert [(s.epoch, s.step_in_epoch, s.size_px) for s in steps] == walked
    for step in steps:
        positions = schedule.indices(step)
        assert len(positions) == step.batch
        assert positions.stop <= num_samples


@given(st.integers(1, 500), st.floats(0, 1))
def test_learning_rate_stays_between_nothing_and_its_peak(total: int, warmup: float) -> None:
    rates = [learning_rate(i, total=total, peak=0.1, warmup_frac=warmup) for i in range(total)]
    assert all(0 < r <= 0.1 for r in rates)
    top = max(range(total), key=rates.__getitem__)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)

"""The order in which a run reads its samples, from any step and for any number of processes."""

from hypothesis import given
from hypothesis import strategies as st

from fgbg_train.data.order import EpochOrder
from fgbg_train.data.stream import Item, Part, Stream
from fgbg_train.schedule import Schedule, parse


@given(st.integers(1, 20_000), st.integers(0, 99), st.integers(0, 99))
def test_an_epoch_visits_every_sample_once(count: int, seed: int, epoch: int) -> None:
    assert sorted(EpochOrder(count, seed, epoch).take(range(count))) == list(range(count))


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_any_position_can_be_reached_alone(a: int, b: int) -> None:
    whole = EpochOrder(10_000, 1, 2).take(range(10_000))
    order = EpochOrder(10_000, 1, 2)
    assert order.take(range(a, a + 1)) == [whole[a]]
    assert order.take(range(b, b + 1)) == [whole[b]]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(EpochOrder(500, s, e).take(range(500))) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def stream(start_step: int = 0, part: Part | None = None, num_val: int = 5) -> list[list[Item]]:
    schedule = Schedule(parse("1@16x6,2@24x4"), 26)
    segments = Stream(schedule=schedule, seed=3, num_val=num_val, start_step=start_step, part=part or Part())
    return [items for segment in segments for items in segment.batches]


def test_a_stream_started_later_is_the_rest_of_the_stream() -> None:
    whole = stream()
    sizes = [{item.split for item in items} for items in whole]
    assert sizes == [{"train"}] * 4 + [{"val"}] + ([{"train"}] * 6 + [{"val"}] * 2) * 2
    assert stream(start_step=2) == whole[2:]
    assert stream(start_step=4) == whole[5:]  # the val of a finished epoch is not repeated
    assert stream(start_step=12) == whole[15:]
    assert stream(start_step=16) == []


def test_parts_of_a_batch_are_the_batch() -> None:
    parts = [stream(part=Part(rank=rank, world=2)) for rank in range(2)]
    for whole, *shares in zip(stream(), *parts, strict=True):
        assert sorted(item for share in shares for item in share) == sorted(whole)
        if whole[0].split == "train":
            assert [item for share in shares for item in share] == whole


def test_val_is_scored_at_the_largest_training_size() -> None:
    val = [item for items in stream() for item in items if item.split == "val"]
    assert {(item.side_px, item.target_px) for item in val} == {(16, 24), (24, 24)}

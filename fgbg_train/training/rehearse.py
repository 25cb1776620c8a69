"""A rehearsal of a run: some steps of each image size, on real samples and on the device, to say how long it takes."""

import time

from fgbg_train.data.batches import BatchReader
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item
from fgbg_train.devices import make_fabric
from fgbg_train.run.pace import TimeLeft
from fgbg_train.schedule import Step
from fgbg_train.training.plan import TRAIN, FitPlan
from fgbg_train.training.state import build_state
from fgbg_train.training.step import Flags, Learner

MOST_IMAGES = 16
"""Largest batch of the rehearsal, in images. The time of a larger batch is estimated in proportion to its images."""
STEPS = 3
"""Largest number of steps of each size; the first one of a size is not counted if there are others."""
PATIENCE_S = 20.0
"""After this time, no further step is taken; smaller sizes than those that were measured are estimated."""


def estimate_seconds(plan: FitPlan) -> float:
    """Return how many seconds a run will take on this machine, from some steps of each image size, which are taken.

    The networks are built, with the weights with which they start, and thrown away again; nothing is written. Reading
    is not counted, because worker processes read while the networks compute. Several devices are taken to need the
    time of one divided by their number.

    >>> estimate_seconds(plan_fit("shards/"))  # doctest: +SKIP
    712.4

    Args:
        plan: what `plan_fit` returned.

    Raises:
        FgbgError: the device, the networks or their weights cannot be used, or a sample cannot be read.
    """
    config, schedule = plan.config, plan.schedule
    fabric = make_fabric(config, single=True)
    fabric.launch()
    state = build_state(plan, fabric)
    learner = Learner(config=config, fabric=fabric, state=state)
    left = TimeLeft(schedule, num_val=plan.num_measured, num_tests=len(plan.test_splits))
    reader = SampleReader(plan.data, TRAIN, config.limit, depth_field=config.depth_field, copies_gb=config.copies_gb)
    batches = BatchReader({TRAIN: reader}, skip_errors=config.on_error == "skip")
    done = state.step
    largest = max(MOST_IMAGES - MOST_IMAGES % config.accumulate, config.accumulate)
    sizes = {stage.size_px: stage.batch for stage in schedule.stages}
    until = time.monotonic() + PATIENCE_S
    for size_px, batch in sorted(sizes.items(), reverse=True):
        count = min(batch, largest, max(config.accumulate, reader.num_samples))
        read = batches.read([Item(TRAIN, index % reader.num_samples, size_px, size_px) for index in range(count)])
        for index in range(STEPS):
            if time.monotonic() > until and left.after(done) is not None:
                break
            step = Step(index=index, epoch=0, step_in_epoch=index, size_px=size_px, batch=count)
            started = time.monotonic()
            learner.take(step, read, lr=0.0, flags=Flags())
            left.add_step(step, time.monotonic() - started)
    seconds = left.after(done)
    assert seconds is not None  # because at least one step was taken
    return seconds / config.devices

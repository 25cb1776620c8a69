"""The loop of training, to be read from top to bottom."""

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.logger import Logger

from fgbg_data.drawing.sheets import save_png
from fgbg_data.errors import option
from fgbg_data.exam.scores import PREFIX
from fgbg_data.runtime.files import clear_partials
from fgbg_data.runtime.progress import Progress, Silence, reporter
from fgbg_train.config import FitConfig
from fgbg_train.data.batches import Batch, BatchReader
from fgbg_train.data.loader import Loader
from fgbg_train.data.stream import Part, Stream, cut
from fgbg_train.devices import gather, make_fabric
from fgbg_train.errors import Stopped, TrainError
from fgbg_train.measure import baseline
from fgbg_train.measure.exam import predictor, score_exam
from fgbg_train.measure.metrics import better
from fgbg_train.measure.score import score
from fgbg_train.measure.tally import Tally
from fgbg_train.run.checkpoint import BEST, LAST
from fgbg_train.run.clock import Clock, TimedBatches
from fgbg_train.run.folder import CURVES, LOG, SAMPLES, SUMMARY, Resume, write_config
from fgbg_train.run.log import BASELINE, EXAM, Log, RunLog, exam_rows, read_rows
from fgbg_train.run.pace import TimeLeft
from fgbg_train.run.panels import panel
from fgbg_train.run.plot import plot
from fgbg_train.run.progress import RunProgress
from fgbg_train.run.stopping import StopSignal
from fgbg_train.run.trackers import Trackers, open_trackers
from fgbg_train.schedule import learning_rate
from fgbg_train.settings import flatten
from fgbg_train.training.finish import finish
from fgbg_train.training.plan import TRAIN, VAL, FitPlan, plan_fit
from fgbg_train.training.state import build_state, save
from fgbg_train.training.step import Flags, Learner

NUM_PICTURES = 8
"""Samples of val in the picture of an epoch."""


def fit(
    data: Path | str,
    config: FitConfig | None = None,
    *,
    out: Path | str | None = None,
    resume: Resume = "auto",
    progress: Progress = None,
    loggers: Sequence[Logger] = (),
) -> Path:
    """Train on a dataset, or resume a run that was stopped, and return the folder of the run.

    A run that was killed at any step and is started again ends with the same weights, to the bit on one CPU, as a run
    that was never killed.

    >>> run = fit("shards/", FitConfig.preset("small", epochs=5), out="runs/short")  # doctest: +SKIP

    Args:
        data: folder or URL of the dataset.
        config: the configuration; None is that of the preset `small`.
        out: the folder of the run. None takes `runs/PRESET-DATASET`, and with other settings `runs/PRESET-DATASET-2`,
            `-3` and so on; the same settings resume the right one.
        resume: `auto` resumes the run in the folder, `none` starts a new run in a new folder.
        progress: how progress is shown; see `fgbg_data.runtime.progress`.
        loggers: loggers that get the rows of log.csv, beside those that `config.log` names: any that follow the
            protocol of lightning-fabric. If one has a method `log_image(key, images, step)`, it also gets the pictures
            in `samples/`, as paths.

    Raises:
        FgbgError: the dataset, the configuration or the folder of the run cannot be used as asked.
        Stopped: the user interrupted the run. It is saved, and the same call resumes it.
    """
    # Plan the run, and return at once if it is finished already.
    plan = plan_fit(data, config, out=out, resume=resume)
    config, schedule, folder = plan.config, plan.schedule, plan.folder
    fabric = make_fabric(config)
    fabric.launch()
    main = fabric.is_global_zero
    check_same_start(plan, fabric)
    shown = RunProgress(reporter(progress) if main else Silence())
    if plan.checkpoint and plan.checkpoint["step"] == schedule.total_steps and (folder / SUMMARY).exists():
        shown.note(f"{folder} is finished")
        return folder
    for note in plan.notes:
        shown.note(note)

    # Build the networks or restore them, prepare the folder, and open the stream of batches.
    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"  # sizes change only with the stage
    state = build_state(plan, fabric)
    learner = Learner(config=config, fabric=fabric, state=state)
    if main:
        write_config(folder, config)
        clear_partials(folder)
    if fabric.local_rank == 0:  # one process of each machine
        for cache in plan.caches:
            cache.create()
    fabric.barrier()
    batches = TimedBatches(open_stream(plan, state.step, fabric))
    log = open_log(plan, state.step, loggers) if main else Log()
    left = TimeLeft(
        schedule,
        num_val=plan.num_measured,
        num_tests=len(plan.test_splits),
        rows=read_rows(folder / LOG) if main else (),
    )
    saved = lap = time.monotonic()
    first_step = state.step

    with StopSignal() as signal, shown, log:
        while state.step < schedule.total_steps:
            # An epoch begins, or goes on where a run was stopped.
            epoch = schedule.step(state.step).epoch
            stage, end = schedule.stage(epoch), schedule.first_step(epoch + 1)
            shown.begin_epoch(epoch, schedule.epochs, stage, done=state.step, total=schedule.total_steps)
            shown.expect(left.after(state.step))
            clock = Clock(batches)
            flags = Flags()

            # Take its steps. Inside an epoch, save every few minutes, and stop when the user asks.
            while state.step < end:
                step = schedule.step(state.step)
                lr = learning_rate(step.index, total=schedule.total_steps, peak=config.lr, warmup_frac=config.warmup)
                batch = next(batches)
                due = main and time.monotonic() - saved > 60 * config.save_minutes
                flags = learner.take(step, batch, lr=lr, flags=Flags(stop=signal.received, save=due))
                clock.samples += step.batch
                if step.index > first_step:  # the first step of a process waits until its workers have started
                    left.add_step(step, time.monotonic() - lap)
                lap = time.monotonic()
                shown.step(state.tally, left.after(state.step), **clock.speed())
                if (flags.save or flags.stop) and state.step < end:
                    save(folder / LAST, state, plan, fabric)
                    saved = time.monotonic()
                    if flags.stop:
                        raise Stopped(state.step, schedule.total_steps)

            # Log what was trained.
            row = {"epoch": epoch + 1, "step": state.step, "size_px": stage.size_px, "batch": stage.batch, "lr": lr}
            speed = {**clock.speed(), "seconds": clock.seconds()}
            trained = state.tally.over_processes(fabric).compute()
            state.tally = Tally()
            log.add({**row, "split": "train", **trained, **speed})

            # Validate, and draw the first samples of val and the curves.
            measured: dict[str, float] = {}
            if plan.num_val:
                clock = Clock(batches)
                parts = (next(batches) for _ in cut(plan.num_val, stage.batch))
                found = score(state.measured, parts, fabric, config.loss)
                measured = found.tally.compute()
                log.add({**row, "split": "val", **measured, "seconds": clock.seconds()})
                if main and found.first is not None:
                    picture = folder / SAMPLES / f"epoch_{epoch + 1:03d}.png"
                    save_png(panel(*found.first, samples=NUM_PICTURES), picture)
                    log.show(picture, state.step)

            # Take the exam, which chooses nothing.
            examined: dict[str, float] = {}
            if plan.exam is not None:
                clock = Clock(batches)
                rows = exam_rows(
                    score_exam(predictor(state.measured, fabric, stage.size_px), plan.exam, fabric).compute()
                )
                for split, values in rows.items():
                    seconds = {"seconds": clock.seconds()} if split == EXAM else {}
                    log.add({**row, "split": split, **values, **seconds})
                examined = rows[EXAM]
            if isinstance(log, RunLog):
                if plan.num_val and not log.has_baseline:
                    log_baseline(log, plan, row)
                plot(folder, folder / CURVES)
            shown.end_epoch(trained, measured, examined, speed)

            # Keep the best weights, and save.
            metric = plan.best_metric
            if metric in measured and better(metric, measured[metric], state.best.get("value")):
                state.best = {"metric": metric, "value": measured[metric], "epoch": epoch, "size_px": stage.size_px}
                save(folder / BEST, state, plan, fabric, weights_only=True)
            save(folder / LAST, state, plan, fabric)
            left.add_end(stage.size_px, time.monotonic() - lap)
            saved = lap = time.monotonic()
            if flags.stop and state.step < schedule.total_steps:
                raise Stopped(state.step, schedule.total_steps)

    # Test the best weights, and write the summary.
    with log:
        finish(plan, state, fabric, log, shown)
    return folder


def check_same_start(plan: FitPlan, fabric: Fabric) -> None:
    """Check that all processes begin at one step of one run on one dataset.

    Raises:
        TrainError: they do not; the text names a process that differs.
    """
    step = plan.checkpoint["step"] if plan.checkpoint else 0
    starts = gather(fabric, (plan.fingerprint, step))
    for rank, (fingerprint, other) in enumerate(starts):
        if fingerprint != starts[0][0]:
            raise TrainError(
                f"process {rank} reads another dataset than process 0 (fingerprints {fingerprint[:8]} and "
                f"{starts[0][0][:8]}); give all machines the same one",
                where=plan.data,
            )
        if other != starts[0][1]:
            raise TrainError(
                f"process {rank} would begin after step {other} and process 0 after step {starts[0][1]}: all machines "
                f"need the same folder of the run. Choose an {option('out')} that all of them share",
                where=plan.folder,
            )


def open_log(plan: FitPlan, step: int, loggers: Sequence[Logger]) -> RunLog:
    """Open the log of a run that has finished `step` steps, and describe the run in its trackers."""
    named: dict[str, Logger] = {f"logger {i} ({type(one).__name__})": one for i, one in enumerate(loggers, start=1)}
    trackers = Trackers(open_trackers(plan.config.trackers, plan.folder, step) | named)
    log = RunLog(plan.folder, step, trackers)
    log.describe({**flatten(plan.config.to_table()), "data": plan.data, "fingerprint": plan.fingerprint})
    return log


def log_baseline(log: RunLog, plan: FitPlan, row: Mapping[str, float]) -> None:
    """Log the baselines on val once, which the curves show as lines."""
    skip = plan.config.on_error == "skip"
    train, val = (dataclasses.replace(plan.readers[split], caches={}) for split in (TRAIN, VAL))
    found = baseline.measure(val, baseline.mean_depth(train, skip_errors=skip), skip_errors=skip)
    numbers = {name.removeprefix(PREFIX): value for name, value in found.items()}
    log.add({"epoch": row["epoch"], "step": row["step"], "split": BASELINE, **numbers})
    log.has_baseline = True


def open_stream(plan: FitPlan, start_step: int, fabric: Fabric) -> Iterable[Batch]:
    """Return all batches of this process from `start_step` to the end of the run."""
    config = plan.config
    stream = Stream(
        schedule=plan.schedule,
        seed=config.seed,
        num_val=plan.num_val,
        start_step=start_step,
        part=Part(rank=fabric.global_rank, world=fabric.world_size),
    )
    reader = BatchReader(plan.readers, skip_errors=config.on_error == "skip")
    return Loader(reader, workers=config.workers, pin=fabric.device.type == "cuda").read(stream)

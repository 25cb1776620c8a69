"""Train: everything is checked, then one loop from the first step, or the one after the last, to the end."""

import hashlib
import math
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from fgbg_data.errors import option
from fgbg_train.config import FitConfig
from fgbg_train.data.augment import augment
from fgbg_train.data.loader import Loader
from fgbg_train.data.samples import Batch, SplitReader, StreamDataset, Targets, to_device
from fgbg_train.data.stream import Part, Stream, val_batches
from fgbg_train.devices import describe_machine, gather, make_fabric, sum_over_processes
from fgbg_train.errors import CompileError, LossError, MemoryLimitError
from fgbg_train.measure import baseline, losses
from fgbg_train.measure.metrics import better
from fgbg_train.measure.tally import Tally
from fgbg_train.models.blocks import height_width, resize
from fgbg_train.models.cascade import Prediction
from fgbg_train.prepare import Plan, prepare
from fgbg_train.run import checkpoint
from fgbg_train.run.clock import Clock, Timed
from fgbg_train.run.folder import BEST, CACHE, LAST, SUMMARY, Resume, write_config, write_summary
from fgbg_train.run.log import Log, RunLog, read_rows
from fgbg_train.run.panels import panel, write_picture
from fgbg_train.run.plot import plot_runs
from fgbg_train.run.progress import Progress
from fgbg_train.run.stopping import Stopped, StopSignal
from fgbg_train.schedule import Step, learning_rate
from fgbg_train.state import State, average, build_state, merged, save
from fgbg_train.use.evaluate import checked, score, score_split

NUM_PICTURES = 8  # val samples in the picture of an epoch
TEST_BATCH = 64


def fit(
    data: Path | str,
    config: FitConfig,
    *,
    out: Path | None = None,
    resume: Resume = "auto",
    progress: Progress | None = None,
) -> Path:
    """Train on a dataset, or go on with a run that was stopped; return the run's folder.

    A run that was killed at any step and is started again ends with the same weights, to the bit on one
    CPU, as one that was never killed.

    Raises:
        FgbgError: the dataset, the configuration or the run's folder cannot be used as asked.
        Stopped: the user interrupted; the run can go on.
    """
    plan = prepare(data, config, out=out, resume=resume)
    config, schedule, folder = plan.config, plan.schedule, plan.folder
    fabric = make_fabric(config)
    fabric.launch()
    main = fabric.is_global_zero
    progress = progress if progress and main else Progress()
    if plan.checkpoint and plan.checkpoint["step"] == schedule.total_steps and (folder / SUMMARY).exists():
        progress.note(f"{folder} is finished")
        return folder
    for note in plan.notes:
        progress.note(note)

    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"  # sizes change with the stage only
    state, network, stepper = build_state(plan, fabric)
    if main:
        write_config(folder, config)
        checkpoint.clear_partials(folder)
        for cache in plan.caches:
            cache.create()
    fabric.barrier()
    batches = Timed(open_stream(plan, state.step, fabric))
    log = RunLog(folder, state.step) if main else Log()
    saved = time.monotonic()

    with StopSignal() as signal, progress:
        while state.step < schedule.total_steps:
            epoch = schedule.step(state.step).epoch
            stage, first, end = schedule.stage(epoch), schedule.first_step(epoch), schedule.first_step(epoch + 1)
            progress.start_epoch(epoch, schedule.epochs, stage, done=state.step - first, total=end - first)
            clock = Clock(batches)
            flags = Flags()

            while state.step < end:
                step = schedule.step(state.step)
                lr = learning_rate(step.index, total=schedule.total_steps, peak=config.lr, warmup_frac=config.warmup)
                for group in state.optimizer.param_groups:
                    group["lr"] = lr
                batch = checked(next(batches))
                due = main and time.monotonic() - saved > 60 * config.save_minutes
                flags = train_step(
                    state, network, stepper, batch, step, config, fabric, Flags(stop=signal.received, save=due)
                )
                state.step += 1
                state.skipped += len(batch.skipped)
                clock.samples += step.batch
                progress.step(state.tally, **clock.speed())
                if (flags.save or flags.stop) and state.step < end:
                    save(folder / LAST, state, plan, fabric)
                    saved = time.monotonic()
                    if flags.stop:
                        raise Stopped(state.step, schedule.total_steps)

            row = {"epoch": epoch, "step": state.step, "size_px": stage.size_px, "batch": stage.batch, "lr": lr}
            speed = {**clock.speed(), "seconds": clock.seconds()}
            trained = merged(state.tally, fabric).compute()
            state.tally = Tally()
            log.add({**row, "split": "train", **trained, **speed})
            measured: dict[str, float] = {}
            if plan.num_val:
                clock = Clock(batches)
                parts = (next(batches) for _ in val_batches(plan.num_val, stage.batch))
                shown: list[tuple[Targets, Prediction]] = []
                measured = score(state.measured, parts, fabric, config.loss, first=shown).compute()
                log.add({**row, "split": "val", **measured, "seconds": clock.seconds()})
                if main:
                    write_pictures(folder, epoch, *shown[0])
            if main:
                plot_runs([folder], folder / "curves.png")
            progress.end_epoch(trained, measured, speed)

            metric = plan.best_metric
            if metric in measured and better(metric, measured[metric], state.best.get("value")):
                state.best = {"metric": metric, "value": measured[metric], "epoch": epoch, "size_px": stage.size_px}
                save(folder / BEST, state, plan, fabric, weights_only=True)
            save(folder / LAST, state, plan, fabric)
            saved = time.monotonic()
            if flags.stop and state.step < schedule.total_steps:
                raise Stopped(state.step, schedule.total_steps)

    finish(plan, state, fabric, log, progress)
    return folder


# --- one step ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What processes must agree on after a step."""

    stop: bool = False
    save: bool = False


def train_step(
    state: State,
    network: Any,
    stepper: Any,
    batch: Batch,
    step: Step,
    config: FitConfig,
    fabric: Fabric,
    flags: Flags,
) -> Flags:
    """Take one step; return the flags that any process has raised.

    Everything random in it follows from (seed, step, rank), so there is no generator to save.

    Raises:
        LossError: the loss is not finite; the weights are left as they were.
        MemoryLimitError: the batch does not fit into memory.
        CompileError: `--compile` does not work on this machine.
    """
    torch.manual_seed(step_seed(config.seed, step.index, fabric.global_rank))
    network.train()
    targets = to_device(batch, fabric.device)
    targets = augment(targets, keys=batch.keys, seed=config.seed, epoch=step.epoch, config=config.augment)
    state.optimizer.zero_grad()
    total = torch.zeros((), device=fabric.device)
    tally = Tally()
    try:
        parts = split_targets(targets, config.accumulate)
        for i, part in enumerate(parts):
            with fabric.no_backward_sync(network, enabled=i + 1 < len(parts)):
                prediction: Prediction = network(part.image, part.recoloured)
                terms = losses.terms(prediction, part.mask, part.depth, config.loss)
                loss = torch.stack(list(terms.values())).sum() / len(parts)
                fabric.backward(loss)
            total += loss.detach()
            tally.add(prediction, part, terms)
    except RuntimeError as error:
        if config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise CompileError(
                f"{option('compile')}: the networks cannot be compiled on this machine ({type(error).__name__}: "
                f"{next(iter(str(error).splitlines()), '')}). Install a newer C++ compiler, or leave "
                f"{option('compile')} out"
            ) from error
        if not is_out_of_memory(error):
            raise
        raise MemoryLimitError(
            f"out of memory at a batch of {step.batch} images of {step.size_px} px: use a smaller batch in "
            f"{option('schedule')}, or {option('accumulate', 2 * config.accumulate)}, which cuts the batch into parts"
        ) from error

    told = torch.stack([total, *(torch.tensor(float(f), device=fabric.device) for f in (flags.stop, flags.save))])
    value, stop, save_now = sum_over_processes(fabric, told).tolist()
    if not math.isfinite(value):
        keys = [key for part_keys in gather(fabric, batch.keys) for key in part_keys]
        raise LossError(
            f"the loss is {value} at step {step.index} (epoch {step.epoch + 1}); the weights of the last checkpoint "
            f"are good. A lower {option('lr')} or {option('clip')} may help. Samples of the batch: {', '.join(keys)}"
        )
    if config.clip:
        fabric.clip_gradients(network, stepper, max_norm=config.clip, error_if_nonfinite=False)
    stepper.step()
    state.tally = state.tally.merge(tally)
    if state.ema is not None:
        average(state.ema, state.model, config.ema, step.index)
    return Flags(stop=stop > 0, save=save_now > 0)


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed of everything that torch draws in a step."""
    digest = hashlib.blake2b(f"{seed}|{step}|{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def split_targets(targets: Targets, parts: int) -> list[Targets]:
    """Cut a batch into equal parts."""
    cut = [None if x is None else x.chunk(parts) for x in targets]
    return [Targets(*(None if x is None else x[i] for x in cut)) for i in range(parts)]  # type: ignore[arg-type]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error says that memory is full, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def open_stream(plan: Plan, start_step: int, fabric: Fabric) -> Iterable[Batch]:
    """Return the loader of all batches from `start_step` to the end of the run."""
    config = plan.config
    stream = Stream(
        schedule=plan.schedule,
        seed=config.seed,
        num_val=plan.num_val,
        start_step=start_step,
        part=Part(rank=fabric.global_rank, world=fabric.world_size),
    )
    dataset = StreamDataset(plan.readers, skip_errors=config.on_error == "skip")
    return Loader(dataset, workers=config.workers, pin=fabric.device.type == "cuda").read(stream)


# --- what a run leaves ------------------------------------------------------------------------------------


def write_pictures(folder: Path, epoch: int, targets: Targets, prediction: Prediction) -> None:
    """Write samples/epoch_NNN.png: the first val samples, known and predicted."""

    def few(x: Tensor | None) -> Tensor | None:
        return None if x is None else x[:NUM_PICTURES]

    logits = few(prediction.mask_logits)
    picture = panel(
        resize(targets.image[:NUM_PICTURES], height_width(targets.mask)),
        mask=few(targets.mask),
        depth=few(targets.depth),
        predicted_mask=None if logits is None else torch.sigmoid(logits),
        predicted_depth=few(prediction.depth),
    )
    (folder / "samples").mkdir(exist_ok=True)
    write_picture(folder / "samples" / f"epoch_{epoch + 1:03d}.png", picture)


def finish(plan: Plan, state: State, fabric: Fabric, log: Log, progress: Progress) -> None:
    """Measure the best weights on every test split, and write the summary."""
    path = plan.folder / BEST
    fabric.barrier()
    kept = checkpoint.load(path) if state.best else None
    model = checkpoint.model_of(path, kept).to(fabric.device) if kept else state.measured
    size_px = state.best.get("size_px", plan.schedule.stage(plan.schedule.epochs - 1).size_px)
    epoch = state.best.get("epoch", plan.schedule.epochs - 1)
    tests = {}
    skip = plan.config.on_error == "skip"
    mean = baseline.mean_depth(plan.readers["train"], skip_errors=skip) if fabric.is_global_zero else None
    for split in plan.test_splits:
        reader = SplitReader(plan.data, split, plan.config.limit, depth_field=plan.config.depth_field)
        tally = score_split(model, reader, fabric, plan.config, size_px=size_px, batch=TEST_BATCH)
        tests[split] = tally.compute()
        log.add({"epoch": epoch, "step": state.step, "split": split, "size_px": size_px, **tests[split]})
        if fabric.is_global_zero:
            tests[split] |= baseline.measure(reader, mean, skip_errors=skip)
        progress.end_split(split, tally.images, tests[split])
    log.close()
    if not fabric.is_global_zero:
        return
    if state.skipped:
        progress.note(f"{state.skipped} samples could not be read, and others took their place")
    shutil.rmtree(plan.folder / CACHE, ignore_errors=True)
    facts = {
        "data": plan.data,
        "fingerprint": plan.fingerprint,
        "best": state.best,
        "test": tests,
        "steps": state.step,
        "skipped_samples": state.skipped,
        "parameters": sum(p.numel() for p in state.model.parameters()),
        "machine": describe_machine(fabric),
        "seconds": sum(float(row["seconds"] or 0) for row in read_rows(plan.folder / "log.csv")),
    }
    write_summary(plan.folder, facts)

"""The end of a run: its best weights are measured on every test split, and the summary is written."""

import shutil

from lightning_fabric import Fabric

from fgbg_data.exam.report import ExamReport
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.devices import describe_machine
from fgbg_train.measure import baseline
from fgbg_train.measure.exam import predictor, score_exam
from fgbg_train.measure.score import score_split
from fgbg_train.run import checkpoint
from fgbg_train.run.checkpoint import BEST
from fgbg_train.run.folder import LOG, write_summary
from fgbg_train.run.log import Log, read_rows
from fgbg_train.run.progress import RunProgress
from fgbg_train.training.plan import TRAIN, FitPlan
from fgbg_train.training.state import State

TEST_BATCH = 64
"""Images of all processes in one batch."""


def finish(plan: FitPlan, state: State, fabric: Fabric, log: Log, shown: RunProgress) -> None:
    """Test a run, write its summary, and remove its cache; every process must call this.

    Args:
        plan: the plan of the run.
        state: its state after the last step.
        fabric: the launched fabric.
        log: gets a row for each test split, and is closed.
        shown: reports what was measured.
    """
    config, path = plan.config, plan.folder / BEST
    fabric.barrier()
    kept = checkpoint.load(path) if state.best else None
    model = checkpoint.model_of(path, kept).to(fabric.device) if kept else state.measured
    size_px = state.best.get("size_px", plan.schedule.stage(plan.schedule.epochs - 1).size_px)
    epoch = state.best.get("epoch", plan.schedule.epochs - 1) + 1
    tests = {}
    skip = config.on_error == "skip"
    mean = baseline.mean_depth(plan.readers[TRAIN], skip_errors=skip) if fabric.is_global_zero else None
    for split in plan.test_splits:
        reader = SampleReader(
            plan.data, split, config.limit, depth_field=config.depth_field, copies_gb=config.copies_gb
        )
        tally = score_split(
            model,
            reader,
            fabric,
            config.loss,
            side_px=size_px,
            batch=TEST_BATCH,
            workers=config.workers,
            skip_errors=skip,
        )
        tests[split] = tally.compute()
        log.add({"epoch": epoch, "step": state.step, "split": split, "size_px": size_px, **tests[split]})
        if fabric.is_global_zero:
            tests[split] |= baseline.measure(reader, mean, skip_errors=skip)
        shown.end_split(split, tally.images, tests[split])
    report = None
    if plan.exam is not None:
        scores = score_exam(predictor(model, fabric, size_px), plan.exam, fabric)
        report = ExamReport(
            exam=str(plan.exam.path),
            columns=scores.compute(),
            protocol=plan.exam.describe(),
            notes=plan.exam.notes,
        )
        shown.end_exam(report)
    fabric.barrier()
    if fabric.local_rank == 0:  # one process of each machine
        shutil.rmtree(plan.cache_folder, ignore_errors=True)
    if not fabric.is_global_zero:
        return
    if state.skipped:
        shown.note(f"{state.skipped} samples could not be read, and were replaced by others")
    facts = {
        "data": plan.data,
        "fingerprint": plan.fingerprint,
        "best": {**state.best, "epoch": epoch} if state.best else {},
        "test": tests,
        **({"exam": report.to_json()} if report else {}),
        "worse_than_baseline": {split: baseline.worse_than_baseline(found) for split, found in tests.items()},
        "steps": state.step,
        "skipped_samples": state.skipped,
        "parameters": sum(p.numel() for p in state.model.parameters()),
        "machine": describe_machine(fabric),
        "seconds": sum(float(row["seconds"] or 0) for row in read_rows(plan.folder / LOG)),
    }
    write_summary(plan.folder, facts)
    log.close()  # last, because a tracker may wait for its network

"""The dry run: what a build would make, and the space and time that it would take. Nothing is written."""

from dataclasses import dataclass

from fgbg_data.building.build import BuildMaker
from fgbg_data.building.forecast import estimator_calls, forecast
from fgbg_data.building.prepare import prepare
from fgbg_data.config import BuildConfig
from fgbg_data.runtime.files import free_bytes
from fgbg_data.runtime.locks import check_not_held
from fgbg_data.runtime.parallel import num_jobs
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.shards.registry import format_options, load_format
from fgbg_data.text import counted, format_bytes, format_seconds, text_table
from fgbg_data.writing.part import Part

_FINISHING = 6
"""Files that are written once for a whole dataset: the lock, the manifest (first and last), card, description and
preview."""


@dataclass(frozen=True, kw_only=True)
class PlannedSplit:
    """One split of a dataset that is to be built."""

    samples: int
    """Number of samples."""
    shards: int
    """Number of shards."""
    backgrounds: int
    """Number of backgrounds that occur in it."""
    foregrounds: int
    """Number of foregrounds that occur in it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BuildPlan:
    """What a build would make, and the space and time that it would take.

    `str(plan)` is the text that `fgbg-data build --dry-run` prints.
    """

    config: BuildConfig
    """The configuration."""
    backgrounds: int
    """Number of usable backgrounds."""
    foregrounds: int
    """Number of usable foregrounds."""
    possible_samples: int
    """Number of samples that the build would make without the option `samples`."""
    splits: dict[str, PlannedSplit]
    """Name -> split, in order."""
    finished_shards: int
    """Shards that an earlier run has finished in the same folder."""
    bytes: int
    """Expected size of all shards."""
    free_bytes: int
    """Free space on the disk of `config.out`; if that is a URL, on the disk that holds unfinished shards."""
    seconds: float
    """Expected time of the whole build."""
    jobs: int
    """Worker processes."""
    core_hours: float
    """Expected time of all cores together, in hours, however many machines share it."""
    gpu_hours: float
    """Expected time of all GPUs together, in hours; 0 if the estimator runs on a CPU."""
    parts: int
    """Number of parts that share the work: N of the option `part`, or 1."""
    files_written: int
    """Files that all parts together write: each is one request of an object store."""
    files_read: int
    """Files that all parts together read: sources when they are checked and when they are decoded, and records."""
    estimator_calls: int
    """Calls of the depth estimator."""
    estimator_batch: int
    """Pictures in each of these calls."""
    notes: tuple[str, ...] = ()
    """What a user should know about the sources and splits, one sentence each."""

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {split.samples:,}" for name, split in self.splits.items())
        size, time = format_bytes(self.bytes), format_seconds(self.seconds)
        return f"BuildPlan({str(self.config.out)!r}: {self.samples:,} samples ({splits}), {size}, about {time})"

    @property
    def samples(self) -> int:
        """Number of samples over all splits."""
        return sum(split.samples for split in self.splits.values())

    @property
    def shards(self) -> int:
        """Number of shards over all splits."""
        return sum(split.shards for split in self.splits.values())

    def __str__(self) -> str:
        config = self.config
        pairs = f"{counted(self.backgrounds, 'background')} x {counted(self.foregrounds, 'foreground')}"
        twins = " x 2 (mirrored)" if config.mirror else ""
        twins += f" x {config.twins} (twins)" if config.twins > 1 else ""
        fewer = "" if self.possible_samples == self.samples else f"; this build makes {self.samples:,} of them"
        rows = [
            [name, *(f"{n:,}" for n in (split.samples, split.shards, split.backgrounds, split.foregrounds))]
            for name, split in self.splits.items()
        ]
        lines = [
            f"{pairs} x {counted(config.positions, 'position')}{twins} = "
            f"{counted(self.possible_samples, 'sample')}{fewer}",
            text_table(["split", "samples", "shards", "backgrounds", "foregrounds"], rows),
            f"expected: {format_bytes(self.bytes)} ({format_bytes(self.free_bytes)} free), about "
            f"{format_seconds(self.seconds)} with {counted(self.jobs, 'worker')}",
        ]
        gpu = f", {self.gpu_hours:.2f} GPU hours" if self.gpu_hours else ""
        each = ""
        if self.parts > 1:
            seconds = self.seconds / self.parts
            each = f"; {self.parts:,} parts at once take about {format_seconds(seconds)} each, on machines like this"
        lines.append(
            f"cost: {self.core_hours:.2f} core hours{gpu}, {self.files_written:,} files written, "
            f"{self.files_read:,} read{each}"
        )
        if config.depth_fields:
            lines.append(
                f"depth {' and '.join(config.depth_fields.values())}: {counted(self.estimator_calls, 'call')} of "
                f"{config.depth}, {self.estimator_batch} pictures each"
            )
        options = format_options(vars(config), config.format)
        lines += filter(None, (load_format(name).advice(options) for name in config.format))
        if self.finished_shards:
            lines.append(f"{self.finished_shards} of {self.shards} shards are finished already")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def plan_build(config: BuildConfig, *, progress: Progress = None) -> BuildPlan:
    """Check a build and measure its first samples, without writing anything.

        print(plan_build(BuildConfig(bg="bg/", fg="fg/", out="shards/")))

    Args:
        config: what would be built, and where.
        progress: see `build`.

    Raises:
        FgbgError: the build itself would be refused too, with the same error.
    """
    shown = reporter(progress)
    parts = Part.parse(config.part).count if config.part else 1
    prepared = prepare(config, shown)
    maker = BuildMaker(prepared)
    maker.check_folder()
    check_not_held(maker.local)
    finished, todo = maker.find_finished()
    maker.check_space(sum(task.samples for task in todo))
    with activity(shown, "measuring the first samples", None, "samples"):
        expected = forecast(prepared)
    work = prepared.work
    jobs = num_jobs(config.jobs, len(maker.tasks))
    sources = len(work.backgrounds) + len(work.foregrounds)
    return BuildPlan(
        config=config,
        backgrounds=len(work.backgrounds),
        foregrounds=len(work.foregrounds),
        possible_samples=len(work.backgrounds) * len(work.foregrounds) * work.plan.per_pair * config.twins,
        splits={
            name: PlannedSplit(
                samples=split.samples,
                shards=split.shards,
                backgrounds=len(split.backgrounds),
                foregrounds=len(split.foregrounds),
            )
            for name, split in prepared.manifest.splits.items()
        },
        finished_shards=len(finished),
        bytes=expected.bytes,
        free_bytes=free_bytes(maker.local),
        seconds=expected.seconds,
        jobs=jobs,
        core_hours=expected.core_s / 3600,
        gpu_hours=expected.gpu_s / 3600,
        parts=parts,
        files_written=len(maker.tasks) * (len(config.format) + 1) + parts + _FINISHING,
        files_read=sources * parts * (1 + jobs) + len(maker.tasks),
        estimator_calls=estimator_calls(prepared),
        estimator_batch=work.batch_size,
        notes=prepared.notes,
    )

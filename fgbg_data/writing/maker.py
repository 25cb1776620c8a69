"""The making of one dataset, shard by shard: what build, convert, merge, split and relabel have in common."""

import abc
import contextlib
import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar

from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.runtime.files import clear_partials, write_text
from fgbg_data.runtime.locations import Location, join, size
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.parallel import Work, in_parallel, num_jobs
from fgbg_data.runtime.progress import Progress, ProgressReporter, activity, reporter
from fgbg_data.runtime.scratch import clear_local, local_folder
from fgbg_data.runtime.tally import Tally, TallyWatch
from fgbg_data.runtime.worker_process import one_opencv_thread
from fgbg_data.shards import load_format
from fgbg_data.writing.build_log import log, log_to
from fgbg_data.writing.card import card
from fgbg_data.writing.folder import check_folder, find_record


class Task(Protocol):
    """One shard that is to be made."""

    @property
    def split(self) -> str:
        """Name of its split."""
        ...

    @property
    def index(self) -> int:
        """Its number in the split."""
        ...

    @property
    def samples(self) -> int:
        """Number of samples that it will hold."""
        ...


TaskT = TypeVar("TaskT", bound=Task)


class DatasetMaker(abc.ABC, Generic[TaskT]):
    """Makes one dataset. A subclass says what a worker does with one task, and what is written last.

    Args:
        out: folder or URL that becomes the dataset.
        manifest: the manifest as it is written first, incomplete.
        formats: names of the shard formats.
        tasks: the shards, in order.
        jobs: worker processes; 0 is one for each core.
        check: compare the sha256 of finished shards, not only their size.
        overwrite: whether the folder may hold another dataset.
    """

    verb: str
    """What is done, as progress and log show it."""

    def __init__(
        self,
        *,
        out: Location,
        manifest: Manifest,
        formats: tuple[str, ...],
        tasks: Sequence[TaskT],
        jobs: int,
        check: bool,
        overwrite: bool = False,
    ) -> None:
        self.out = out
        self.local = local_folder(out)
        self.manifest = manifest
        self.formats = formats
        self.tasks = tasks
        self.jobs = jobs
        self.check = check
        self.overwrite = overwrite

    @abc.abstractmethod
    def start_work(
        self, tally: Tally, jobs: int, shown: ProgressReporter
    ) -> AbstractContextManager[Work[TaskT, ShardRecord]]:
        """Return a context in which workers can be started; it gives what each of them does.

        Args:
            tally: where the workers count samples.
            jobs: number of worker processes.
            shown: gets messages.
        """

    @abc.abstractmethod
    def write_preview(self, records: list[ShardRecord]) -> None:
        """Write `preview.png`, given the records of all shards in order."""

    def check_space(self, samples: int) -> None:
        """Raise a StorageError if the disk cannot hold this many more samples."""

    def make_room(self) -> None:
        """Remove what has to go before the first shard is made."""

    def run(self, progress: Progress = None) -> Manifest:
        """Make every shard that is not finished, then card, preview and manifest. The same call resumes a stopped one.

        Args:
            progress: see `fgbg_data.runtime.progress`.

        Returns:
            The manifest of the complete dataset.

        Raises:
            FgbgError: the user can fix it; nothing finished is lost.
        """
        shown = reporter(progress)
        self.check_folder()
        self.local.mkdir(parents=True, exist_ok=True)
        with build_lock(self.local), log_to(self.local):
            self.make_room()
            clear_partials(self.local)
            records, todo = self.find_finished()
            self.check_space(sum(task.samples for task in todo))
            if todo or not self._has(MANIFEST):
                self.manifest.write(self.out)
            log.info("%s: %d of %d shards to make; %s", self.verb, len(todo), len(self.tasks), platform.platform())
            if records and todo:
                shown.message(f"{len(records)} of {len(self.tasks)} shards are finished")
            records += self._make(todo, sum(record.samples for record in records), shown)
            manifest = self._finish(records)
        clear_local(self.out)
        return manifest

    def _has(self, name: str) -> bool:
        """Return whether the folder of the dataset holds a file."""
        return size(join(self.out, name)) is not None

    def check_folder(self) -> None:
        """Refuse an output folder that holds anything but this dataset.

        Raises:
            FingerprintError: it holds another dataset; the text names what differs.
            StorageError: it holds something that is no dataset.
        """
        check_folder(self.out, self.manifest, overwrite=self.overwrite)

    def find_finished(self) -> tuple[list[ShardRecord], list[TaskT]]:
        """Return the records of finished shards, and the shards that are still to be made."""
        records, todo = [], []
        for task in self.tasks:
            record = find_record(
                self.out,
                fingerprint=self.manifest.fingerprint,
                split=task.split,
                index=task.index,
                samples=task.samples,
                formats=self.formats,
                check=self.check,
            )
            if record is None:
                todo.append(task)
            else:
                records.append(record)
        return records, todo

    def _make(self, todo: list[TaskT], done: int, shown: ProgressReporter) -> list[ShardRecord]:
        """Make shards in parallel and return their records; `done` samples are finished already."""
        if not todo:
            return []
        jobs = num_jobs(self.jobs, len(todo))
        total = done + sum(task.samples for task in todo)
        records = []
        tally = Tally()
        with (
            self.start_work(tally, jobs, shown) as work,
            one_opencv_thread() if jobs == 1 else contextlib.nullcontext(),  # workers set it themselves
            activity(shown, self.verb, total, "samples", done),
            TallyWatch(shown, tally, done) as watch,
        ):
            for record in in_parallel(work, todo, jobs=jobs, folder=self.local, tally=tally):
                records.append(record)
                watch.add_bytes(record.bytes)
                log.info("%s %d: %d samples, %d bytes", record.split, record.index, record.samples, record.bytes)
        return records

    def _finish(self, records: list[ShardRecord]) -> Manifest:
        """Write preview, card and at the end the manifest, which says that the dataset is complete.

        If all of them are there already, nothing is written.
        """
        order = {split: number for number, split in enumerate(self.manifest.splits)}
        records = sorted(records, key=lambda record: (order[record.split], record.index))
        manifest = self.manifest.finished(records)
        written = self._has(MANIFEST) and self._has("preview.png")
        if written and Manifest.read(self.out) == manifest:
            return manifest
        self.write_preview(records)
        for name in self.formats:
            load_format(name).finish_dataset(self.out, ((each.split, each.files[name].name) for each in records))
        write_text(join(self.out, "README.md"), card(manifest))
        manifest.write(self.out)
        log.info("complete: %d samples", manifest.samples)
        return manifest

"""The making of one dataset, shard by shard: what build, convert, merge, split and relabel have in common."""

import abc
import contextlib
import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fgbg_data.dataset.file_names import BUILD_LOG, CARD, CROISSANT, PREVIEW
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord, record_path
from fgbg_data.dataset.shard_table import ShardTable
from fgbg_data.runtime import remote
from fgbg_data.runtime.files import clear_partials, write_text
from fgbg_data.runtime.holders import Holder
from fgbg_data.runtime.locations import Location, join, size
from fgbg_data.runtime.locks import build_lock, part_lock
from fgbg_data.runtime.parallel import Work
from fgbg_data.runtime.progress import Progress, ProgressReporter, activity, reporter
from fgbg_data.runtime.runner import ProcessRunner, Runner
from fgbg_data.runtime.scratch import clear_local, local_folder
from fgbg_data.runtime.tally import Tally, TallyWatch
from fgbg_data.runtime.worker_process import one_opencv_thread
from fgbg_data.shards import load_format
from fgbg_data.writing.build_log import join_part_logs, log, log_to, part_log
from fgbg_data.writing.card import card
from fgbg_data.writing.croissant import croissant
from fgbg_data.writing.finished import FinishedShards
from fgbg_data.writing.folder import check_folder, find_record, list_splits
from fgbg_data.writing.part import Part


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
        runner: who makes the shards; None takes that many processes of this machine.
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
        runner: Runner | None = None,
        check: bool,
        overwrite: bool = False,
    ) -> None:
        self.out = out
        self.local = local_folder(out)
        self.manifest = manifest
        self.formats = formats
        self.tasks = tasks
        self.runner: Runner = runner or ProcessRunner(1 if remote.is_in_memory(out) else jobs)
        self.check = check
        self.overwrite = overwrite

    @abc.abstractmethod
    def start_work(
        self, tally: Tally, jobs: int, shown: ProgressReporter
    ) -> AbstractContextManager[Work[TaskT, ShardRecord]]:
        """Return a context in which workers can be started; it gives what each of them does.

        Args:
            tally: where the workers count samples.
            jobs: number of workers.
            shown: gets messages.
        """

    @abc.abstractmethod
    def write_preview(self, record: ShardRecord) -> None:
        """Write `preview.png`, given the record of the first shard."""

    def check_space(self, samples: int) -> None:
        """Raise a StorageError if the disk cannot hold this many more samples."""

    def make_room(self) -> None:
        """Remove what has to go before the first shard is made."""

    def clear_up(self) -> None:
        """Remove what was kept for the time of the build, once every shard is finished."""

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
        with build_lock(self.local, self.out) as holder, log_to(self.local / BUILD_LOG):
            self.make_room()
            clear_partials(self.local)
            finished, todo = self.find_finished()
            self.check_space(sum(task.samples for task in todo))
            if todo or not self._has(MANIFEST):
                self.manifest.write(self.out)
            self._make(todo, finished, len(self.tasks), shown, holder)
            manifest = self._finish(finished)
        clear_local(self.out)
        return manifest

    def _has(self, name: str) -> bool:
        """Return whether the folder of the dataset holds a file."""
        return size(join(self.out, name)) is not None

    def run_part(self, part: Part, progress: Progress = None) -> FinishedShards:
        """Make the shards of one part that are not finished, and leave card, preview and manifest to `run`.

        Parts may run at once on any machines that see the folder, also the same part twice. None of them reads or
        writes anything that grows with the number of shards of the others.

        Args:
            part: which shards to make.
            progress: see `fgbg_data.runtime.progress`.

        Returns:
            The finished shards of this part.

        Raises:
            FgbgError: the user can fix it; nothing finished is lost.
        """
        shown = reporter(progress)
        self.check_folder(part=True)
        self.local.mkdir(parents=True, exist_ok=True)
        with part_lock(self.local, str(part), self.out) as holder, log_to(part_log(self.local, str(part))):
            self.write_plan()
            tasks = part.of(self.tasks)
            finished, todo = self.find_finished(tasks)
            self.check_space(sum(task.samples for task in todo))
            self._make(todo, finished, len(tasks), shown, holder)
            self.check_folder(part=True)  # without locks, another build may have begun at the same moment
            return finished

    def write_plan(self) -> None:
        """Write `dataset.json`, incomplete, if it is missing; every part compares itself with it.

        Raises:
            FingerprintError: the folder holds another dataset; the text names what differs.
        """
        if not self._has(MANIFEST):
            self.manifest.write_new(self.out)
        self.check_folder(part=True)

    def check_folder(self, *, part: bool = False) -> None:
        """Refuse an output folder that holds anything but this dataset.

        Args:
            part: whether only a part of the dataset is to be made.

        Raises:
            FingerprintError: it holds another dataset; the text names what differs.
            StorageError: it holds something that is no dataset.
        """
        check_folder(self.out, self.manifest, overwrite=self.overwrite, part=part)

    def find_finished(self, tasks: Sequence[TaskT] | None = None) -> tuple[FinishedShards, list[TaskT]]:
        """Return the finished shards, and those that are still to be made.

        Args:
            tasks: the shards to look for, one by one; None looks for all of them, in a listing of the folder.
        """
        names = list_splits(self.out, self.manifest.splits) if tasks is None else None
        shards = {name: split.shards for name, split in self.manifest.splits.items()}
        finished, todo = FinishedShards(shards, self.formats), []
        for task in self.tasks if tasks is None else tasks:
            record = find_record(
                self.out,
                fingerprint=self.manifest.fingerprint,
                split=task.split,
                index=task.index,
                samples=task.samples,
                formats=self.formats,
                check=self.check,
                names=None if names is None else names[task.split],
            )
            if record is None:
                todo.append(task)
            else:
                finished.add(record)
        return finished, todo

    def _make(
        self, todo: list[TaskT], finished: FinishedShards, shards: int, shown: ProgressReporter, holder: Holder
    ) -> None:
        """Make shards in parallel and add them to the finished ones; `shards` is the number of both."""
        log.info("%s: %d of %d shards to make; %s", self.verb, len(todo), shards, platform.platform())
        if not todo:
            return
        if len(finished):
            shown.message(f"{len(finished)} of {shards} shards are finished")
        jobs = self.runner.num_workers(len(todo))
        done = finished.samples
        total = done + sum(task.samples for task in todo)
        tally = Tally()
        folder = self.local if self.runner.on_this_machine or isinstance(self.out, Path) else None
        with (
            self.start_work(tally, jobs, shown) as work,
            one_opencv_thread() if jobs == 1 else contextlib.nullcontext(),  # workers set it themselves
            activity(shown, self.verb, total, "samples", done),
            TallyWatch(shown, tally, done) as watch,
        ):
            for record in self.runner.run(
                work, todo, folder=folder, tally=tally, shown=shown, name=lambda task: f"{task.split} {task.index}"
            ):
                finished.add(record)
                watch.add_bytes(record.bytes)
                holder.shards += 1
                holder.samples += record.samples
                log.info("%s %d: %d samples, %d bytes", record.split, record.index, record.samples, record.bytes)

    def _finish(self, finished: FinishedShards) -> Manifest:
        """Write preview, card and at the end the manifest, which says that the dataset is complete.

        If all of them are there already, nothing is written.
        """
        self.clear_up()
        join_part_logs(self.local)
        entries = finished.table()
        manifest = self.manifest.finished(entries, finished.sums)
        written = self._has(MANIFEST) and self._has(PREVIEW)
        if written and Manifest.read(self.out) == manifest:
            return manifest
        first = entries[0]
        self.write_preview(ShardRecord.read(record_path(self.out, first.split, first.index)))
        for name in self.formats:
            load_format(name).finish_dataset(self.out, ((each.split, each.files[name].name) for each in entries))
        write_text(join(self.out, CARD), card(manifest))
        if not isinstance(manifest.shards, ShardTable):  # it lists every file, in hundreds of MB
            write_text(join(self.out, CROISSANT), croissant(manifest))
        manifest.write(self.out)
        log.info("complete: %d samples", manifest.samples)
        return manifest

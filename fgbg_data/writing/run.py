"""The making of one dataset, shard by shard: what build, convert, merge and split have in common."""

import logging
import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from rich.console import Console

from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import Record
from fgbg_data.runtime import storage
from fgbg_data.runtime.parallel import Work, in_parallel, num_jobs
from fgbg_data.runtime.progress import BuildProgress, Tally
from fgbg_data.writing import folder as output

log = logging.getLogger("fgbg_data")


class Task(Protocol):
    """One shard that is to be made."""

    @property
    def split(self) -> str:
        """Split that it belongs to."""
        ...

    @property
    def index(self) -> int:
        """Its number in the split."""
        ...

    @property
    def samples(self) -> int:
        """Samples that it will hold."""
        ...


TaskT = TypeVar("TaskT", bound=Task)


@dataclass(frozen=True, kw_only=True)
class Production(Generic[TaskT]):
    """A dataset that is to be made.

    Attributes:
        out: folder that becomes the dataset.
        manifest: of it, incomplete.
        formats: in which it is written.
        tasks: its shards, in order.
        open_work: (file where workers count samples, processes) -> context in which workers can be started.
        draw_preview: writes `preview.png`; given the records of all shards in order.
        check_space: refuses to make so many samples more where the disk cannot hold them.
        clear: makes room in the folder before all else.
        overwrite: whether the folder may hold another dataset.
        jobs: processes; 0 is one a core.
        check: compare the sha256 of finished shards, not only their size.
        verb: what is done, for the progress.
    """

    out: Path
    manifest: Manifest
    formats: tuple[str, ...]
    tasks: Sequence[TaskT]
    open_work: Callable[[Path, int], AbstractContextManager[Work[TaskT, Record]]]
    draw_preview: Callable[[list[Record]], None]
    check_space: Callable[[int], None] = lambda samples: None
    clear: Callable[[], None] = lambda: None
    overwrite: bool = False
    jobs: int = 0
    check: bool = False
    verb: str = "build"

    def run(self, console: Console | None = None) -> Manifest:
        """Make all shards that are not finished, and what is written last; the same call goes on where it was stopped.

        Args:
            console: where progress is shown; None shows nothing.

        Returns:
            The manifest of the complete dataset.

        Raises:
            FgbgError: a user can mend it; nothing finished is lost.
        """
        console = console or Console(quiet=True)
        self.check_folder()
        self.out.mkdir(parents=True, exist_ok=True)
        with storage.build_lock(self.out), output.log_to(self.out):
            self.clear()
            storage.clear_partials(self.out)
            records, todo = self.find_finished()
            self.check_space(sum(task.samples for task in todo))
            if todo or not (self.out / MANIFEST).is_file():
                self.manifest.write(self.out)
            log.info("%s: %d of %d shards to make; %s", self.verb, len(todo), len(self.tasks), platform.platform())
            if records and todo:
                console.print(f"{len(records)} of {len(self.tasks)} shards are finished", highlight=False)
            records += self._make(todo, sum(record.samples for record in records), console)
            return output.finish(self.out, self.manifest, records, self.draw_preview)

    def check_folder(self) -> None:
        """Refuse an output folder that holds anything but this dataset.

        Raises:
            FingerprintError: it holds another dataset; the text names what differs.
            StorageError: it holds something that is no dataset.
        """
        output.check_folder(self.out, self.manifest, overwrite=self.overwrite)

    def find_finished(self) -> tuple[list[Record], list[TaskT]]:
        """Return the records of finished shards, and the shards that are still to be made."""
        records, todo = [], []
        for task in self.tasks:
            record = output.find_record(
                self.out,
                self.manifest.fingerprint,
                task.split,
                task.index,
                samples=task.samples,
                formats=self.formats,
                check=self.check,
            )
            if record is None:
                todo.append(task)
            else:
                records.append(record)
        return records, todo

    def _make(self, todo: list[TaskT], done: int, console: Console) -> list[Record]:
        """Make shards in parallel and return their records; `done` samples are finished already."""
        if not todo:
            return []
        jobs = num_jobs(self.jobs, len(todo))
        total = done + sum(task.samples for task in todo)
        records = []
        with tempfile.TemporaryDirectory(prefix="fgbg-") as folder:
            tally_path = Path(folder) / "tally"
            tally = Tally(tally_path, slots=len(todo))
            with self.open_work(tally_path, jobs) as work, BuildProgress(console, total, done, tally, self.verb) as bar:
                for record in in_parallel(work, todo, jobs, self.out):
                    records.append(record)
                    bar.add_bytes(record.bytes)
                    log.info("%s %d: %d samples, %d bytes", record.split, record.index, record.samples, record.bytes)
        return records

"""The batches of a stream: cached samples are read in this process, all others by worker processes.

    stream of Items  ->  worker: decode at the size  ->  Batch (bytes)
                     ->  this process, once the cache has the samples  ->

Reading a sample from the cache costs less than moving its pixels from a worker to this process.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.queues import Queue
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from fgbg_data.errors import option
from fgbg_data.text import first_line, format_bytes
from fgbg_train.data.batches import Batch, BatchReader
from fgbg_train.data.stream import Item, Segment
from fgbg_train.errors import FgbgError, TrainError

GUARD = 'put the call below `if __name__ == "__main__":`, because each worker imports the script'
"""The part of an error that says what a script must do."""


class Loader:
    """Reads the batches of segments.

    Args:
        reader: reads one batch.
        workers: number of worker processes, which are started when they are first needed; 0 reads all in this process.
        pin: put the batches of workers into pinned memory.

    Raises:
        TrainError: this process is a worker itself, which imports a script that calls this without a guard.
    """

    def __init__(self, reader: BatchReader, *, workers: int, pin: bool = False) -> None:
        if workers and getattr(multiprocessing.current_process(), "_inheriting", False):
            raise TrainError(
                f"a worker process cannot start workers of its own; {GUARD}. {option('workers', 0)} needs no such line"
            )
        self._reader, self._workers, self._pin = reader, workers, pin
        self._requests = Requests()
        self._loader: DataLoader[Batch] | None = None

    def read(self, segments: Iterable[Segment]) -> Iterator[Batch]:
        """Yield the batches of segments, in order. A segment that is cached when it begins needs no workers.

        Raises:
            DataError: a sample cannot be read.
            TrainError: a worker cannot hand over its batch, or has ended.
        """
        for segment in segments:
            if not self._workers or self._reader.readers[segment.split].is_cached(segment.sides_px):
                yield from map(self._reader.read, segment.batches)
                continue
            self._requests.batches = segment.batches
            for batch in self._read_in_workers():
                if isinstance(batch, FgbgError):
                    raise batch
                yield batch

    def _read_in_workers(self) -> Iterator[Batch | FgbgError]:
        """Yield what the workers read.

        Raises:
            TrainError: a worker cannot be started, or has ended.
        """
        starting = self._loader is None
        try:
            if self._loader is None:
                self._loader = self._start()
            for batch in self._loader:
                starting = False
                yield batch
        except (ConnectionError, EOFError, FileNotFoundError) as error:  # it ended while a batch was handed over
            raise _dead_worker_error("exited unexpectedly", starting=starting) from error
        except OSError as error:
            raise _shared_memory_error(error.strerror or str(error)) from error
        except RuntimeError as error:  # torch has no class for it
            if "DataLoader worker" not in str(error):
                raise
            raise _dead_worker_error(str(error), starting=starting) from error

    def close(self) -> None:
        """Stop the workers. They start again when they are needed."""
        self._loader = None

    def _start(self) -> "DataLoader[Batch]":
        """Start the workers by a fork server; a fork of this process could inherit locks that its threads hold."""
        with _safe_path():
            resource_tracker.ensure_running()
            forkserver.ensure_running()
        return DataLoader(
            InWorkers(self._reader),
            batch_sampler=self._requests,
            num_workers=self._workers,
            collate_fn=_unchanged,
            pin_memory=self._pin,
            worker_init_fn=_begin_worker,
            prefetch_factor=4,
            multiprocessing_context="forkserver",
            persistent_workers=True,
        )


class InWorkers(Dataset[Batch]):
    """The dataset that the workers of a DataLoader ask for batches.

    Args:
        reader: reads one batch.
    """

    def __init__(self, reader: BatchReader) -> None:
        self._reader = reader

    def __getitems__(self, items: Sequence[Item]) -> Batch | FgbgError:
        """Return a batch, or the error that prevents it.

        It is not raised here, because torch adds the traceback of the worker to the text of a raised error.
        """
        try:
            batch = self._reader.read(items)
        except FgbgError as error:
            return error
        try:
            # torch would do this in a thread of the worker. An error there is only printed, and the run waits for ever.
            for part in batch:
                if isinstance(part, torch.Tensor):
                    part.share_memory_()  # type: ignore[no-untyped-call]
        except (RuntimeError, OSError) as error:
            return _shared_memory_error(first_line(error))
        return batch


class Requests(Sampler[list[Item]]):
    """The batches that workers read next; they change with each segment."""

    batches: Iterable[list[Item]] = ()

    def __iter__(self) -> Iterator[list[Item]]:
        return iter(self.batches)


def _shared_memory_error(problem: str) -> TrainError:
    """Return the error of a machine on which workers cannot hand over batches."""
    free = ""
    with contextlib.suppress(OSError):
        free = f", {format_bytes(shutil.disk_usage('/dev/shm').free)} free"
    return TrainError(
        f"workers hand over batches in shared memory (/dev/shm{free}), and that failed: {problem}. Make it larger, "
        f"such as by `docker run --shm-size 1g`, or read without workers: {option('workers', 0)}"
    )


def _dead_worker_error(text: str, *, starting: bool) -> TrainError:
    """Return the error of a worker that has ended.

    Args:
        text: torch's text about it.
        starting: no worker has read a batch yet.
    """
    found = re.search(r"(?:killed by signal|exit code|exited unexpectedly)[^.\n]*", text)
    why = f" ({found[0].strip()})" if found else ""
    if "Bus error" in text:
        return _shared_memory_error("a worker was ended by a bus error")
    if starting:
        return TrainError(
            f"a worker that reads samples has ended before its first batch{why}. In a script, {GUARD}. "
            f"{option('workers', 0)} reads without workers"
        )
    return TrainError(
        f"a worker that reads samples has ended{why}. What was saved is whole; run the same command to go on, with "
        f"fewer {option('workers')} if it happens again. {option('workers', 0)} reads without workers"
    )


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Keep Python processes that start in the context from looking for modules in the working folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _unchanged(batch: Any) -> Any:
    """Return what `InWorkers` has already stacked."""
    return batch


def _begin_worker(_worker: int) -> None:
    """Keep a worker to one thread, leave signals to the run, and end the worker when it cannot hand over a batch."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    Queue._on_queue_feeder_error = staticmethod(_end_unheard)  # type: ignore[attr-defined]
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_unheard(error: BaseException, _batch: Any) -> None:
    """End a worker that cannot hand over a batch, because the run would wait for that batch for ever."""
    print(f"fgbg-train: a worker cannot hand over a batch: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def _end_with_parent() -> None:
    """Wait for the end of the process that reads from this worker, then end this worker.

    torch watches the process that started the worker. That is the fork server, which outlives a run that is killed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

"""The batches of a stream: cached samples are read in this process, all others by worker processes.

    stream of Items  ->  worker: decode at the size  ->  Batch (bytes)
                     ->  this process, once the cache has the samples  ->

Reading a sample from the cache costs less than moving its pixels from a worker to this process.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from fgbg_train.data.batches import Batch, BatchReader
from fgbg_train.data.stream import Item, Segment
from fgbg_train.errors import FgbgError


class Loader:
    """Reads the batches of segments.

    Args:
        reader: reads one batch.
        workers: number of worker processes, which are started when they are first needed; 0 reads all in this process.
        pin: put the batches of workers into pinned memory.
    """

    def __init__(self, reader: BatchReader, *, workers: int, pin: bool = False) -> None:
        self._reader, self._workers, self._pin = reader, workers, pin
        self._requests = Requests()
        self._loader: DataLoader[Batch] | None = None

    def read(self, segments: Iterable[Segment]) -> Iterator[Batch]:
        """Yield the batches of segments, in order. A segment that is cached when it begins needs no workers.

        Raises:
            DataError: a sample cannot be read.
        """
        for segment in segments:
            if not self._workers or self._reader.readers[segment.split].is_cached(segment.sides_px):
                yield from map(self._reader.read, segment.batches)
                continue
            self._requests.batches = segment.batches
            if self._loader is None:
                self._loader = self._start()
            for batch in self._loader:
                if isinstance(batch, FgbgError):
                    raise batch
                yield batch

    def close(self) -> None:
        """Stop the workers. They start again when they are needed."""
        self._loader = None

    def _start(self) -> "DataLoader[Batch]":
        """Start the workers by a fork server; a fork of this process could inherit locks that its threads hold."""
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
    """What the workers of a DataLoader ask for batches.

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
            return self._reader.read(items)
        except FgbgError as error:
            return error


class Requests(Sampler[list[Item]]):
    """The batches that workers read next; they change with each segment."""

    batches: Iterable[list[Item]] = ()

    def __iter__(self) -> Iterator[list[Item]]:
        return iter(self.batches)


def _unchanged(batch: Any) -> Any:
    """Return what `InWorkers` has already stacked."""
    return batch


def _begin_worker(_worker: int) -> None:
    """Keep a worker to one thread, leave Ctrl-C to the run, and end the worker when the run is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that reads from this worker, then end this worker.

    torch watches the process that started the worker. That is the fork server, which outlives a run that is killed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

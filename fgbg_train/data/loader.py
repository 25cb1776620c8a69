"""Batches of a stream: what is cached is read in this process, the rest by workers.

    stream of Items  ->  workers: decode at the size  ->  Batch (uint8)
                     ->  or here, once the cache has them  ->

Handing pixels over from a worker costs more than reading them from the cache.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Sampler

from fgbg_train.data.samples import Batch, StreamDataset
from fgbg_train.data.stream import Item, Segment


def start_worker(_worker: int) -> None:
    """Keep a worker to one thread; leave Ctrl-C to the run, but end with it when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that reads from this worker.

    torch's own watch looks at the process that started it, which here is the fork server, and that outlives a run
    that is killed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


class Loader:
    """Reads segments of a stream: what is cached here, the rest by worker processes.

    Args:
        dataset: reads a batch.
        workers: processes, started when they are first needed; 0: all is read here.
        pin: put batches of workers into pinned memory.
    """

    def __init__(self, dataset: StreamDataset, *, workers: int, pin: bool = False) -> None:
        self._dataset, self._workers, self._pin = dataset, workers, pin
        self._handed = Handed()
        self._loader: DataLoader[Batch] | None = None

    def read(self, segments: Iterable[Segment]) -> Iterator[Batch]:
        """Give the batches of segments, in their order; whether one is cached is looked at when it begins."""
        for segment in segments:
            if not self._workers or self._dataset.readers[segment.split].is_cached(segment.sizes):
                yield from map(self._dataset.__getitems__, segment.batches)
            else:
                self._handed.batches = segment.batches
                if self._loader is None:
                    self._loader = self._make()
                yield from self._loader

    def _make(self) -> "DataLoader[Batch]":
        """Workers are started by a fork server: a fork of this process could inherit locked locks of its threads."""
        return DataLoader(
            self._dataset,
            batch_sampler=self._handed,
            num_workers=self._workers,
            collate_fn=same,
            pin_memory=self._pin,
            worker_init_fn=start_worker,
            prefetch_factor=4,
            multiprocessing_context="forkserver",
            persistent_workers=True,
        )


class Handed(Sampler[list[Item]]):
    """Batches for workers, handed to them segment by segment."""

    batches: Iterable[list[Item]] = ()

    def __iter__(self) -> Iterator[list[Item]]:
        return iter(self.batches)


def same(batch: Any) -> Any:
    """Return what `__getitems__` has already put together."""
    return batch

"""One estimator for many processes: the parent process predicts on a GPU while workers compose and encode."""

import secrets
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from fgbg_data.depth.estimator import DepthEstimator, Identity
from fgbg_data.errors import EstimatorError
from fgbg_data.sample import Array


class Address(NamedTuple):
    """Where a server listens."""

    path: str
    """Path of its socket."""
    key: bytes
    """Secret with which clients show that they belong to it."""


class EstimatorServer:
    """Lets other processes of this machine use an estimator, one batch at a time, while the context is open."""

    def __init__(self, estimator: DepthEstimator) -> None:
        self._estimator = estimator
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="fgbg-")
        self.address = Address(str(Path(self._folder.name) / "estimator"), secrets.token_bytes(16))
        self._listener = Listener(self.address.path, "AF_UNIX", authkey=self.address.key)
        self._open = True
        self.estimating_s = 0.0
        """Seconds that the estimator was at work. The rest of the time it waited for workers."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._listener.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while self._open:
            with suppress(OSError, EOFError):
                client = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: Connection) -> None:
        """Receive shape and pixels from one worker, and send depth or the text of an error, until it disconnects."""
        with suppress(OSError, EOFError), client:
            while True:
                shape = client.recv()
                images = np.frombuffer(bytearray(client.recv_bytes()), np.uint8).reshape(shape)  # writable
                try:
                    with self._lock:  # one batch at a time on the device
                        started = time.perf_counter()
                        depth = self._estimator.estimate(images)
                        self.estimating_s += time.perf_counter() - started
                except Exception as error:  # of any class, because the worker waits for an answer
                    client.send(str(error) or type(error).__name__)
                    continue
                client.send(None)
                client.send_bytes(_bytes(depth.astype(np.float32, copy=False)))


class RemoteEstimator:
    """An estimator that asks the `EstimatorServer` of another process."""

    def __init__(self, address: Address, name: str, batch_size: int) -> None:
        self.name = name
        self.batch_size = batch_size
        self._connection = Client(address.path, "AF_UNIX", authkey=address.key)

    def identity(self) -> Identity:
        """Return name and batch size only; the parent process has the whole identity."""
        return {"name": self.name, "batch_size": self.batch_size}

    def estimate(self, images: Array) -> Array:
        """Estimate depth: (N, H, W, 3) uint8 RGB -> (N, H, W) float32, computed by the server's estimator.

        Raises:
            EstimatorError: the server's estimator raised an error, or the process of the server has ended.
        """
        try:
            self._connection.send(images.shape)
            self._connection.send_bytes(_bytes(images))
            problem = self._connection.recv()
            if problem is not None:
                raise EstimatorError(problem)
            depth = np.frombuffer(self._connection.recv_bytes(), np.float32)
        except (OSError, EOFError) as error:
            raise EstimatorError(f"the process that runs {self.name} is gone ({error})") from error
        return depth.reshape(images.shape[:3])


def _bytes(array: Array) -> memoryview:
    """Return the memory of an array as flat bytes, as a connection sends them."""
    return np.ascontiguousarray(array).data.cast("B")

"""Worker processes as their parent sees them: how they start, what they send, why they ended.

Each worker is a Python of its own that talks to its parent through one socket. There is no queue, no thread, no
semaphore and no file of shared memory, so nothing is left behind by a kill, and every error arrives where it is shown.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from fgbg_data.runtime.streams import open_closed_streams

LAST_WORDS = 4000
"""Bytes of a worker's standard error that are kept, to say why it ended."""
LOOK_EVERY_S = 0.5
"""Seconds between two looks at whether workers live, in addition to their messages."""
THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")
"""Libraries whose threads are limited in workers, by the variable `<name>_NUM_THREADS`."""

_START = """
import sys, importlib.util
spec = importlib.util.spec_from_file_location("fgbg_data", {init!r}, submodule_search_locations=[{folder!r}])
sys.modules["fgbg_data"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["fgbg_data"])
from fgbg_data.runtime.worker_process import serve
serve({descriptor})
"""
"""What a worker runs. It finds this package by its file, so that no folder needs to be searched for it."""


class Worker:
    """One worker process.

    Args:
        threads: number of threads that numerical libraries may use in it, unless the user has set that.
    """

    def __init__(self, threads: int) -> None:
        ours, theirs = Pipe()
        reading, writing = os.pipe()
        package = Path(__file__).parents[1]
        code = _START.format(init=str(package / "__init__.py"), folder=str(package), descriptor=theirs.fileno())
        limits = {name: os.environ.get(name, str(threads)) for name in map("{}_NUM_THREADS".format, THREADS)}
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        with theirs, open(writing, "wb", buffering=0) as stderr:
            # -P: the working folder may hold a random.py of the user, which is not to be run.
            self.process = subprocess.Popen(
                [sys.executable, *flags, "-P", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **limits},
            )
        os.set_blocking(reading, False)
        self.connection: Connection[Any, Any] = ours
        self.stderr = reading
        self.task: int | None = None
        """Number of the task that it does now."""
        self.ready = False
        """Whether it has begun its work. What it writes to standard error before that is not shown."""
        self._words = b""

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Yield the messages that the worker has sent since the last call.

        Raises:
            EOFError: it has ended.
        """
        try:
            while self.connection.poll():
                yield pickle.loads(self.connection.recv_bytes())
        except OSError as error:  # it was killed in the middle of a message
            raise EOFError from error

    def send(self, message: bytes) -> None:
        """Send a message. A worker that has just ended does not get it; `messages` reports that end."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(message)

    def forward(self) -> None:
        """Write to standard error what the worker has written there, and keep the last bytes of it."""
        with contextlib.suppress(OSError):
            while text := os.read(self.stderr, 65536):
                self._words = (self._words + text)[-LAST_WORDS:]
                if self.ready and sys.stderr is not None:
                    with contextlib.suppress(OSError, ValueError):
                        sys.stderr.write(text.decode(errors="replace"))

    def end(self) -> None:
        """End the worker, if it lives."""
        self.process.kill()
        self.process.wait()
        self.connection.close()
        os.close(self.stderr)

    def cause_of_death(self, kills_before: int | None) -> str:
        """Return why a worker has ended, as the end of a sentence that begins with `a worker`.

        Args:
            kills_before: what `memory_kills` returned before the worker was started.
        """
        try:
            status = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its socket and did not end"
        self.forward()
        words = self._words.decode(errors="replace").strip().splitlines()
        last = f"; the last line that it wrote: {words[-1][:300]}" if words else ""
        if status == -signal.SIGKILL:
            kills = memory_kills()
            if kills is not None and kills_before is not None and kills > kills_before:
                return "was killed, most likely because memory ran out: the kernel killed a process to free memory"
            return (
                "was killed by another process (SIGKILL): by a person, by a limit of the job, or by a program that "
                "frees memory; the kernel itself recorded no lack of memory"
                if kills is not None
                else "was killed (SIGKILL) by another process, or by the kernel because memory ran out"
            )
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"ended by the signal {signal.Signals(-status).name}{last}"
            return f"ended by the signal {-status}{last}"
        return f"ended with exit status {status}{last}"


def start_workers(count: int, cores: int) -> list[Worker]:
    """Start workers, which share the cores; all of them end if one cannot be started.

    Args:
        count: number of workers.
        cores: number of cores that this process may use.

    Raises:
        OSError: the system gives no more processes, memory or descriptors.
    """
    open_closed_streams()  # else a socket could get the number of standard output, to which libraries write
    workers: list[Worker] = []
    try:
        for _ in range(count):
            workers.append(Worker(max(1, cores // count)))
    except BaseException:
        for worker in workers:
            worker.end()
        raise
    return workers


def listen(workers: list[Worker]) -> Iterator[tuple[Worker, str, Any]]:
    """Wait for messages of workers, at most half a second; yield each message with its worker.

    For a worker that has ended, the message `ended` follows after all those that it sent.
    """
    sources = [source for worker in workers for source in (worker.connection, worker.stderr)]
    started = time.monotonic()
    wait(sources, timeout=LOOK_EVERY_S)
    waited = time.monotonic() - started
    for worker in workers:
        worker.forward()
        dead = waited >= LOOK_EVERY_S and worker.process.poll() is not None
        try:
            for kind, value in worker.messages():
                yield worker, kind, value
        except EOFError:
            dead = True
        if dead:
            yield worker, "ended", None


def memory_kills() -> int | None:
    """Return how many processes the kernel has ever killed because memory ran out; None if that is not known."""
    for line in _lines(Path("/proc/vmstat")):
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []

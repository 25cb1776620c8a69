"""Holders of a folder: each writes a small file again and again, so that others see that it lives.

Nobody compares clocks. A holder lives if its text changes while somebody watches; it is dead if the text stands still
for long enough by the clock of the one who watches. So machines whose clocks differ judge alike, and it works wherever
a small file can be written and read: on NFS, SMB and FUSE, and in a bucket.
"""

import contextlib
import functools
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HOLDER_BYTES = 400
"""Length of the text that a holder writes. It is fixed, so that each text overwrites the last one in one call."""


@functools.cache
def machine() -> str:
    """Return a text that two processes share only if one can see the other by its process id.

    A container has a number space of processes of its own, and a name that another container may have too.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode()}"


@dataclass
class Holder:
    """Who holds a folder, and what it has done so far."""

    part: str = ""
    """Which part of the dataset it makes, such as `3/8`; empty for all of it."""
    host: str = field(default_factory=socket.gethostname)
    """Name of its machine."""
    process: int = field(default_factory=os.getpid)
    """Id of its process."""
    machine: str = field(default_factory=machine)
    """Which running system the process id belongs to."""
    count: int = 0
    """Number of times that it has written its text."""
    shards: int = 0
    """Shards that it has made."""
    samples: int = 0
    """Samples that it has made."""
    running_s: float = 0.0
    """Seconds since it began, by its own clock."""

    def __str__(self) -> str:
        who = f"process {self.process} of {self.host}"
        return f"part {self.part}, {who}" if self.part else who

    def text(self) -> str:
        """Return it as one line of JSON of a fixed length."""
        return f"{json.dumps(asdict(self)):<{HOLDER_BYTES - 1}}\n"

    @classmethod
    def of(cls, text: str) -> "Holder | None":
        """Return the holder that a text describes, or None; a text of an earlier version names fewer things."""
        try:
            value = json.loads(text)
            return cls(
                part=str(value.get("part", "")),
                host=str(value["host"]),
                process=int(value["process"]),
                machine=str(value.get("machine", "")),
                count=int(value["count"]),
                shards=int(value.get("shards", 0)),
                samples=int(value.get("samples", 0)),
                running_s=float(value.get("running_s", 0)),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None

    def is_dead(self, *, locked: bool) -> bool:
        """Return whether it has certainly ended.

        Args:
            locked: whether this process holds a lock of the file system that the holder, if it ran on this machine,
                would hold too.
        """
        if self.machine != machine():
            return False
        if locked:
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


@contextlib.contextmanager
def beating(holder: Holder, write: Callable[[str], None], every_s: float) -> Iterator[None]:
    """Write the text of a holder at once and then again and again, from a thread, while the context is open.

    Args:
        holder: who holds; its counts may change meanwhile.
        write: writes a text. An OSError of the first text is raised; a later one is ignored, because the next text may
            succeed.
        every_s: seconds between two texts.
    """
    started, stop = time.monotonic(), threading.Event()

    def beat() -> None:
        while not stop.wait(every_s):
            holder.count += 1
            holder.running_s = round(time.monotonic() - started, 1)
            with contextlib.suppress(OSError):
                write(holder.text())

    write(holder.text())
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def watch(
    read: Callable[[], Mapping[str, str]], stale_s: float, *, locked: bool
) -> tuple[Holder | None, tuple[str, ...]]:
    """Look at the texts of holders until one is seen to live, or all are dead.

    Args:
        read: returns name -> text of every holder, as it stands now.
        stale_s: seconds without a change after which a holder is dead.
        locked: see `Holder.is_dead`.

    Returns:
        A holder that lives, or None; and the names of those that are dead, if none lives.
    """
    before = dict(read())
    found = {name: Holder.of(text) for name, text in before.items()}
    open_ones = {name for name, who in found.items() if who is not None and not who.is_dead(locked=locked)}
    until = time.monotonic() + stale_s
    while open_ones and time.monotonic() < until:
        time.sleep(stale_s / 40)
        now = read()
        for name in list(open_ones):
            if name not in now or not now[name].strip():  # it has ended
                open_ones.discard(name)
            elif now[name] != before[name]:
                return Holder.of(now[name]) or found[name], ()
    return None, tuple(before)

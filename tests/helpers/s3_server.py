"""A real S3 server for slow tests: Ceph's object gateway, with one monitor and one store in memory.

Its programs are packages of Debian:

    apt-get install ceph-mon ceph-osd radosgw

A proxy stands before it. It answers some requests with 503, before or after the server has carried them out, and it can
be stopped and started, which looks like a server that is gone.
"""

import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph-authtool", "ceph")
KEY, SECRET = "fgbgkey", "fgbgsecret"
OTHER_KEY = "otherkey"
"""Key of a user who may not write into the buckets of the first one."""
SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)


def missing_programs() -> str:
    """Return the names of the programs of Ceph that are not installed, as text."""
    return ", ".join(name for name in PROGRAMS if shutil.which(name) is None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class CephServer:
    """Ceph below one folder, on the loopback address. `port` is that of its object gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._started: list[subprocess.Popen[bytes]] = []
        first, second = free_port(), free_port()
        monitors = f"[v2:127.0.0.1:{first},v1:127.0.0.1:{second}]"
        for name in ("mon", "osd", "run", "rgw"):
            (folder / name).mkdir(parents=True)
        fsid = str(uuid.uuid4())
        (folder / "ceph.conf").write_text(
            f"""[global]
fsid = {fsid}
mon host = {monitors}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
osd objectstore = memstore
memstore device bytes = 2147483648
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/$name.log
pid file = {folder}/run/$name.pid
crash dir = {folder}
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{self.port}
[osd.0]
keyring = {folder}/osd/keyring
"""
        )
        self._environment = {**os.environ, "CEPH_CONF": str(folder / "ceph.conf")}
        every = [text for name in ("mon", "osd", "mds", "mgr") for text in ("--cap", name, "allow *")]
        self._run(
            "ceph-authtool", "--create-keyring", "mon.keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        self._run("ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "client.admin", *every)
        self._run("ceph-authtool", "mon.keyring", "--import-keyring", "keyring")
        self._run("monmaptool", "--create", "--addv", "a", monitors, "--fsid", fsid, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "mon.keyring")
        self._start("ceph-mon", "-f", "-i", "a")
        number = str(uuid.uuid4())
        self._run("ceph", "osd", "new", number)
        caps = ["mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd"]
        self._run("ceph", "auth", "get-or-create", "osd.0", *caps, "-o", "osd/keyring")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)
        self._start("ceph-osd", "-f", "-i", "0")
        self._gateway = self._start("radosgw", "-f", "-n", "client.admin")
        for user, key, secret in (("fgbg", KEY, SECRET), ("other", OTHER_KEY, SECRET)):
            names = (f"--uid={user}", f"--display-name={user}", f"--access-key={key}", f"--secret-key={secret}")
            self._run("radosgw-admin", "user", "create", *names)
        self.wait()

    def wait(self) -> None:
        """Wait until the gateway answers."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.2)
        raise TimeoutError("the object gateway of Ceph does not answer")

    def restart(self, down_s: float) -> None:
        """Kill the gateway, and start it again after some seconds. What it has answered is kept by the store."""
        self._gateway.kill()
        self._gateway.wait()
        time.sleep(down_s)
        self._gateway = self._start("radosgw", "-f", "-n", "client.admin")
        self.wait()

    def stop(self) -> None:
        for process in reversed(self._started):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, env=self._environment, check=True, timeout=180, capture_output=True)

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{command[0]}.out").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=log, stderr=log)
        self._started.append(process)
        return process


class FailingProxy:
    """Passes requests on to a server, and answers a share of them with 503, half of these after they were passed on."""

    def __init__(self, server_port: int, share: float) -> None:
        self.failures = self.requests = 0
        draws, proxy = random.Random(3), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.requests += 1
                fails, late = draws.random() < share, draws.random() < 0.5
                if not fails or late:
                    try:
                        status, headers, answer = self.passed_on(body)
                    except OSError:
                        self.close_connection = True  # the server is gone
                        return
                if fails:
                    proxy.failures += 1
                    status, headers, answer = 503, [("Content-Type", "application/xml")], SLOW_DOWN
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = len(answer)
                if self.command == "HEAD" and not fails:
                    length = int(dict(headers).get("Content-Length", 0))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            def passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=60)
                with contextlib.closing(connection):
                    connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        if name.lower() not in ("connection", "expect"):
                            connection.putheader(name, value)
                    connection.endheaders(body)
                    answer = connection.getresponse()
                    return answer.status, answer.getheaders(), answer.read()

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, address: Any) -> None:
                return  # a client that was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def s3_server(folder: Path, share: float) -> Iterator[tuple[CephServer, FailingProxy]]:
    """Yield a running server and the proxy before it."""
    server = CephServer(folder)
    proxy = FailingProxy(server.port, share)
    try:
        yield server, proxy
    finally:
        proxy.stop()
        server.stop()

"""A stand-in for the Hugging Face Hub on this machine: the calls of its API by which a folder is uploaded."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_the_test"


class Hub:
    """What the server holds and has seen."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        """Path in the repository -> content."""
        self.objects: dict[str, bytes] = {}
        """sha256 -> content of a large file."""
        self.commits: list[list[str]] = []
        """The paths of each commit, in order."""
        self.private: bool | None = None
        """Whether the repository was made private; None before it exists."""
        self.uploads = 0
        """Number of large files that were sent."""
        self.refuse_after: int | None = None
        """Refuse every large file after this many, with a status that is not tried again."""
        self.may_write = True
        """Whether the token may write."""
        self.url = ""
        self.prefix = ""
        """What stands before the name of the repository in its address: `datasets/`, or nothing for a model."""


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a server for the time of a test."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def answer(self, status: int, value: Any = None) -> None:
            data = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def do_PUT(self) -> None:
            data = self.body()
            if hub.refuse_after is not None and hub.uploads >= hub.refuse_after:
                return self.answer(413)
            hub.uploads += 1
            hub.objects[self.path.rpartition("/")[2]] = data
            return self.answer(200)

        def do_POST(self) -> None:
            data = self.body()
            if self.path == "/api/validate-yaml":
                return self.answer(200, {"errors": [], "warnings": []})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self.answer(401, {"error": "Invalid username or password."})
            if not hub.may_write:
                return self.answer(403, {"error": "You don't have the rights to create a dataset under this namespace"})
            if self.path == "/api/repos/create":
                about = json.loads(data)
                hub.private = about.get("visibility") == "private" or about.get("private") is True
                hub.prefix = "datasets/" if about.get("type") == "dataset" else ""
                return self.answer(200, {"url": f"{hub.url}/{hub.prefix}me/mine", "name": about["name"]})
            if re.fullmatch(r"/api/(datasets|models)/me/mine/preupload/main", self.path):
                paths = [each["path"] for each in json.loads(data)["files"]]
                modes = [
                    ("lfs" if path.endswith((".tar", ".h5", ".png", ".safetensors")) else "regular") for path in paths
                ]
                files = [
                    {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": None}
                    for path, mode in zip(paths, modes, strict=True)
                ]
                return self.answer(200, {"files": files})
            if re.fullmatch(r"(/datasets)?/me/mine.git/info/lfs/objects/batch", self.path):
                return self.answer(200, {"transfer": "basic", "objects": self.wanted(json.loads(data)["objects"])})
            if re.fullmatch(r"/api/(datasets|models)/me/mine/commit/main", self.path):
                self.commit([json.loads(line) for line in data.splitlines()])
                url = f"{hub.url}/{hub.prefix}me/mine/commit/{len(hub.commits):040x}"
                return self.answer(200, {"commitUrl": url, "commitOid": f"{len(hub.commits):040x}", "success": True})
            return self.answer(404, {"error": f"no {self.path}"})

        def do_GET(self) -> None:
            if re.match(r"/api/(datasets|models)/me/mine", self.path):
                sha = f"{len(hub.commits):040x}"
                names = [{"rfilename": name} for name in hub.files]
                return self.answer(200, {"id": "me/mine", "sha": sha, "private": hub.private, "siblings": names})
            return self.answer(404, {"error": f"no {self.path}"})

        def wanted(self, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                each
                if each["oid"] in hub.objects
                else {**each, "actions": {"upload": {"href": f"{hub.url}/upload/{each['oid']}"}}}
                for each in objects
            ]

        def commit(self, lines: list[dict[str, Any]]) -> None:
            made = []
            for line in lines:
                value = line["value"]
                if line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                if line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.objects[value["oid"]]
                if line["key"] != "header":
                    made.append(value["path"])
            hub.commits.append(made)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

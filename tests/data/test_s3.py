"""A build of 300 shards into a real S3 server that is stopped and started and fails at random; and what it refuses."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.datasets import contents
from helpers.s3_server import KEY, OTHER_KEY, SECRET, CephServer, FailingProxy, missing_programs, s3_server
from helpers.source_pictures import draw_pictures

from fgbg_data.dataset.file_names import NOT_DATA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing_programs()), reason=f"Ceph is not installed: {missing_programs()} are missing"),
]
OPTIONS = ["--depth", "none", "--size", "32", "--positions", "10", "--shard-size", "4", "--jobs", "2"]
SHARDS = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CephServer, FailingProxy]]:
    pytest.importorskip("s3fs")
    with s3_server(tmp_path_factory.mktemp("ceph"), 0.03) as running:
        yield running


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("sources"), backgrounds=10, foregrounds=6)


def environment(port: int, cache: Path, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "default",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "XDG_CACHE_HOME": str(cache),
    }


def command(sources: Path, out: str, *options: str) -> list[str]:
    folders = ["--bg", str(sources / "bg"), "--fg", str(sources / "fg"), "--out", out]
    return [sys.executable, "-m", "fgbg_data.cli", "build", *folders, *OPTIONS, *options]


def s3fs_of(port: int):  # type: ignore[no-untyped-def]  # s3fs has no types
    import s3fs

    return s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=f"http://127.0.0.1:{port}", use_listings_cache=False)


def stored(port: int, folder: str) -> dict[str, bytes]:
    fs = s3fs_of(port)
    return {
        name[len(folder) + 1 :]: fs.cat_file(name)
        for name in fs.find(folder)
        if name[len(folder) + 1 :] not in NOT_DATA
    }


def test_300_shards_into_a_server_that_restarts_and_fails_and_builds_that_are_killed(
    server: tuple[CephServer, FailingProxy], sources: Path, tmp_path: Path
) -> None:
    ceph, proxy = server
    s3fs_of(ceph.port).mkdir("bucket")
    subprocess.run(command(sources, str(tmp_path / "local")), check=True, capture_output=True, timeout=600)
    cache = tmp_path / "cache"
    draws = random.Random(5)
    restarting = threading.Event()

    def restart_now_and_then() -> None:
        while not restarting.wait(draws.uniform(8, 12)):
            ceph.restart(down_s=draws.uniform(1, 6))

    thread = threading.Thread(target=restart_now_and_then)
    thread.start()
    kills, text = 0, ""
    try:
        for attempt in range(40):
            build = subprocess.Popen(
                command(sources, "s3://bucket/ds"),
                env=environment(proxy.port, cache),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if attempt < 4:
                time.sleep(draws.uniform(10, 20))
                kills += build.poll() is None
                build.send_signal(signal.SIGKILL)
            text = build.communicate(timeout=900)[0]
            if build.returncode == 0:
                break
            assert attempt < 4 or build.returncode == 2, text
    finally:
        restarting.set()
        thread.join()
    assert build.returncode == 0, text
    assert kills
    assert proxy.failures > 20
    made = stored(ceph.port, "bucket/ds")
    assert sum(name.endswith(".tar") for name in made) == SHARDS
    assert made == contents(tmp_path / "local")
    assert not [path for path in cache.rglob("*") if path.is_file()]
    uploads = s3fs_of(ceph.port).list_multipart_uploads("bucket")
    assert not uploads
    checked = subprocess.run(
        [sys.executable, "-m", "fgbg_data.cli", "verify", "s3://bucket/ds", "--jobs", "2"],
        env=environment(ceph.port, cache),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{SHARDS} shards: OK" in checked.stdout


@pytest.mark.parametrize(
    ("out", "credentials", "expected"),
    [
        ("s3://nobucket/ds", {}, "s3://nobucket/ds: cannot be written (NoSuchBucket)"),
        ("s3://bucket2/ds", {"key": OTHER_KEY}, "s3://bucket2/ds: cannot be written (AccessDenied)"),
        ("s3://bucket2/ds", {"key": "wrong"}, "cannot be written (InvalidAccessKeyId)"),
        ("s3://bucket2/ds", {"secret": "wrong"}, "cannot be written (SignatureDoesNotMatch)"),
    ],
)
def test_wrong_buckets_and_credentials_are_one_line(
    server: tuple[CephServer, FailingProxy],
    sources: Path,
    tmp_path: Path,
    out: str,
    credentials: dict[str, str],
    expected: str,
) -> None:
    ceph, _ = server
    if not s3fs_of(ceph.port).exists("bucket2"):
        s3fs_of(ceph.port).mkdir("bucket2")
    done = subprocess.run(
        command(sources, out), env=environment(ceph.port, tmp_path, **credentials), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert expected in done.stderr


def test_an_address_where_nobody_answers_is_one_line(sources: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        command(sources, "s3://bucket/ds"), env=environment(9, tmp_path), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 2
    trying, refused = done.stderr.splitlines()
    assert "fgbg-data: s3://bucket fails or does not answer" in trying
    assert "s3://bucket/ds: cannot be written (Could not connect to the endpoint URL" in refused
    assert time.monotonic() - started < 120

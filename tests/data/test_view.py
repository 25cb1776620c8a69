"""The page of `fgbg-data view`: what it serves, what it exports, and what it refuses."""

import errno
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.served_page import get

from fgbg_data.cli import main
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ConfigError, FgbgError
from fgbg_data.fields import FIELDS
from fgbg_data.fields.contrast import depth_edge_contrast
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.page import export_page
from fgbg_data.viewing.view import _refused, view

pytest.importorskip("starlette", reason="starlette is not installed (extra view)")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra view)")


def test_the_table_holds_every_sample(url: str, dataset: Path) -> None:
    _, data = get(url + "samples")
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    columns, start = {}, 4 + length
    for name, size in header["columns"].items():
        columns[name] = data[start : start + size]
        start += size
    keys = columns["keys"].decode().split("\n")
    assert header["splits"] == ["train", "val", "test"]
    assert keys == [key for split in header["splits"] for key in open_dataset(dataset, split).keys()]  # noqa: SIM118
    areas = np.frombuffer(columns["area"], "<u4")
    sample = open_dataset(dataset)[3]
    assert areas[3] == np.count_nonzero(sample.mask)
    background = np.frombuffer(columns["background"], "<u4")[3]
    assert header["backgrounds"][background] == sample.meta["background"]
    assert start == len(data)


def test_pictures_and_details_by_key(url: str, dataset: Path) -> None:
    sample = open_dataset(dataset, "val")[1]
    _, image = get(f"{url}picture/image/{sample.key}")
    assert np.array_equal(FIELDS["image"].decode(image, "page"), sample.image)
    _, small = get(f"{url}picture/image/{sample.key}?side=24")
    assert FIELDS["image"].decode(small, "page").shape == (24, 24, 3)
    for layer in ("mask", "depth"):
        assert get(f"{url}picture/{layer}/{sample.key}")[0] == 200
    details = json.loads(get(f"{url}details/{sample.key}")[1])
    assert details["meta"] == sample.meta
    assert (details["split"], details["shard"], details["index"]) == ("val", "fgbg-val-000000", 1)


@pytest.mark.parametrize(
    "path",
    [
        "picture/image/none",
        "picture/image/..%2f..%2fdataset.json",
        "picture/../../../etc/passwd",
        "picture/secret/room0_thing0_000",
        "details/%2e%2e",
        "dataset.json",
        "train/fgbg-train-000000.tar",
        "view.html",
    ],
)
def test_nothing_but_the_dataset_is_served(url: str, path: str) -> None:
    assert get(url + path)[0] == 404


def test_other_names_of_this_machine_are_refused(url: str) -> None:
    assert get(url, Host="evil.example")[0] == 400
    assert get(url, Host="localhost")[0] == 200


def test_a_taken_port_is_refused(url: str, dataset: Path) -> None:
    with pytest.raises(FgbgError, match=r"port=\d+: not free on 127\.0\.0\.1 .*; use another"):
        view(dataset, port=int(url.rsplit(":", 1)[1].strip("/")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "-1"], "--port -1: expected 0 to 65535"),
        (["--port", "65536"], "--port 65536: expected 0 to 65535"),
        (["--port", "9" * 30], f"--port {'9' * 30}: expected 0 to 65535"),
        (["--host", "no such host"], "--host 'no such host': is no name or address of this machine"),
        (["--host", "a" * 64 + ".invalid"], ".invalid: is no name or address of this machine"),
        (["--host", "256.1.1.1"], "--host 256.1.1.1: is no name or address of this machine"),
        (["--host", "203.0.113.7"], "--host 203.0.113.7: is no address of this machine"),
        (["--host", "-"], "--host -: is no name or address of this machine"),
    ],
)
def test_hosts_and_ports_that_cannot_work_are_refused_in_one_line(
    dataset: Path, options: list[str], message: str
) -> None:
    done = CliRunner().invoke(main, ["view", str(dataset), "--port", "0", *options])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_only_administrators_may_use_is_refused() -> None:
    error = _refused("127.0.0.1", 80, PermissionError(errno.EACCES, "Permission denied"))
    assert (
        error.for_command_line() == "--port 80: is not allowed to this user (Permission denied); use one from 1024 on"
    )


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["localhost", "::1", "0.0.0.0", ""])
def test_every_address_of_this_machine_is_answered(dataset: Path, host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    code = "import sys, fgbg_data; fgbg_data.view(sys.argv[1], host=sys.argv[2], port=0)"
    command = [sys.executable, "-c", code, str(dataset), host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address
        assert get(address[0])[0] == 200
        process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "query",
    [
        "side=" + "9" * 5000,
        "side=-1",
        "side=0",
        "side=1e3",
        "side=%C2%B2",
        "side=%D9%A1",
        "side=",
        "side=" + "0" * 5000,
    ],
)
def test_any_size_that_a_request_names_is_answered(url: str, dataset: Path, query: str) -> None:
    sample = open_dataset(dataset)[0]
    status, image = get(f"{url}picture/image/{sample.key}?{query}")
    assert status == 200
    assert FIELDS["image"].decode(image, "page").shape == sample.image.shape


def test_a_folder_without_a_dataset_is_refused_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["view", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1


def test_mask_areas_of_bare_shards_come_from_their_meta(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "val", tmp_path / "val")
    for path in (tmp_path / "val").glob("*.json"):
        path.unlink()
    gallery = Gallery(tmp_path)
    assert gallery.row(0)["area"] == np.count_nonzero(open_dataset(dataset, "val")[0].mask)


def test_exported_page_needs_nothing_else(dataset: Path, tmp_path: Path) -> None:
    path = export_page(dataset, tmp_path / "report.html", samples=5)
    text = path.read_text()
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert text.count("data:image/png;base64,") == 5
    assert text == export_page(dataset, tmp_path / "again.html", samples=5).read_text()


def test_exports_that_cannot_work_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"report.txt: the page is HTML; expected a name that ends in .html"):
        export_page(dataset, tmp_path / "report.txt")
    with pytest.raises(ConfigError, match="samples=0: expected at least 1"):
        export_page(dataset, tmp_path / "report.html", samples=0)
    done = CliRunner().invoke(main, ["view", str(dataset), "--export", str(tmp_path / "report.html"), "--samples", "0"])
    assert (done.exit_code, done.stderr) == (2, "fgbg-data: --samples 0: expected at least 1\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["view", "--export"], ["preview", "--out"]])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none/page", "there is no folder {folder}; make it first, or choose another"),
        ("file/page", "there is no folder {folder}; make it first, or choose another"),
        ("n" * 300 + "/page", "there is no folder {folder}; make it first, or choose another"),
        ("taken", "is a folder; expected the name of a file"),
        ("n" * 252, "cannot be written (File name too long)"),
    ],
)
def test_files_that_cannot_be_written_are_refused_in_one_line(
    dataset: Path, tmp_path: Path, command: list[str], name: str, problem: str
) -> None:
    end = ".html" if command[0] == "view" else ".png"
    (tmp_path / f"taken{end}").mkdir()
    (tmp_path / "file").write_text("")
    path = tmp_path / f"{name}{end}"
    done = CliRunner().invoke(main, [command[0], str(dataset), command[1], str(path)])
    assert done.exit_code == 2
    assert f"{path}: {problem.format(folder=path.parent)}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {found.name for found in tmp_path.iterdir()} == {f"taken{end}", "file"}


def test_the_library_prints_the_address_or_hands_it_over(dataset: Path) -> None:
    code = "import sys, fgbg_data; fgbg_data.view(sys.argv[1], port=0"
    for end, found in (
        (")", r"the dataset is at (http://\S+) "),
        (", ready=lambda url: print('open', url, flush=True))", r"open (.*)"),
    ):
        command = [sys.executable, "-c", code + end, str(dataset)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout
            address = re.match(found, process.stdout.readline())
            assert address
            assert get(address[1])[0] == 200
            process.send_signal(signal.SIGINT)


def test_a_missing_folder_of_sources_is_refused(dataset: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["view", str(dataset), "--bg", str(tmp_path / "none"), "--port", "0"])
    assert done.exit_code == 2
    assert done.stderr == (
        f"fgbg-data: {tmp_path / 'none'}: there is no such folder; --bg expects the background pictures\n"
    )


def test_contrast_is_the_step_of_depth_at_the_edge_of_the_mask() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:50] = 255
    slope = np.linspace(0, 0.5, 80)[None].repeat(60, 0)
    depth = slope + 0.25 * (mask > 0)
    codes = np.rint(depth * 65535).astype(np.uint16)
    assert depth_edge_contrast(codes, mask) == pytest.approx(0.25, abs=0.02)
    assert depth_edge_contrast(np.rint(slope * 65535).astype(np.uint16), mask) == pytest.approx(0, abs=0.02)
    assert depth_edge_contrast(7 * (1 - mask / 255.0), mask) == -1, "metres or any unit; the thing lies behind"
    assert np.isnan(depth_edge_contrast(codes, np.zeros_like(mask)))
    assert np.isnan(depth_edge_contrast(codes, np.full_like(mask, 255)))


@pytest.mark.parametrize("query", ["", "start=-1&count=9", "start=" + "9" * 5000 + "&count=5", "count=" + "9" * 5000])
def test_any_range_of_measured_samples_is_answered(url: str, dataset: Path, query: str) -> None:
    status, data = get(f"{url}measure/contrast?{query}")
    assert status == 200
    assert len(data) in (0, 4 * 9, 4 * Manifest.read(dataset).samples)
    assert get(f"{url}measure/nothing?count=3")[0] == 404

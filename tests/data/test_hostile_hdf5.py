"""HDF5 shards that are damaged, hostile, full or old: one error, no endless loop, no crash; version 2 reads."""

import errno
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.limits import limit
from helpers.one_process import verify

from fgbg_data.dataset.reading import open_dataset
from fgbg_data.deriving.convert import convert
from fgbg_data.errors import ShardError
from fgbg_data.shards import load_format
from fgbg_data.shards.hdf5_file import NewFile
from fgbg_data.testing import ShardContract
from fgbg_data.testing.samples import some_samples

GOLDEN = Path(__file__).parent / "golden"


HDF5 = load_format("hdf5")


class Pixels(ShardContract):
    fmt = HDF5


class Encoded(ShardContract):
    fmt = HDF5
    options = {"hdf5_layout": "encoded"}  # noqa: RUF012


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Datasets that format version 2 wrote: dataset/ with tar and HDF5, encoded/, and sources/ of both."""
    shutil.copytree(GOLDEN / "version2", tmp_path / "old")
    return tmp_path / "old"


@pytest.mark.parametrize("name", ["dataset", "encoded"])
def test_datasets_of_version_2_are_read_and_verified(old: Path, name: str) -> None:
    sources = old / "sources"
    report = verify(old / name, rerender=8, bg=sources / "bg", fg=sources / "fg")
    assert report.ok, report.problems
    assert report.samples == 8
    dataset = open_dataset(old / name, format="hdf5")
    assert [sample.meta["key"] for sample in dataset] == dataset.keys()


def test_a_dataset_of_version_2_is_converted_and_keeps_its_samples(old: Path) -> None:
    convert(old / "dataset", old / "new", format="hdf5", jobs=1)
    assert verify(old / "new").ok
    for before, after in zip(open_dataset(old / "dataset"), open_dataset(old / "new"), strict=True):
        assert before == after


@pytest.mark.parametrize("name", ["dataset", "encoded"])
@pytest.mark.parametrize("recorded", [True, False])
def test_zeros_in_a_heap_of_hdf5_are_an_error_and_no_endless_loop(old: Path, name: str, recorded: bool) -> None:
    path = next((old / name).glob("train/*0.h5"))
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 4096] = bytes(4080)
    path.write_bytes(data)
    for other in (old / name).glob("train/*.tar"):
        other.unlink()
    if not recorded:
        for record in (old / name).rglob("*.json"):
            record.unlink()
    with pytest.raises(ShardError, match=rf"{path.name}: its text is damaged at byte {heap}"):
        list(open_dataset(old / name))
    assert len(list(open_dataset(old / name, on_error="skip"))) < 8
    found = "its sha256 is not the record's" if recorded else "is damaged at byte"  # known before the file is opened
    assert any(found in problem.text for problem in verify(old / name).problems)


def test_hdf5_of_pixels_holds_no_heap_and_needs_no_h5py_with_its_record(tmp_path: Path) -> None:
    samples = some_samples()
    path = tmp_path / "x.h5"
    index = Pixels().write(path, samples)
    assert b"GCOL" not in path.read_bytes()
    keys = [sample.key for sample in samples]
    found = HDF5.read_index(path, keys, index)
    assert found.from_record
    assert HDF5.same_index(HDF5.read_index(path), index)
    data = path.read_bytes()
    path.write_bytes(bytes(512) + data[512:])  # h5py could not open it
    reader = HDF5.open_reader(path, found)
    for number, sample in enumerate(samples):
        assert np.array_equal(reader.read(number, "depth"), sample.arrays["depth"])
        assert reader.read(number, "meta") == sample.meta


def test_text_of_hdf5_is_read_by_h5py_as_text(tmp_path: Path) -> None:
    samples = some_samples()
    Pixels().write(tmp_path / "x.h5", samples)
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["key"].asstr()[:].tolist() == [sample.key for sample in samples]
        assert json.loads(file["meta"].asstr()[2]) == samples[2].meta
        assert file["image"].id.get_offset() % 4096 == 0


@pytest.mark.parametrize(
    "edit",
    [
        lambda index: index["offset"].pop("mask"),
        lambda index: index["offset"].update(mask="0"),
        lambda index: index["shape"].update(mask=[0, 24]),
        lambda index: index["shape"].update(mask=[10**9, 10**9]),
        lambda index: index["text_bytes"].update(key=2),
        lambda index: index.update(depth_bits=99),
        lambda index: index.update(shape=7),
    ],
    ids=range(7),
)
def test_an_index_of_hdf5_that_cannot_be_is_left_for_the_file(tmp_path: Path, edit: object) -> None:
    samples = some_samples()
    index = Pixels().write(tmp_path / "x.h5", samples)
    edit(index)  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"HDF5|expected"):
        HDF5.read_index(tmp_path / "x.h5", [sample.key for sample in samples], index)


def test_keys_that_are_not_in_the_file_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, kind in (("key", h5py.string_dtype()), ("image", np.uint8)):
            file.create_dataset(name, (10**9, *((8, 8, 3) if name == "image" else ())), kind, chunks=True)
    with pytest.raises(ShardError, match="says that it holds 1000000000 keys, which are not in it"):
        HDF5.read_index(tmp_path / "x.h5")


def test_h5py_and_the_package_open_one_file_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    samples = some_samples()
    for contract in (Pixels(), Encoded()):
        contract.write(path, samples)
        with h5py.File(path) as theirs:
            assert contract.open(path).key(0) == theirs["key"].asstr()[0]
        ours = contract.open(path)
        ours.read(0, "image")
        with h5py.File(path) as theirs:
            assert len(theirs["image"]) == len(samples)


@pytest.mark.parametrize("contract", [Pixels(), Encoded()], ids=["pixels", "encoded"])
@pytest.mark.parametrize("bytes_", [0, 2000, 9000, 40_000])
def test_a_full_disk_is_one_error_of_hdf5_and_no_crash(contract: ShardContract, bytes_: int, tmp_path: Path) -> None:
    samples = some_samples(40)
    with limit(resource.RLIMIT_FSIZE, bytes_), pytest.raises(OSError) as caught:  # noqa: PT011
        contract.write(tmp_path / "x.h5", samples)
    assert caught.value.errno == errno.EFBIG
    assert (tmp_path / "x.h5").stat().st_size == 0
    contract.write(tmp_path / "x.h5", samples)
    assert contract.open(tmp_path / "x.h5").read(39, "meta") == samples[39].meta


def test_a_build_of_hdf5_on_a_full_disk_ends_with_status_2(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fgbg_data", "build", "--bg", pictures / "bg", "--fg", pictures / "fg"]
    command += [
        "--out",
        tmp_path / "s",
        "--size",
        "48",
        "--samples",
        "40",
        "--depth",
        "none",
        "--format",
        "hdf5",
        "-j1",
    ]
    ended = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    assert ended.returncode == 2, ended.stderr
    assert "no space left to write it" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_new_file_gives_what_was_written_until_it_fails(tmp_path: Path) -> None:
    with NewFile(tmp_path / "x") as file:
        file.write(b"hello")
        file.seek(1)
        buffer = bytearray(6)
        assert file.readinto(buffer) == 6
        assert bytes(buffer) == b"ello\0\0"
        file.abandon()
        assert file.write(b"more") == 4
        with pytest.raises(OSError, match="abandoned"):
            file.check()
    assert (tmp_path / "x").read_bytes() == b""

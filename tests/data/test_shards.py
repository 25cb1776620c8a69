"""The formats of the package keep the contract of formats, and HDF5 files of others are checked."""

import tarfile
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.errors import ShardError
from fgbg_data.shards import load_format
from fgbg_data.shards.tar import ustar_header
from fgbg_data.testing import ShardContract
from fgbg_data.testing.samples import some_samples


class TestTar(ShardContract):
    fmt = load_format("tar")


def test_the_record_of_another_tar_gives_no_other_sample(tmp_path: Path) -> None:
    contract = TestTar()
    samples = some_samples(4)
    index = contract.write(tmp_path / "a.tar", samples)
    contract.write(tmp_path / "b.tar", samples[::-1])
    fmt = load_format("tar")
    reader = fmt.open_reader(tmp_path / "b.tar", fmt.read_index(tmp_path / "b.tar", [s.key for s in samples], index))
    with pytest.raises(ShardError, match="not where its record says"):
        reader.read(0, "image")


@given(
    name=st.text(min_size=1, max_size=130).filter(lambda text: "\0" not in text and not text.endswith("/")),
    size=st.integers(0, 8**11 - 1),
)
def test_header_is_that_of_tarfile(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    try:
        expected = member.tobuf(tarfile.USTAR_FORMAT)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            ustar_header(name, size)
    else:
        assert ustar_header(name, size) == expected


class TestHdf5(ShardContract):
    fmt = load_format("hdf5")

    def test_it_stores_meta_as_text_and_pixels_as_they_are(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples())
        reader = self.open(path)
        assert reader.read_file(0, "image") is None
        assert reader.read_file(0, "meta") == b'{"depth_bits":12,"key":"key-0"}'

    def test_chunks_of_others_are_read_too(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        with h5py.File(path, "a") as file:
            masks = file["mask"][:]
            del file["mask"]
            file.create_dataset("mask", data=masks, compression="gzip")
        assert np.array_equal(self.open(path).read(4, "mask"), samples[4].mask)


class TestHdf5Encoded(ShardContract):
    fmt = load_format("hdf5")
    options: ClassVar = {"hdf5_layout": "encoded"}


class TestFolder(ShardContract):
    fmt = load_format("folder")


# --- what strangers put into HDF5 -------------------------------------------------------------------------


def test_bad_hdf5_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"

    def damaged(change: Any) -> str:
        TestHdf5().write(path, some_samples(3))
        with h5py.File(path, "a") as file:
            change(file)
        with pytest.raises(ShardError) as caught:
            load_format("hdf5").read_index(path)
        assert str(caught.value).startswith(f"{path}: ")
        return str(caught.value)

    def replaced(name: str, data: Any, **kwargs: Any) -> Any:
        def change(file: Any) -> None:
            del file[name]
            file.create_dataset(name, data=data, **kwargs)

        return change

    def links(file: Any) -> None:
        del file["mask"]
        file["mask"] = h5py.ExternalLink("/etc/other.h5", "mask")

    def virtual(file: Any) -> None:
        del file["mask"]
        layout = h5py.VirtualLayout((3, 20, 24), np.uint8)
        layout[:] = h5py.VirtualSource("/tmp/other.h5", "mask", (3, 20, 24))
        file.create_virtual_dataset("mask", layout)

    def external(file: Any) -> None:
        del file["mask"]
        file.create_dataset("mask", (3, 20, 24), np.uint8, external=[("/etc/passwd", 0, 1440)])

    assert "no dataset 'key'" in damaged(lambda file: file.pop("key"))
    assert "no dataset 'image'" in damaged(lambda file: file.pop("image"))
    assert "no dataset 'depth', which its attribute `fields` names" in damaged(lambda file: file.pop("depth"))
    assert "3 keys but 2 of 'mask'" in damaged(replaced("mask", np.zeros((2, 20, 24), np.uint8)))
    assert "'mask' is float32" in damaged(replaced("mask", np.zeros((3, 20, 24), np.float32)))
    assert "expected 3 channels" in damaged(replaced("image", np.zeros((3, 20, 24, 4), np.uint8)))
    assert "'meta' holds int64, expected text" in damaged(replaced("meta", np.zeros(3, np.int64)))
    assert "key-0: occurs twice" in damaged(replaced("key", ["key-0", "b", "key-0"]))
    assert "link to elsewhere" in damaged(links)
    assert "no plain dataset" in damaged(virtual)
    assert "no plain dataset" in damaged(external)
    assert "expected sides of 1 to 8192 px" in damaged(
        lambda file: [file.pop("mask"), file.create_dataset("mask", (3, 60000, 60000), np.uint8, compression="gzip")]
    )
    assert "depth_bits is 40" in damaged(lambda file: file.attrs.modify("depth_bits", 40))

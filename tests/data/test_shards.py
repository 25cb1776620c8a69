"""What every shard format promises, and what HDF5 says to a stranger's file."""

import contextlib
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers.samples import make_sample, some_samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fgbg_data.codecs.encode import encode_depth, encode_mask
from fgbg_data.errors import ShardError
from fgbg_data.sample import DEPTH_FIELDS, PIXEL_FIELDS, Sample, canonical_json
from fgbg_data.shards import ShardSpec, load_format
from fgbg_data.shards.base import ShardReader
from fgbg_data.shards.tar import ustar_header

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=60)
SIDES = st.integers(8, 24)


@st.composite
def shards(draw: st.DrawFn) -> tuple[list[Sample], str]:
    """Some samples of one shape, and the suffix of their image."""
    height, width = draw(SIDES), draw(SIDES)
    suffix = draw(st.sampled_from(["jpg", "png"]))
    has_depth, has_composed = draw(st.booleans()), draw(st.booleans())
    samples = []
    for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
        samples.append(
            make_sample(
                key,
                draw(hnp.arrays(np.uint8, (height, width, 3))),
                draw(hnp.arrays(np.bool_, (height, width))) * np.uint8(255),
                draw(hnp.arrays(np.uint16, (height, width))) if has_depth else None,
                draw(st.dictionaries(st.text().filter(lambda name: name != "depth_bits"), JSON, max_size=4)),
                suffix,
                draw(hnp.arrays(np.uint16, (height, width))) if has_composed else None,
            )
        )
    return samples, suffix


class ShardContract:
    """Inherited by the tests of every format."""

    form: str
    encoded = False

    def write(self, path: Path, samples: list[Sample], suffix: str = "jpg") -> dict[str, Any]:
        first = samples[0]
        shapes: dict[str, tuple[int, ...]] = {"image": first.image.shape, "mask": first.mask.shape}
        depths = {name: codes for name in DEPTH_FIELDS if (codes := first.array(name)) is not None}
        shapes |= {name: codes.shape for name, codes in depths.items()}
        spec = ShardSpec(
            samples=len(samples),
            image_format=suffix,
            shapes=shapes,
            depth_bits=12 if depths else 0,
            encoded=self.encoded,
        )
        with load_format(self.form).open_writer(path, spec) as writer:
            for sample in samples:
                files = {"image": sample.image_file, "mask": encode_mask(sample.mask)}
                files |= {name: encode_depth(sample.array(name)) for name in depths}  # type: ignore[arg-type]
                writer.write(sample, files | {"meta": canonical_json(sample.meta).encode()})
            return writer.finish()

    def path(self, folder: Path) -> Path:
        return folder / f"shard{load_format(self.form).suffix}"

    def open(self, path: Path, **kwargs: Any) -> ShardReader:
        form = load_format(self.form)
        return form.open_reader(path, form.read_index(path), **kwargs)

    @given(shards())
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_any_sample_comes_back(
        self, tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[Sample], str]
    ) -> None:
        samples, suffix = drawn
        path = self.path(tmp_path_factory.mktemp("any"))
        recorded = self.write(path, samples, suffix)
        form = load_format(self.form)
        scanned = form.read_index(path)
        assert form.same_index(scanned, recorded)
        for index in (scanned, form.read_index(path, [sample.key for sample in samples], recorded)):
            reader = form.open_reader(path, index)
            assert index.keys.tolist() == [sample.key.encode() for sample in samples]
            for place, sample in enumerate(samples):
                for field in index.fields:
                    value = reader.read(place, field)
                    if field == "meta":
                        assert value == sample.meta
                    else:
                        assert value.dtype == sample.array(field).dtype  # type: ignore[union-attr]
                        assert np.array_equal(value, sample.array(field))  # type: ignore[arg-type]

    def test_index_outlives_the_reader(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        index = pickle.loads(pickle.dumps(load_format(self.form).read_index(path)))
        reader = load_format(self.form).open_reader(path, index)
        assert np.array_equal(reader.read(3, "mask"), samples[3].mask)

    def test_threads_share_a_reader(self, tmp_path: Path) -> None:
        samples = some_samples(8)
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        order = [place % 8 for place in range(400)]
        with ThreadPoolExecutor(8) as pool:
            masks = list(pool.map(lambda place: reader.read(place, "mask"), order))
            metas = list(pool.map(lambda place: reader.read(place, "meta"), order))
        assert all(np.array_equal(mask, samples[place].mask) for mask, place in zip(masks, order, strict=True))
        assert [meta["key"] for meta in metas] == [samples[place].key for place in order]

    def test_what_is_read_may_be_changed(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for field in PIXEL_FIELDS:
            reader.read(0, field)[:] = 7
            assert np.array_equal(reader.read(0, field), samples[0].array(field))  # type: ignore[arg-type]

    def test_sizes_are_known_before_decoding(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples())
        reader = self.open(path)
        assert {reader.picture_size(0, field) for field in PIXEL_FIELDS} == {(20, 24)}
        assert reader.depth_bits(0) == 12

    def test_smaller_and_larger_sizes(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for size in ((10, 12), (5, 6), (9, 8), (40, 48)):
            image, mask = reader.read(1, "image", size), reader.read(1, "mask", size)
            assert image.shape == (*size, 3)
            assert image.dtype == np.uint8
            assert set(np.unique(mask)) == {0, 255}
            assert np.count_nonzero(mask) / mask.size == pytest.approx(
                np.count_nonzero(samples[1].mask) / 480, abs=0.06
            )
            assert image.mean() == pytest.approx(samples[1].image.mean(), abs=4)
        assert reader.read(1, "depth", (10, 12)).shape == (20, 24)

    def test_another_shape_than_declared_is_refused(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples())
        with pytest.raises(ShardError, match=r"shard\.[\w.]+.*declares"):
            self.open(path, shapes={"mask": (20, 25)}).read(0, "mask")

    def test_cut_anywhere_is_an_error_or_whole(self, tmp_path: Path) -> None:
        """A file that ends early never gives a wrong sample."""
        samples = some_samples(3)
        path = self.path(tmp_path)
        self.write(path, samples)
        whole = path.read_bytes()
        for size in range(0, len(whole), max(1, len(whole) // 60)):
            path.write_bytes(whole[:size])
            with contextlib.suppress(ShardError):
                form = load_format(self.form)
                index = form.read_index(path)
                reader = form.open_reader(path, index)
                assert index.keys.tolist() == [sample.key.encode() for sample in samples[: len(index.keys)]]
                for place, sample in enumerate(samples[: len(index.keys)]):
                    for field in set(index.fields) - {"meta"}:  # of one sample, what is lost may never have been
                        assert np.array_equal(reader.read(place, field), sample.array(field))  # type: ignore[arg-type]

    def test_no_shard_at_all(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        for content in (b"", b"no shard\n" * 200, bytes(4096)):
            path.write_bytes(content)
            with pytest.raises(ShardError, match=r"shard\.[\w.]+: "):
                self.open(path)
        path.unlink()
        with pytest.raises(ShardError, match=r"shard\.[\w.]+: .*No such file"):
            self.open(path)

    def test_without_depth(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples(depth=False))
        assert load_format(self.form).read_index(path).fields == ("image", "mask", "meta")
        assert self.open(path).depth_bits(0) is None


class TestTar(ShardContract):
    form = "tar"

    def test_files_as_they_are(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        assert self.open(path).read_file(2, "image") == samples[2].image_file


def test_record_of_another_tar_gives_no_other_sample(tmp_path: Path) -> None:
    contract = TestTar()
    samples = some_samples(4)
    index = contract.write(tmp_path / "a.tar", samples)
    contract.write(tmp_path / "b.tar", samples[::-1])
    form = load_format("tar")
    reader = form.open_reader(tmp_path / "b.tar", form.read_index(tmp_path / "b.tar", [s.key for s in samples], index))
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
    form = "hdf5"

    def test_it_stores_no_files(self, tmp_path: Path) -> None:
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
    form = "hdf5"
    encoded = True

    def test_files_are_those_of_the_tar(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        assert self.open(path).read_file(2, "image") == samples[2].image_file


class TestFolder(ShardContract):
    form = "folder"


# --- what strangers put into HDF5 -------------------------------------------------------------------------


def test_bad_hdf5_of_others(tmp_path: Path) -> None:
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
    assert "more than 8192 px a side" in damaged(
        lambda file: [file.pop("mask"), file.create_dataset("mask", (3, 60000, 60000), np.uint8, compression="gzip")]
    )
    assert "depth_bits is 40" in damaged(lambda file: file.attrs.modify("depth_bits", 40))

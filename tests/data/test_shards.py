"""What every shard format promises, and what its files say to a stranger's damage."""

import contextlib
import io
import pickle
import struct
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fgbg_data import scans
from fgbg_data.errors import ShardError
from fgbg_data.sample import (
    DEPTH_FIELDS,
    PIXEL_FIELDS,
    Array,
    Sample,
    canonical_json,
    decode_pixels,
    encode_depth,
    encode_image,
    encode_mask,
)
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


def make_sample(
    key: str,
    image: Array,
    mask: Array,
    depth: Array | None,
    meta: dict[str, Any],
    suffix: str,
    depth_composed: Array | None = None,
) -> Sample:
    data = encode_image(image, suffix, 95)
    return Sample(
        key=key,
        image=decode_pixels("image", data, key),
        mask=mask,
        depth=depth,
        depth_composed=depth_composed,
        meta=meta | {"key": key},
        image_file=data,
    )


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


def some_samples(count: int = 5, *, depth: bool = True, height: int = 20, width: int = 24) -> list[Sample]:
    rng = np.random.default_rng(3)
    samples = []
    for number in range(count):
        mask = np.zeros((height, width), np.uint8)
        mask[4 : 8 + number, 5:20] = 255
        codes = rng.integers(0, 4096, (height, width)).astype(np.uint16) << np.uint16(4)
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        meta = {"depth_bits": 12} if depth else {}
        both = (codes, codes[::-1].copy()) if depth else (None, None)
        samples.append(make_sample(f"key-{number}", image, mask, both[0], meta, "jpg", both[1]))
    return samples


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


# --- what strangers put into tars -------------------------------------------------------------------------


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def members_of(sample: Sample, name: str | None = None) -> list[tuple[str, bytes]]:
    name = name or sample.key
    return [
        (f"{name}.jpg", sample.image_file),
        (f"{name}.mask.png", encode_mask(sample.mask)),
        (f"{name}.json", canonical_json(sample.meta).encode()),
    ]


def png_of(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header promises much and whose data is short."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def test_bad_tars_of_others(tmp_path: Path) -> None:
    one, two = some_samples(2, depth=False)
    cases = {
        "key has a dot": members_of(one) + members_of(two, "bg.v1_fg2"),
        "leads out of the folder": members_of(one, "../../etc/passwd"),
        "'/abs.jpg' leads out of the folder": members_of(one, "/abs"),
        "key-0: occurs twice": members_of(one) + members_of(two) + members_of(one),
        "two files of image": [*members_of(one), ("key-0.png", b"")],
        "key-1: has no mask": members_of(one) + [m for m in members_of(two) if "mask" not in m[0]],
        "holds no samples": [("notes.txt", b"hello")],
    }
    for text, members in cases.items():
        path = write_tar(tmp_path / "x.tar", members)
        with pytest.raises(ShardError) as caught:
            load_format("tar").read_index(path)
        assert text in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")


def test_folders_long_names_and_other_files_in_tars_of_others(tmp_path: Path) -> None:
    (sample,) = some_samples(1, depth=False)
    for name in ("./plain", "deep/folder/key", "n" * 150):
        path = write_tar(tmp_path / "x.tar", [("README", b"x"), *members_of(sample, name), (f"{name}.cls", b"3")])
        index = load_format("tar").read_index(path)
        assert index.keys.tolist() == [name.removeprefix("./").encode()]
        assert np.array_equal(load_format("tar").open_reader(path, index).read(0, "mask"), sample.mask)


def test_broken_header_in_the_middle_is_not_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", [m for s in some_samples(3, depth=False) for m in members_of(s)])
    data = bytearray(path.read_bytes())
    data[data.find(b"key-2.jpg")] ^= 1
    path.write_bytes(data)
    with pytest.raises(ShardError, match="broken header at byte"):
        load_format("tar").read_index(path)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (png_of(60000, 60000), "more than 8192 a side"),
        (png_of(24, 20, colour=6), "colour type 6"),
        (png_of(24, 20, bits=16), "16 bits"),
        (png_of(24, 20), "cannot be decoded"),
        (encode_mask(np.zeros((20, 24), np.uint8))[:-30], "damaged PNG"),
        (b"GIF89a", "no PNG or damaged"),
        (b"", "no PNG or damaged"),
    ],
)
def test_masks_that_are_none(tmp_path: Path, capfd: pytest.CaptureFixture[str], mask: bytes, text: str) -> None:
    (sample,) = some_samples(1, depth=False)
    members = [("key-0.jpg", sample.image_file), ("key-0.mask.png", mask)]
    path = write_tar(tmp_path / "x.tar", members)
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    with pytest.raises(ShardError) as caught:
        reader.read(0, "mask")
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{path}: key-0: the mask")


def test_jpeg_cut_short_is_no_picture(tmp_path: Path) -> None:
    """libjpeg would fill it up with grey."""
    (sample,) = some_samples(1, depth=False)
    path = write_tar(tmp_path / "x.tar", [("key-0.jpg", sample.image_file[:-200])])
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    for size in (None, (10, 12)):
        with pytest.raises(ShardError, match=r"key-0: the image cannot be decoded"):
            reader.read(0, "image", size)


def test_jpeg_bomb_is_not_decoded(tmp_path: Path) -> None:
    (sample,) = some_samples(1, depth=False)
    data = bytearray(sample.image_file)
    frame = data.find(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65000)
    path = write_tar(tmp_path / "x.tar", [("key-0.jpg", bytes(data))])
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    with pytest.raises(ShardError, match=r"x.tar: key-0: the image is 65000x65000 px, more than 8192 a side"):
        reader.read(0, "image", (10, 12))


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        (b"{not json", "meta is not JSON"),
        (b"\xff\xfe", "meta is not JSON"),
        (b"[1]", "a JSON list"),
        (b'{"key": "other"}', "meta is that of 'other'"),
        (b"[" * 100000, "meta is not JSON"),
    ],
)
def test_metas_that_are_none(tmp_path: Path, meta: bytes, text: str) -> None:
    path = write_tar(tmp_path / "x.tar", [("key-0.jpg", b""), ("key-0.json", meta)])
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    with pytest.raises(ShardError, match="x.tar: key-0: ") as caught:
        reader.read(0, "meta")
    assert text in str(caught.value)


def test_record_of_another_tar_gives_no_other_sample(tmp_path: Path) -> None:
    contract = TestTar()
    samples = some_samples(4)
    index = contract.write(tmp_path / "a.tar", samples)
    contract.write(tmp_path / "b.tar", samples[::-1])
    form = load_format("tar")
    reader = form.open_reader(tmp_path / "b.tar", form.read_index(tmp_path / "b.tar", [s.key for s in samples], index))
    with pytest.raises(ShardError, match="not where its record says"):
        reader.read(0, "image")


def test_scans_of_tars_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "x.tar", [m for s in some_samples(3, depth=False) for m in members_of(s)])
    first = scans.scanned("tar", path)
    monkeypatch.setattr("fgbg_data.shards.tar._scan", lambda place: pytest.fail("scanned again"))
    again = scans.scanned("tar", path)
    assert again.keys.tolist() == first.keys.tolist()
    assert again.stored_bytes() == first.stored_bytes()
    for kept in scans.cache_folder().iterdir():
        kept.write_bytes(b"damaged")
    monkeypatch.undo()
    assert scans.scanned("tar", path).keys.tolist() == first.keys.tolist()


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

"""Tars that other tools made, damaged or with bad intent: what is read of them, and which errors they give."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.picture_files import chunk
from helpers.tars import members_of, write_tar

from fgbg_data import convert, export_page, merge, open_dataset, preview, resplit
from fgbg_data.codecs.pictures import encode_depth, encode_mask
from fgbg_data.errors import ShardError
from fgbg_data.shards import ShardSpec, index_cache, load_format
from fgbg_data.testing.samples import some_samples


def png_of(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header promises much and whose data is short."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def test_samples_without_an_image_are_read_but_neither_shown_nor_copied(tmp_path: Path) -> None:
    sample = some_samples(1, depth=True)[0]
    shards = tmp_path / "shards"
    shards.mkdir()
    depth = (f"{sample.key}.depth.png", encode_depth(sample.arrays["depth"]))
    write_tar(shards / "x.tar", [*members_of(sample)[1:], depth])
    (found,) = open_dataset(shards)
    assert "image" not in found
    assert found.depth.shape == found.mask.shape
    for call in (
        lambda: preview(shards, tmp_path / "sheet.png"),
        lambda: export_page(shards, tmp_path / "page.html"),
        lambda: convert(shards, tmp_path / "out", format="hdf5"),
        lambda: resplit(shards, tmp_path / "out"),
        lambda: merge([shards, shards], tmp_path / "out", prefixes=["a", "b"]),
    ):
        with pytest.raises(ShardError, match=r"(has|have) no image"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


@pytest.mark.parametrize("key", ["../../x", "/etc/x", "a.b", "..", "a\\b", "a\n", ""])
def test_no_tar_is_written_whose_members_would_lead_elsewhere(key: str, tmp_path: Path) -> None:
    sample = some_samples(1, depth=False)[0]
    spec = ShardSpec(samples=1, image_format="jpg", shapes={}, depth_bits=0)
    with (
        load_format("tar").open_writer(tmp_path / "x.tar", spec) as writer,
        pytest.raises(ShardError, match="name of a"),
    ):
        writer.write(replace(sample, key=key), {})


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
    members = [("key-0.jpg", sample.files["image"]), ("key-0.mask.png", mask)]
    path = write_tar(tmp_path / "x.tar", members)
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    with pytest.raises(ShardError) as caught:
        reader.read(0, "mask")
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{path}: key-0: the mask")


def test_jpeg_cut_short_is_no_picture(tmp_path: Path) -> None:
    """libjpeg would fill it up with grey."""
    (sample,) = some_samples(1, depth=False)
    path = write_tar(tmp_path / "x.tar", [("key-0.jpg", sample.files["image"][:-200])])
    reader = load_format("tar").open_reader(path, load_format("tar").read_index(path))
    for size in (None, (10, 12)):
        with pytest.raises(ShardError, match=r"key-0: the image cannot be decoded"):
            reader.read(0, "image", size)


def test_jpeg_bomb_is_not_decoded(tmp_path: Path) -> None:
    (sample,) = some_samples(1, depth=False)
    data = bytearray(sample.files["image"])
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


def test_scans_of_tars_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "x.tar", [m for s in some_samples(3, depth=False) for m in members_of(s)])
    first = index_cache.scanned_index("tar", path)
    monkeypatch.setattr("fgbg_data.shards.tar.scan_tar", lambda location: pytest.fail("scanned again"))
    again = index_cache.scanned_index("tar", path)
    assert again.keys.tolist() == first.keys.tolist()
    assert again.stored_bytes() == first.stored_bytes()
    for kept in index_cache.cache_folder().iterdir():
        kept.write_bytes(b"damaged")
    monkeypatch.undo()
    assert index_cache.scanned_index("tar", path).keys.tolist() == first.keys.tolist()


def test_a_kept_scan_also_finds_names_of_other_alphabets(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "theirs.tar", [m for s in some_samples(2, depth=False) for m in members_of(s, "ü 部屋")][:3]
    )
    for _ in range(2):  # the second time by the scan that was kept
        dataset = open_dataset(path, fields="image,mask")
        assert dataset.keys() == ["ü 部屋"]
        assert dataset[0].image.shape == (20, 24, 3)

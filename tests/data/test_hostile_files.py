"""Files that are damaged, or made to harm: nothing in them hangs, crashes or leads out of a folder."""

import contextlib
import errno
import json
import os
import resource
import shutil
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for, contents
from helpers.limits import limit
from helpers.picture_files import chunk
from helpers.tars import members_of, write_tar

from fgbg_data.building.build import build
from fgbg_data.checking.stats import stats
from fgbg_data.codecs.pictures import encode_image
from fgbg_data.dataset import open_readers
from fgbg_data.dataset.manifest import MANIFEST
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.deriving.convert import convert
from fgbg_data.errors import FgbgError, ShardError, ShortageError
from fgbg_data.fields import FIELDS
from fgbg_data.sample import Sample
from fgbg_data.shards import load_format
from fgbg_data.shards.index_cache import scanned_index
from fgbg_data.shards.meta import parse_meta
from fgbg_data.testing import ShardContract
from fgbg_data.testing.samples import some_samples
from fgbg_data.text import markdown

TAR = load_format("tar")


class Tars(ShardContract):
    fmt = TAR


# --- descriptors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["tar", "hdf5"])
def test_a_want_of_descriptors_closes_readers_and_leaves_nothing_out(
    pictures: Path, tmp_path: Path, format_name: str
) -> None:
    build(config_for(pictures, tmp_path / "s", samples=40, shard_size=1, format=(format_name,), val=0, test=0))
    stores = [open_dataset(tmp_path / "s", on_error="skip") for _ in range(3)]
    used = len(os.listdir("/proc/self/fd"))
    with limit(resource.RLIMIT_NOFILE, used + 12):
        for store in stores:
            assert len(list(store)) == 40
            assert store.num_skipped == 0


def test_a_want_of_descriptors_is_no_damage(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(config_for(pictures, tmp_path / "s", samples=4, val=0, test=0))
    dataset = open_dataset(tmp_path / "s", on_error="skip")
    with monkeypatch.context() as patch:

        def none_left(*_: object, **__: object) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        patch.setattr(Path, "open", none_left)
        with pytest.raises(ShortageError, match=r"cannot be opened now .* It is not damaged"):
            dataset[0]
    assert len(list(dataset)) == 4


def test_readers_are_closed_with_their_dataset(dataset: Path) -> None:
    store = open_dataset(dataset)
    list(store)
    owner = store._reader._owner
    assert any(key[0] == owner for key in open_readers.OPEN_READERS._readers)
    del store
    assert not any(key[0] == owner for key in open_readers.OPEN_READERS._readers)


# --- tars -------------------------------------------------------------------------------------------------


def header(name: bytes, size: bytes, kind: bytes) -> bytes:
    """A ustar header with any name, size and type."""
    block = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    block[: len(name)] = name
    block[124:136] = size.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (header(b"x", b"%011o" % 300_000, b"x") + b"7" * 300_032, "a header says 300000 bytes; refused"),
        (header(b"x", b"%011o" % 300_000, b"L") + b"7" * 300_032, "a header says 300000 bytes; refused"),
        (header(b"x", b"\xff" * 12, b"0"), "a header says -1 bytes; refused|is not a whole tar"),
        ((header(b"x", b"%011o" % 11, b"x") + b"11 a=bcdef\n".ljust(512, b"\0")) * 3000, "is not a whole tar file"),
        (
            header(b"x", b"%011o" % 30, b"x") + b"30 size=10000000000000000000\n".ljust(512, b"\0"),
            "is not a whole tar file|holds no samples",
        ),
        (header(b"k\xe4se.jpg", b"%011o" % 0, b"0"), "is no UTF-8; rename the file"),
    ],
    ids=["long PAX", "long name", "negative size", "many PAX", "huge PAX size", "Latin-1"],
)
def test_hostile_headers_of_tars_are_refused_at_once(data: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(data + bytes(10240))
    with pytest.raises(ShardError, match=text):
        TAR.read_index(tmp_path / "x.tar")


def test_a_kept_scan_is_not_used_for_another_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    samples = some_samples(3, depth=False)
    path = tmp_path / "x.tar"

    def write(order: list[Sample]) -> None:
        write_tar(path, [member for sample in order for member in members_of(sample)])
        os.utime(path, (0, 0))

    write(samples)
    scanned_index("tar", path)
    kept = scanned_index("tar", path)
    assert kept.from_cache
    write(samples[::-1])
    assert scanned_index("tar", path).keys.tolist() == [sample.key.encode() for sample in samples[::-1]]
    with pytest.raises(ShardError, match="was the file replaced"):
        TAR.open_reader(path, kept).read(0, "image")


@pytest.mark.parametrize("damage", [b"", b"PK", b"nonsense" * 40])
def test_a_damaged_file_of_the_cache_is_made_again(
    damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_tar(tmp_path / "x.tar", members_of(some_samples(1, depth=False)[0]))
    scanned_index("tar", path)
    (file,) = (tmp_path / "cache/fgbg-data").glob("*.npz")
    whole = file.read_bytes()
    for content in (damage, whole[: len(whole) // 2]):
        file.write_bytes(content)
        assert scanned_index("tar", path).keys.tolist() == [b"key-0"]


def test_stats_of_images_alone(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "x.tar", [member for sample in some_samples(2, depth=False) for member in members_of(sample)[:1]]
    )
    (image,) = stats(tmp_path, recompute=True, jobs=1)
    assert (image.name, image.count) == ("image", 2)


# --- pictures and meta ------------------------------------------------------------------------------------


def test_a_jpeg_with_endless_scans_is_refused() -> None:
    import cv2

    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert FIELDS["image"].decode(data, "x").shape == (64, 64, 3)
    last = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ShardError, match=r"the image has \d+ scans, more than 50; refused as a bomb"):
        FIELDS["image"].decode(data[:-2] + last * 500 + data[-2:], "x")


def test_a_picture_without_pixels_is_refused() -> None:
    for width, height in ((0, 8), (8, 0), (0, 0)):
        start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        data = b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        with pytest.raises(ShardError, match=rf"the mask is {width}x{height} px; damaged"):
            FIELDS["mask"].decode(data, "x")
    jpeg = bytearray(encode_image(np.zeros((8, 8, 3), np.uint8), "jpg", 90))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 7] = bytes(2)
    with pytest.raises(ShardError, match="the image is 8x0 px; damaged"):
        FIELDS["image"].picture_size(bytes(jpeg), "x")


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"\\uDFFF": 1}', "[" * 5000, "\ufffe"]
    + ['{"depth_min": 1' + "0" * 400 + "}", '{"a": 1' + "0" * 5000 + "}", "[]", "7"],
    ids=range(11),
)
def test_meta_that_json_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="x: its meta is"):
        parse_meta(text.encode("utf-8", "surrogatepass"), "x")


def test_meta_with_a_whole_pair_of_surrogates_is_read() -> None:
    assert parse_meta(b'{"a": "\\ud83d\\ude00"}', "x") == {"a": "\N{GRINNING FACE}"}


# --- names ------------------------------------------------------------------------------------------------


def test_the_name_of_a_split_never_leads_out_of_the_folder(dataset: Path, tmp_path: Path) -> None:
    source = next(dataset.glob("train/*.tar"))
    deep = tmp_path / "deep"
    deep.mkdir()
    for name in ("fgbg-..-000000.tar", "fgbg-.-000001.tar", "fgbg-a b-000002.tar"):
        (deep / "in").mkdir(exist_ok=True)
        shutil.copy(source, deep / "in" / name)
        with contextlib.suppress(FgbgError):
            convert(deep / "in", deep / "out", format=("tar", "folder"), jobs=1)
        assert {path.name for path in deep.iterdir()} <= {"in", "out"}
        for found in (deep / "out").glob("*"):
            assert found.name in {"train", *(f.name for f in (deep / "out").iterdir() if f.is_file())}
        shutil.rmtree(deep / "in")
        shutil.rmtree(deep / "out", ignore_errors=True)


@pytest.mark.parametrize("name", ["..", ".", "../../x", "/etc", "a b", "a.b", "ä", "", "a\n"])
def test_a_manifest_cannot_name_such_a_split(name: str, copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["splits"][name] = manifest["splits"]["train"]
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FgbgError, match="expected the name of a split, of A-Z, a-z, 0-9, '-' and '_'"):
        open_dataset(copy)


def test_the_card_shows_what_users_wrote_as_it_is(pictures: Path, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> ![](http://x/y.png) | a\n| b"
    sources = tmp_path / "pictures"
    shutil.copytree(pictures, sources)
    first = next(path for path in sorted((sources / "bg").iterdir()) if path.suffix in {".png", ".jpg"})
    row = f'{first.name},"{hostile}","{hostile}"'
    (sources / "bg" / "sources.csv").write_text(f"file,licence,author\n{row}\n")
    build(config_for(sources, tmp_path / "s", samples=10))
    card = (tmp_path / "s/README.md").read_text()
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; \\!\\[\\](http://x/y.png) \\| a \\| b"
    assert markdown(hostile) == shown
    assert f"| {shown} | 1 |" in card
    assert f"Authors: {shown}." in card
    assert "<script" not in card


def test_two_builds_of_hdf5_are_equal_to_the_byte(pictures: Path, tmp_path: Path) -> None:
    for layout in ("pixels", "encoded"):
        for name in ("a", "b"):
            out = tmp_path / f"{layout}-{name}"
            build(config_for(pictures, out, samples=6, format=("hdf5",), hdf5_layout=layout))
        assert contents(tmp_path / f"{layout}-a") == contents(tmp_path / f"{layout}-b")

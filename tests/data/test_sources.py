"""Source folders: pictures are found, checked and cached, `sources.csv` is read, and every unusable file is named."""

import gc
import os
import re
import subprocess
import sys
import unicodedata
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.picture_files import cutout, photo, png, saved
from PIL import Image

from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.compositing.source_file import BadSource
from fgbg_data.compositing.sources import bad_sources_error, find_pictures, scan
from fgbg_data.errors import SourceError
from fgbg_data.pictures import find_named

# --- finding -----------------------------------------------------------------------------------------------


def test_finds_pictures_in_folders_and_ignores_the_rest(tmp_path: Path) -> None:
    names = ["b.PNG", "a.jpg", "sub/x.webp", "sub/deeper/Y.Tif", "with space/é.bmp", "s.gif", "t.jpeg", "u.tiff"]
    ignored = [
        ".hidden.png",
        "._b.png",
        ".cache/z.png",
        "sub/.thumbs/x.jpg",
        "notes.txt",
        "sources.csv",
        "png",
        "a.psd",
    ]
    for name in [*names, *ignored]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert find_pictures(tmp_path, "background").files == sorted(names)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "bg" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    saved(photo())(tmp_path / "elsewhere" / "far.png")
    (tmp_path / "bg" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "bg" / "file.png").symlink_to(tmp_path / "elsewhere" / "far.png")
    (tmp_path / "bg" / "sub" / "round").symlink_to(tmp_path / "bg")  # must not go round for ever
    (tmp_path / "bg" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    assert find_pictures(tmp_path / "bg", "background").files == ["broken.png", "file.png", "linked/far.png"]
    sources, bad = scan(tmp_path / "bg", "background")
    assert [source.file for source in sources] == ["file.png", "linked/far.png"]
    assert bad == [BadSource("broken.png", "cannot be read (No such file or directory)")]


@pytest.mark.parametrize(("kind", "option"), [("background", "bg"), ("foreground", "fg")])
def test_folders_without_pictures_are_refused(kind: Any, option: str, tmp_path: Path) -> None:
    for folder, found in ((tmp_path / "none", "there is no such folder"), (tmp_path / "file", "is a file")):
        (tmp_path / "file").write_text("")
        with pytest.raises(
            SourceError, match=f"^{folder}: {found}; `{option}` expects the folder of the {kind} pictures"
        ):
            find_pictures(folder, kind)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        SourceError, match=rf"holds no picture \(found nothing\); `{option}` expects files .avif, .bmp, .gif"
    ):
        find_pictures(tmp_path / "empty", kind)
    for name in ("a.psd", "b.PSD", "notes"):
        (tmp_path / "empty" / name).write_text("")
    with pytest.raises(SourceError, match=r"\(found 2 .psd, 1 without suffix\)"):
        find_pictures(tmp_path / "empty", kind)


# --- the cache ---------------------------------------------------------------------------------------------


def cache_of(folder: Path, limit: int) -> SourceCache:
    names = {f"p{number}": f"p{number}.png" for number in range(4)}
    config = config_for(folder, folder / "out", size="16", scale="0.5:1")
    return SourceCache(config, names, names, limit=limit)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for kind in ("bg", "fg"):
        (tmp_path / kind).mkdir()
        for number in range(4):
            pixels = cutout()
            pixels[..., 0] += number
            Image.fromarray(pixels).save(tmp_path / kind / f"p{number}.png")
    return tmp_path


BACKGROUND_BYTES = 16 * 16 * 3


def test_the_least_recently_used_source_is_dropped_first(sources: Path) -> None:
    cache = cache_of(sources, limit=3 * BACKGROUND_BYTES)
    first = {name: cache.background(name) for name in ("p0", "p1", "p2")}
    assert cache.background("p0") is first["p0"]  # used again: p1 is now the oldest
    cache.background("p3")
    assert cache.background("p0") is first["p0"]
    assert cache.background("p2") is first["p2"]
    again = cache.background("p1")
    assert again is not first["p1"]
    np.testing.assert_array_equal(again, first["p1"])


@pytest.mark.parametrize("limit", [0, BACKGROUND_BYTES - 1, BACKGROUND_BYTES, 5000, 2**20])
def test_the_cache_keeps_to_its_byte_limit(limit: int, sources: Path) -> None:
    cache = cache_of(sources, limit)
    made: list[tuple[weakref.ref[Any], int]] = []
    for name in ["p0", "p1", "p2", "p3", "p1", "p0"]:
        background, cut = cache.background(name), cache.foreground(name)
        made += [
            (weakref.ref(background), background.nbytes),
            *((weakref.ref(pixels), pixels.nbytes) for pixels in cut),
        ]
    del background, cut
    gc.collect()
    alive = {id(value): size for ref, size in made if (value := ref()) is not None}
    assert sum(alive.values()) <= limit
    assert alive or limit < 5000


def test_pixels_do_not_depend_on_the_limit_of_the_cache(sources: Path) -> None:
    small, large = cache_of(sources, 0), cache_of(sources, 2**30)
    for name in ["p2", "p0", "p2", "p3", "p1", "p0", "p2"]:
        np.testing.assert_array_equal(small.background(name), large.background(name))
        for one, other in zip(small.foreground(name), large.foreground(name), strict=True):
            np.testing.assert_array_equal(one, other)


def test_one_id_may_be_a_background_and_a_foreground(sources: Path) -> None:
    cache = cache_of(sources, 2**20)
    assert cache.background("p0").shape == (16, 16, 3)
    assert cache.foreground("p0")[0].shape[2] == 4


# --- sources.csv -------------------------------------------------------------------------------------------


def scan_with_csv(folder: Path, text: str | bytes) -> tuple[dict[str, dict[str, str]], list[BadSource]]:
    (folder / "sub").mkdir()
    for name in ("a.png", "sub/é b.png"):
        saved(photo())(folder / name)
    (folder / "sources.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    found, bad = scan(folder, "background")
    assert [source.file for source in found] == ["a.png", "sub/é b.png"]
    return {source.file: source.provenance for source in found}, bad


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_provenance_reaches_its_sources(bom: bytes, end: str, tmp_path: Path) -> None:
    lines = [
        "url,file,licence,author,notes",
        'https://example.org/a,a.png,CC0-1.0,"Doe, Jane",x',
        ",sub/é b.png,CC-BY-4.0,Ann,",
        ",,,,",
        "",
    ]
    found, bad = scan_with_csv(tmp_path, bom + end.join(lines).encode())
    assert not bad
    assert found == {
        "a.png": {"licence": "CC0-1.0", "author": "Doe, Jane", "url": "https://example.org/a"},
        "sub/é b.png": {"licence": "CC-BY-4.0", "author": "Ann"},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,author\na.png,Ann\n", {"author": "Ann"}),
        ("file, licence, author\na.png, CC0, Ann\n", {"licence": "CC0", "author": "Ann"}),
        ("file,license\na.png,CC0\n", {"licence": "CC0"}),
        ('file,author\na.png,"Ann\nBob"\n', {"author": "Ann\nBob"}),
        ("file,licence,author\na.png\n", {}),
        ("file\n", {}),
    ],
    ids=["few-columns", "spaces", "other-spelling", "line-break-in-a-cell", "short-row", "no-rows"],
)
def test_spellings_of_sources_csv_are_understood(text: str, expected: dict[str, str], tmp_path: Path) -> None:
    found, bad = scan_with_csv(tmp_path, text)
    assert not bad
    assert found["a.png"] == expected


def test_names_written_by_another_system_are_found(tmp_path: Path) -> None:
    found, bad = scan_with_csv(tmp_path, "file,author\n" + unicodedata.normalize("NFD", "sub/é b.png") + ",Ann\n")
    assert not bad
    assert found["sub/é b.png"] == {"author": "Ann"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("file,author\nb.png,Ann\n", "names 'b.png', which is not in the folder"),
        ("file,author\n,Ann\n", "names '', which is not in the folder"),
        ("file,author\na.png,Ann\na.png,Bob\n", "names 'a.png' twice"),
        ("name,author\na.png,Ann\n", "has no column `file`; expected file,licence,author,url"),
        ("", "has no column `file`"),
        ("file;author\na.png;Ann\n", "has no column `file`"),
        ("file,author\na.png,J\xf6rg\n".encode("latin-1"), "is not a CSV file in UTF-8"),
        ("file,author\na.png,Ann\n".encode("utf-16"), "is not a CSV file in UTF-8"),
    ],
    ids=["unknown-file", "no-file", "twice", "no-column", "empty", "semicolons", "latin-1", "utf-16"],
)
def test_wrong_lines_of_sources_csv_are_named(text: str | bytes, problem: str, tmp_path: Path) -> None:
    _, bad = scan_with_csv(tmp_path, text)
    assert [source.file for source in bad] == ["sources.csv"]
    assert bad[0].problem.startswith(problem)


# --- what cannot be used -----------------------------------------------------------------------------------


def encoded(suffix: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data: np.ndarray = cv2.imencode(suffix, noise)[1]
    return data.tobytes()


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "bomb.png": (
        lambda path: path.write_bytes(png(50_000, 50_000, 8, 2, bytes(50_000))),
        r"has more than 178 million pixels, so it may be a decompression bomb; make it smaller first",
    ),
    "cut.jpg": (lambda path: path.write_bytes(encoded(".jpg")[:2000]), r"cannot be read \(.*truncated.*\)"),
    "cut.png": (lambda path: path.write_bytes(encoded(".png")[:5000]), r"cannot be read \(.*truncated.*\)"),
    "cut.webp": (lambda path: path.write_bytes(encoded(".webp")[:500]), r"(cannot be read|is no picture).*"),
    "cut.tiff": (lambda path: path.write_bytes(encoded(".tiff")[:500]), r"(cannot be read|is no picture).*"),
    "empty.png": (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
    "float.tiff": (saved(np.zeros((4, 4), np.float32)), r"holds floating-point pixels; save it with 8 or 16 bits.*"),
    "long.tiff": (saved(np.full((4, 4), 70_000, np.int32)), r"holds 32-bit pixels; save it with 8 or 16 bits.*"),
    "one.png": (lambda path: path.write_bytes(b"x"), r"is no picture of a known kind \(1 byte\)"),
    "text.png": (lambda path: path.write_text("not a picture\n"), r"is no picture of a known kind \(14 bytes\)"),
}


def test_every_bad_background_is_listed_at_once(tmp_path: Path) -> None:
    for name, (write, _) in BAD.items():
        write(tmp_path / name)
    saved(photo())(tmp_path / "good.png")
    sources, bad = scan(tmp_path, "background", jobs=4)
    assert [source.file for source in sources] == ["good.png"]
    assert [source.file for source in bad] == sorted(BAD)
    for source in bad:
        assert re.fullmatch(BAD[source.file][1], source.problem), source
    text = str(bad_sources_error([(tmp_path, source) for source in bad])).splitlines()
    assert text[0] == "10 pictures cannot be used. Mend or remove them, or go on without them with skip_bad=True:"
    assert text[1:] == [f"  {tmp_path / source.file}: {source.problem}" for source in bad]


def test_errors_count_pictures_and_other_files(tmp_path: Path) -> None:
    one = [(tmp_path, BadSource("a.png", "is empty (0 bytes)"))]
    assert str(bad_sources_error(one)).startswith(
        "1 picture cannot be used. Mend or remove it, or go on without it with"
    )
    table = [(tmp_path, BadSource("sources.csv", problem)) for problem in ("names 'x'", "names 'y'")]
    assert str(bad_sources_error(one + table)).startswith("2 files cannot be used. Mend or remove them")
    assert len(str(bad_sources_error(one + one)).splitlines()) == 2  # one folder given twice


def test_every_bad_foreground_is_listed_at_once(tmp_path: Path) -> None:
    clear = cutout()
    clear[..., 3] = 0
    saved(clear)(tmp_path / "clear.png")
    saved(photo())(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("x")
    saved(cutout())(tmp_path / "good.png")
    sources, bad = scan(tmp_path, "foreground")
    assert [(source.id, source.height, source.width) for source in sources] == [("good", 12, 20)]
    assert {source.file: source.problem for source in bad} == {
        "clear.png": "is transparent everywhere; nothing of it would be visible",
        "photo.png": "has no alpha channel; a foreground is a cut-out with transparency",
        "text.png": "is no picture of a known kind (1 byte)",
    }


def test_foregrounds_that_all_are_opaque_are_photos(tmp_path: Path) -> None:
    """Screenshots have an alpha channel that is opaque everywhere. One such among cut-outs may be meant."""
    opaque = np.dstack([photo(), np.full((16, 24), 255, np.uint8)])
    for name in ("a.png", "b.png"):
        saved(opaque)(tmp_path / name)
    sources, bad = scan(tmp_path, "foreground")
    assert not sources
    assert [source.problem for source in bad] == [
        "is opaque everywhere; a foreground is a cut-out with transparency"
    ] * 2
    saved(cutout())(tmp_path / "c.png")
    sources, bad = scan(tmp_path, "foreground")
    assert [source.file for source in sources] == ["a.png", "b.png", "c.png"]
    assert not bad


def test_names_that_are_not_utf8_are_listed(tmp_path: Path) -> None:
    saved(photo())(tmp_path / "good.png")
    try:
        (tmp_path / os.fsdecode(b"J\xf6rg.png")).write_bytes((tmp_path / "good.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    sources, bad = scan(tmp_path, "background")
    assert [source.file for source in sources] == ["good.png"]
    assert bad == [BadSource("J\ufffdrg.png", "has a name that is not UTF-8; rename it")]


def test_a_locale_that_cannot_name_a_file_is_blamed_and_not_the_name(tmp_path: Path) -> None:
    saved(photo())(tmp_path / "good.png")
    (tmp_path / "good.png").rename(tmp_path / "出力.png")
    code = "import sys; from fgbg_data.compositing.sources import scan; from pathlib import Path; import json\n"
    code += "print(json.dumps(scan(Path(sys.argv[1]), 'background')[1][0].problem))"
    ascii_names = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, **ascii_names}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "because the locale sets ascii for names of files; set the environment variable PYTHONUTF8=1" in done.stdout


def test_threads_find_the_same_and_leave_the_warning_filters_alone(tmp_path: Path) -> None:
    """Odd metadata makes Pillow warn, here an error; the filters belong to the process, not to a thread."""
    broken = b"Exif\0\0II*\0\x08\0\0\0\x09\0" + b"\x12\x01\x03\0\x01\0\0\0"
    for number in range(24):
        Image.fromarray(photo()).save(tmp_path / f"p{number}.jpg", exif=broken)
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):
        Image.open(tmp_path / "p0.jpg").getexif()
    before = list(warnings.filters)
    told: list[int] = []
    alone = scan(tmp_path, "background", jobs=1)
    assert scan(tmp_path, "background", report=lambda: told.append(1), jobs=4) == alone
    assert not alone[1]
    assert len(told) == 24
    assert warnings.filters == before


# --- one search for every command --------------------------------------------------------------------------


def test_every_command_finds_the_same_pictures_and_counts_the_others(tmp_path: Path) -> None:
    names = ["a.jpg", "b.jfif", "c.JPE", "d.avif", "e/f.png"]
    system = [
        ".DS_Store",
        "._a.jpg",
        "Thumbs.db",
        "desktop.ini",
        "lost+found/x.png",
        "@eaDir/a.jpg",
        "e/.ipynb_checkpoints/f.png",
    ]
    for name in [*names, *system, "g.tga", "notes"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "linked").symlink_to(tmp_path / "e")
    told: list[str] = []
    found = find_named([tmp_path], told.append)
    expected = sorted([*names, "linked/f.png"])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in found) == expected
    assert find_pictures(tmp_path, "background").files == expected
    assert told == [f"{tmp_path}: 2 files were left out for their suffix: 1 without suffix, 1 .tga"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_folders_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    saved(photo())(tmp_path / "a.png")
    (tmp_path / "closed").mkdir(mode=0)
    sources, bad = scan(tmp_path, "background")
    assert [source.file for source in sources] == ["a.png"]
    assert bad == [BadSource("closed", "cannot be read (Permission denied)")]

"""Pictures in a zip or tar, or named by a list, are sources like those of a folder; and kinds that need a plugin."""

import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.one_process import verify
from PIL import Image

from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.errors import SourceError, StorageError
from fgbg_data.pictures import find_named, load_rgb, open_picture
from fgbg_data.pictures.decode import FIRST_FRAME, FIRST_PAGE
from fgbg_data.runtime.bundle import bundle_folder, lay_out


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def packed(folder: Path, target: Path) -> Path:
    """A zip, tar or list of the files of a folder, with what systems put beside them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path in files:
                archive.write(path, path.relative_to(folder))
            archive.writestr("__MACOSX/._picture.png", b"no picture")
            archive.writestr("notes.docx", b"no picture")
    elif target.suffix == ".txt":
        target.write_text("# my pictures\n\n" + "\n".join(str(path) for path in files) + "\n")
    else:
        with tarfile.open(target, "w:gz" if target.name.endswith("gz") else "w") as tar:
            tar.add(folder, ".")
    return target


@pytest.mark.parametrize("name", ["pictures.zip", "pictures.tar", "pictures.tar.gz"])
def test_an_archive_builds_the_dataset_of_its_folder(pictures: Path, tmp_path: Path, name: str) -> None:
    build(config_for(pictures, tmp_path / "plain", positions=1))
    (tmp_path / "packed").mkdir()
    bg, fg = (packed(pictures / kind, tmp_path / "packed" / f"{kind}-{name}") for kind in ("bg", "fg"))
    build(config_for(pictures, tmp_path / "out", positions=1, bg=bg, fg=fg, jobs=2))
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")
    assert verify(tmp_path / "out", rerender=3, bg=bg, fg=fg).rerendered == 3


def test_a_list_names_the_pictures_of_any_folders(pictures: Path, tmp_path: Path) -> None:
    listed = packed(pictures / "bg", tmp_path / "bg.txt")
    manifest = build(config_for(pictures, tmp_path / "out", positions=1, bg=listed))
    files = sorted((pictures / "bg").glob("*.*"))
    assert {Path(source.file or "").name for source in manifest.identity.sources.backgrounds} == {
        path.name for path in files
    }
    listed.write_text(f"{files[0]}\nnowhere.png\n")
    with pytest.raises(StorageError, match="lists 1 file that cannot be found: nowhere.png"):
        build(config_for(pictures, tmp_path / "new", bg=listed))


def test_a_changed_archive_is_unpacked_anew(pictures: Path, tmp_path: Path) -> None:
    target = packed(pictures / "bg", tmp_path / "bg.zip")
    before = bundle_folder(target)
    lay_out(target, lambda name: True, 1e9)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("more.png", (sorted((pictures / "bg").glob("*.*"))[0]).read_bytes())
    assert bundle_folder(target) != before
    assert "more.png" in lay_out(target, lambda name: True, 1e9)


def test_an_archive_writes_nothing_outside_its_folder_and_no_more_than_is_allowed(
    tmp_path: Path, own_cache: Path
) -> None:
    target = tmp_path / "evil.tar"
    with tarfile.open(target, "w") as tar:
        for name in ("../../out.png", "/tmp/fgbg-out.png", "a/../../b.png", "good.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert lay_out(target, lambda name: True, 1e9) == ["good.png"]
    assert {path.name for path in own_cache.rglob("*.png")} == {"good.png"}
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(10_000_000))
    with pytest.raises(StorageError, match="holds more than 1.0 MB"):
        lay_out(bomb, lambda name: True, 1e6)
    assert not bundle_folder(bomb).exists()
    (tmp_path / "cut.zip").write_bytes(bomb.read_bytes()[:2000])
    with pytest.raises(StorageError, match="is damaged, or no archive"):
        lay_out(tmp_path / "cut.zip", lambda name: True, 1e9)


def test_commands_on_pictures_take_archives_too(pictures: Path, tmp_path: Path) -> None:
    target = packed(pictures / "bg", tmp_path / "bg.zip")
    done = CliRunner().invoke(main, ["depth", str(target), "-o", str(tmp_path / "depth"), "--depth", "fake"])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "depth").glob("*.depth.png"))) == len(find_named([pictures / "bg"]))


# --- kinds of pictures ------------------------------------------------------------------------------------


def frames() -> Iterator[Image.Image]:
    for value in (10, 200):
        yield Image.fromarray(np.full((16, 24, 3), value, np.uint8))


@pytest.mark.parametrize(("suffix", "options"), [("gif", {}), ("png", {}), ("webp", {"lossless": True})])
def test_only_the_first_frame_of_an_animation_is_used_and_a_note_says_so(
    pictures: Path, tmp_path: Path, suffix: str, options: dict[str, bool]
) -> None:
    (tmp_path / "bg").mkdir()
    for path in sorted((pictures / "bg").iterdir())[:5]:
        (tmp_path / "bg" / path.name).write_bytes(path.read_bytes())
    first, second = frames()
    path = tmp_path / "bg" / f"moving.{suffix}"
    first.save(path, save_all=True, append_images=[second], **options)
    assert np.asarray(load_rgb(path)).max() <= 12
    assert FIRST_FRAME in open_picture(path).info
    manifest = build(config_for(pictures, tmp_path / "out", positions=1, bg=tmp_path / "bg"))
    assert "of 1 animation, only the first frame is used" in manifest.notes


def test_of_a_tiff_the_first_page_is_used_and_that_is_noted_unless_the_others_are_small_copies(
    pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "bg").mkdir()
    for path in sorted((pictures / "bg").iterdir())[:5]:
        (tmp_path / "bg" / path.name).write_bytes(path.read_bytes())
    first, second = frames()
    paged, copies = tmp_path / "bg" / "paged.tif", tmp_path / "bg" / "copies.tif"
    first.save(paged, save_all=True, append_images=[second])
    second.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: a smaller copy of the first page
    first.save(copies, save_all=True, append_images=[second])
    assert np.asarray(load_rgb(paged)).max() <= 12
    assert FIRST_PAGE in open_picture(paged).info
    assert FIRST_PAGE not in open_picture(copies).info
    assert FIRST_FRAME not in open_picture(paged).info
    manifest = build(config_for(pictures, tmp_path / "out", positions=1, bg=tmp_path / "bg"))
    assert "of 1 TIFF file with several pages, only the first page is used" in manifest.notes


@pytest.mark.parametrize(("plugin", "name"), [("pillow_heif", "photo.heic"), ("pillow_jxl", "photo.jxl")])
def test_photos_of_phones_and_jpeg_xl_are_read_the_right_way_up(tmp_path: Path, plugin: str, name: str) -> None:
    module = pytest.importorskip(plugin, reason=f"{plugin} is not installed (extra photos)")
    if plugin == "pillow_heif":
        module.register_heif_opener()
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, 24:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / name
    Image.fromarray(pixels).save(path, quality=95, exif=exif.tobytes())
    found = load_rgb(path)
    # In HEIC the tag becomes a rotation of the file; in JPEG XL the codestream decides, and the tag says nothing.
    assert found.size == ((32, 48) if plugin == "pillow_heif" else (48, 32))
    grey = np.asarray(found.convert("L")).astype(int)
    first, last = (grey[:8], grey[-8:]) if plugin == "pillow_heif" else (grey[:, :8], grey[:, -8:])
    assert first.mean() < 20
    assert last.mean() > 235


def test_a_missing_plugin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(40))
    with pytest.raises(SourceError, match=r"is a HEIC picture; run: pip install 'fgbg\[photos\]'"):
        open_picture(tmp_path / "a.heic")

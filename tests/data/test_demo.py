"""The demo's pictures: they are usable sources, a second run writes the same bytes, and other files are left alone."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import contents
from PIL import Image

from fgbg_data.demo import BACKGROUNDS, FOREGROUNDS, DemoPaths, write_demo
from fgbg_data.demo.paint import Canvas, Linear
from fgbg_data.demo.shapes import ellipse, rounded
from fgbg_data.errors import StorageError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    return write_demo(tmp_path_factory.mktemp("demo"))


def test_a_dozen_pictures_of_each_kind_have_slugs_for_names(demo: DemoPaths) -> None:
    assert (len(BACKGROUNDS), len(FOREGROUNDS)) == (12, 12)
    assert {p.name for p in demo.backgrounds.iterdir()} == {f"{n}.jpg" for n in BACKGROUNDS} | {"sources.csv"}
    assert {p.name for p in demo.foregrounds.iterdir()} == {f"{n}.png" for n in FOREGROUNDS} | {"sources.csv"}
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in [*BACKGROUNDS, *FOREGROUNDS])


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_every_background_is_an_rgb_photo_of_one_size(demo: DemoPaths, name: str) -> None:
    with Image.open(demo.backgrounds / f"{name}.jpg") as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (480, 360))
        pixels = np.asarray(picture)
    assert pixels.std() > 20, "nearly one colour"


@pytest.mark.parametrize("name", FOREGROUNDS)
def test_every_cutout_has_soft_edges_and_a_clear_border(demo: DemoPaths, name: str) -> None:
    with Image.open(demo.foregrounds / f"{name}.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        assert 300 <= max(picture.size) <= 400
        pixels = np.asarray(picture)
    alpha = pixels[..., 3]
    assert (alpha == 0).any()
    assert 0.15 < (alpha == 255).mean() < 0.8
    soft = ((alpha > 0) & (alpha < 255)).mean()
    assert 0.003 < soft < 0.1, "edges are antialiased and the inside is opaque"
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert border.max() == 0, "cut off at the edge of its canvas"
    assert not pixels[alpha == 0].any(), "clear pixels hold no colour"


@pytest.mark.parametrize("name", ["dog", "person-standing", "armchair", "suitcase"])
def test_edges_have_the_colour_of_the_inside(name: str) -> None:
    """A halo would show as edge pixels far lighter or darker than the opaque pixels beside them."""
    pixels = FOREGROUNDS[name]().pixels().astype(float)
    opaque = pixels[..., 3] == 255
    steps = []
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        beside = np.roll(opaque, shift, axis) & (pixels[..., 3] > 20) & (pixels[..., 3] < 200)
        steps.append(np.abs(pixels - np.roll(pixels, shift, axis))[..., :3].mean(axis=2)[beside])
    assert np.median(np.concatenate(steps)) < 12


def test_sources_csv_names_every_picture(demo: DemoPaths) -> None:
    for folder, suffix, table in ((demo.backgrounds, ".jpg", BACKGROUNDS), (demo.foregrounds, ".png", FOREGROUNDS)):
        with (folder / "sources.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["file"] for row in rows] == [name + suffix for name in table]
        assert {(row["licence"], row["author"], row["url"]) for row in rows} == {("CC0-1.0", "fgbg demo", "")}


def test_a_second_run_writes_the_same_bytes_and_leaves_nothing_else(
    demo: DemoPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ("library", "night-skyline")
    monkeypatch.setattr("fgbg_data.demo.BACKGROUNDS", {name: BACKGROUNDS[name] for name in some})
    monkeypatch.setattr("fgbg_data.demo.FOREGROUNDS", {name: FOREGROUNDS[name] for name in ("balloons", "cat")})
    paths = write_demo(tmp_path)
    first = contents(tmp_path)
    assert len(first) == 2 + 2 + 2
    for name, content in first.items():
        if not name.endswith(".csv"):
            assert content == (demo.backgrounds.parent / name).read_bytes(), name
    (paths.foregrounds / "cat.png").write_bytes(b"cut short")
    (paths.foregrounds / "cat.png.01234567-0123456789ab.partial").write_bytes(b"killed here")
    assert write_demo(tmp_path) == paths
    assert contents(tmp_path) == first


@pytest.mark.parametrize(
    "stranger", ["holiday.jpg", "bg/holiday.jpg", "fg/.notes", "bg/cat.png", "fg/mine/cat.png", "fg/mine.partial"]
)
def test_a_folder_with_other_files_is_refused(tmp_path: Path, stranger: str) -> None:
    (tmp_path / stranger).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / stranger).write_bytes(b"mine")
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="which the demo did not write. Name a new or an empty folder") as caught:
        write_demo(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert stranger.split("/")[-1] in str(caught.value) or "mine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_what_was_built_from_the_demo_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fgbg_data.demo.BACKGROUNDS", {"office": BACKGROUNDS["office"]})
    monkeypatch.setattr("fgbg_data.demo.FOREGROUNDS", {"cat": FOREGROUNDS["cat"]})
    for name in ("shards/dataset.json", "runs/first/config.toml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("theirs")
    write_demo(tmp_path)
    assert (
        (tmp_path / "shards/dataset.json").read_text() == (tmp_path / "runs/first/config.toml").read_text() == "theirs"
    )


def test_a_refusal_counts_the_other_files(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(StorageError, match=re.escape("holds a.txt and 2 more, which")):
        write_demo(tmp_path)


@pytest.mark.parametrize("own", ["", "bg", "fg"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, own: str) -> None:
    target = tmp_path / "demo"
    if own:
        target.mkdir()
    (target / own).touch()
    with pytest.raises(StorageError, match="is a file, and the demo needs a folder there"):
        write_demo(target)


def test_a_failed_write_leaves_no_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("fgbg_data.demo.BACKGROUNDS", {"office": BACKGROUNDS["office"]})
    with pytest.raises(StorageError, match="No space left on device"):
        write_demo(tmp_path)
    assert contents(tmp_path) == {}


def test_shading_stays_inside_the_shape() -> None:
    canvas = Canvas(40, 40, 0)
    canvas.solid(ellipse(20, 20, 10), Linear((10, 10), (30, 30), ("#ffffff", "#808080")))
    canvas.shadow(rounded(0, 0, 40, 40), opacity=0.5)
    canvas.glow(20, 20, 30, "#ffffff")
    alpha = canvas.pixels()[..., 3]
    assert alpha[20, 20] == 255
    assert not alpha[:9].any()
    assert alpha.astype(float).sum() / 255 == pytest.approx(np.pi * 100, rel=0.1)
